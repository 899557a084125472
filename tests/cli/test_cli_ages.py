"""A file in which the order of a history counts, on the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sparserec.artefact import TableData, write
from sparserec.vocabulary import Vocabulary


@pytest.fixture
def file(tmp_path):
    """Item columns in which each letter leads to the next one."""
    columns = np.arange(-1, 7) % 8
    table = TableData(np.arange(9), columns, np.ones(8, dtype=np.float32), 8)
    write(
        tmp_path / "m", items=table, item_ids=Vocabulary.of("abcdefgh"), values_dtype="float16", age_decay=(0.5, 0.25)
    )
    return tmp_path / "m"


def first(sparserec, *args) -> list[tuple[str, float]]:
    code, out, err = sparserec("recommend", *args, "--json", "-k", 2)
    assert (code, err) == (0, "")
    return [(one["item"], one["score"]) for one in json.loads(out)]


def test_a_history_is_oldest_first(sparserec, file, tmp_path):
    assert first(sparserec, file, "--history", "a,e") == [("f", 1.0), ("b", 0.25)]
    assert first(sparserec, file, "--history", "e", "--history", "a") == [("b", 1.0), ("f", 0.25)]
    assert first(sparserec, file, "--history", "a,e,a") == [("b", 1.0), ("f", 0.25)]
    (tmp_path / "taken.txt").write_text("e\n")
    assert first(sparserec, file, "--history-file", tmp_path / "taken.txt", "--history", "a")[0] == ("f", 1.0)
    code, out, err = sparserec("recommend", file, "--history", "a,x,e,y", "--unknown", "ignore", "--json", "-k", 1)
    assert (code, [one["item"] for one in json.loads(out)]) == (0, ["f"])
    assert "x" in err


def test_help_says_so(sparserec):
    assert "oldest first" in " ".join(sparserec("recommend", "--help")[1].split())


def test_inspect_says_whether_order_counts(sparserec, file, tmp_path):
    _, out, _ = sparserec("inspect", file)
    assert "each newer item leaves of an item" in out
    assert "0.25" in out
    assert json.loads(sparserec("inspect", file, "--json")[1])["age_decay"] == [0.5, 0.25]
    write(tmp_path / "plain", items=np.eye(3, dtype=np.float32), item_ids=Vocabulary.of("abc"))
    assert "each newer item" not in sparserec("inspect", tmp_path / "plain")[1]
    assert json.loads(sparserec("inspect", tmp_path / "plain", "--json")[1])["age_decay"] is None
