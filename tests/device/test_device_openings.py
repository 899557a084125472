"""Where a file is opened from, and a patch applied from: what is no path, pipes, other folders."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path

import numpy as np
import pytest
from catalogues import as_csr

from sparserec import SparserecError
from sparserec.artefact import write
from sparserec.artefact.delta import delta
from sparserec.device import Recommender
from sparserec.vocabulary import Vocabulary


@pytest.fixture
def folder(tmp_path) -> Path:
    """With two files, and the patch that makes the second of the first."""
    for name, last in (("old", 3), ("new", 5)):
        items = as_csr(np.array([[1], [2], [last]], dtype=np.float32))
        write(tmp_path / name, items=items, item_ids=Vocabulary.of("abc"), values_dtype="float16")
    (tmp_path / "patch").write_bytes(delta((tmp_path / "old").read_bytes(), (tmp_path / "new").read_bytes()))
    return tmp_path


class ByteName:
    """What `os.scandir` gives for a folder in bytes, in small."""

    def __fspath__(self) -> bytes:
        return b"old"


NO_PATHS = {
    "None": (None, "a file is given by its path, as text or a Path, not as None"),
    "a number": (5, "not as int"),
    "a descriptor": (True, "not as bool"),
    "bytes": (b"odd.safetensors", "not as bytes"),
    "a list": (["odd.safetensors"], "not as list"),
    "a path of bytes": (ByteName(), "not as ByteName"),
    "a zero": ("a\0b", r"'a\\x00b': no file can have this name"),
    "half a character": ("\ud800", r"'\\ud800': no file can have this name"),
    "half a character in a Path": (Path("\ud800"), "no file can have this name"),
    "an address": (
        "https://example.org/m.safetensors",
        "^https://example.org/m.safetensors: files are opened by their path, not by a URL; download it first$",
    ),
    "an address as a Path": (Path("s3://bucket/m"), "^s3:/bucket/m: files are opened by their path, not by a URL"),
    "a long address": ("http://example.org/" + "m" * 5000, "not by a URL; download it first$"),
    "absent": ("nope", "^nope: no such file$"),
}


@pytest.mark.parametrize("case", NO_PATHS)
def test_what_is_no_path_is_neither_opened_nor_applied(folder, monkeypatch, case):
    monkeypatch.chdir(folder)
    path, message = NO_PATHS[case]
    with pytest.raises(SparserecError, match=message):
        Recommender.open(path)
    with pytest.raises(SparserecError, match=message):
        Recommender.open("old").apply(path)


@pytest.mark.parametrize("out", [5, b"out", "a\0b", "\ud800"], ids=repr)
def test_what_is_no_path_is_not_written_to(folder, out):
    with pytest.raises(SparserecError, match=r"a file is given by its path|no file can have this name"):
        Recommender.open(folder / "old").apply(folder / "patch", out)
    assert {path.name for path in folder.iterdir()} == {"old", "new", "patch"}


def test_a_missing_patch_is_named_once(folder):
    with pytest.raises(SparserecError, match=f"^{re.escape(str(folder))}/nope: no such file$"):
        Recommender.open(folder / "old").apply(folder / "nope")


def test_a_bad_patch_is_named(folder):
    (folder / "bad").write_bytes(b"no patch")
    with pytest.raises(SparserecError, match=f"^{re.escape(str(folder))}/bad: not a patch"):
        Recommender.open(folder / "old").apply(folder / "bad")


def test_the_file_is_found_again_from_another_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)
    model = Recommender.open("old")
    monkeypatch.chdir("/")
    assert model.apply(folder / "patch").score(["c"], ["a"]).tolist() == [5]


def test_a_file_whose_name_looks_like_an_address(folder, monkeypatch):
    (folder / "https:").mkdir()
    (folder / "old").rename(folder / "https:" / "old")
    monkeypatch.chdir(folder)
    assert Recommender.open("https://old").n_items == 3


def fed(pipe: Path, data: bytes) -> threading.Thread:
    """Somebody who writes data to a named pipe, once it is read."""
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(data,), daemon=True)
    writer.start()
    return writer


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_read_to_its_end(folder):
    whole = (folder / "old").read_bytes()
    writer = fed(folder / "pipe", whole)
    model = Recommender.open(folder / "pipe")
    writer.join()
    assert model.recommend(["a"]) == Recommender.open(folder / "old").recommend(["a"])
    with pytest.raises(SparserecError, match="not opened from a file that can be read again, so there is nothing"):
        model.apply(folder / "patch")
    for name, data, message in (
        ("short", whole[:-3], "short: .*cut off"),
        ("none", b"", "none is empty"),
        ("four", whole[:4], "four is too short"),
    ):
        writer = fed(folder / name, data)
        with pytest.raises(SparserecError, match=message):
            Recommender.open(folder / name)
        writer.join()
    writer = fed(folder / "patches", (folder / "patch").read_bytes())
    assert Recommender.open(folder / "old").apply(folder / "patches").score(["c"], ["a"]).tolist() == [5]
    writer.join()


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero")
def test_a_device_is_no_file():
    with pytest.raises(SparserecError, match=r"^/dev/zero is a device, not an exported file$"):
        Recommender.open("/dev/zero")
