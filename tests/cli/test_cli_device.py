"""`recommend --explain`, `delta`, `apply` and `export --format onnx`."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from sparserec.artefact import TableData, write
from sparserec.vocabulary import Vocabulary


@pytest.fixture
def files(tmp_path):
    """Two models of six items in two columns; the last item differs."""
    for name, last in (("old", 1.0), ("new", 3.0)):
        values = np.array([2, 1, 1, 1, 2, last], dtype=np.float32)
        table = TableData(np.arange(7), np.array([0, 0, 0, 0, 1, 0]), values, 2)
        write(tmp_path / name, items=table, item_ids=Vocabulary.of("abcdef"), values_dtype="float16")
    return tmp_path / "old", tmp_path / "new"


def test_reasons_for_people_and_for_programs(sparserec, files):
    query = ("recommend", files[0], "--history", "b, e,c,d,f", "-k", 1, "--explain")
    code, out, err = sparserec(*query)
    assert (code, err) == (0, "")
    assert "because of" in out
    assert "b (+2.0000), c (+2.0000), d (+2.0000), 2 more" in out
    code, out, _ = sparserec(*query, "--json")
    because = [{"item": item, "adds": adds} for item, adds in zip("bcdfe", [2, 2, 2, 2, 0], strict=True)]
    assert json.loads(out) == [{"item": "a", "score": 8.0, "because": because}]


def test_exclude_and_candidates(sparserec, files):
    code, out, _ = sparserec("recommend", files[0], "--history", "a", "--exclude", "b,c", "-k", 2, "--json")
    assert (code, [found["item"] for found in json.loads(out)]) == (0, ["d", "f"])
    code, out, _ = sparserec("recommend", files[0], "--history", "a", "--candidates", "e, d,a", "--json")
    assert (code, [found["item"] for found in json.loads(out)]) == (0, ["d", "e"])
    code, _, err = sparserec("recommend", files[0], "--history", "a", "--exclude", "z")
    assert code == 2
    assert "unknown excluded item 'z'" in err


def test_delta_and_apply(sparserec, files, tmp_path):
    old, new = files
    code, out, _ = sparserec("delta", old, new, "--out", tmp_path / "patch", "--json")
    assert (code, json.loads(out)["new"]) == (0, new.stat().st_size)
    code, out, _ = sparserec("delta", old, new, "--out", tmp_path / "patch")
    assert "of the new file" in out
    code, out, err = sparserec("apply", old, tmp_path / "patch", "--out", tmp_path / "made")
    assert (code, err) == (0, "")
    assert (tmp_path / "made").read_bytes() == new.read_bytes()
    code, _, err = sparserec("apply", new, tmp_path / "patch", "--out", tmp_path / "none")
    assert code == 2
    assert "for another file" in err
    assert not (tmp_path / "none").exists()


def test_onnx_of_a_file_and_of_a_run(sparserec, files, trained, tmp_path):
    code, out, err = sparserec("export", files[0], "--format", "onnx", "--out", tmp_path / "a.onnx", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["bytes"] == (tmp_path / "a.onnx").stat().st_size
    run, file = trained
    for source, out in ((run, "run.onnx"), (file, "file.onnx")):
        code, _, err = sparserec("export", source, "--format", "onnx", "--out", tmp_path / out)
        assert code == 0, err
    assert (tmp_path / "run.onnx").read_bytes() == (tmp_path / "file.onnx").read_bytes()


def test_onnx_that_is_not_installed(sparserec, files, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sparserec.exchange", None)
    code, _, err = sparserec("export", files[0], "--format", "onnx", "--out", tmp_path / "a.onnx")
    assert code == 2
    assert "onnx" in err
