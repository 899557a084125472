"""A file is replaced whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sparserec import SparserecError
from sparserec.files import filling, replacing, together, write_bytes, write_text


@pytest.fixture
def target(tmp_path) -> Path:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"old")
    return path


def alone(path: Path) -> bool:
    return [entry.name for entry in path.parent.iterdir()] == [path.name]


def no_space(*_args, **_kwargs):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_the_new_file_takes_the_place_of_the_old(target):
    with replacing(target) as part:
        part.write_bytes(b"new")
        assert part.parent == target.parent
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"
    assert alone(target)


def test_bytes_and_text(tmp_path):
    write_bytes(tmp_path / "a", b"\x00\xff")
    assert (tmp_path / "a").read_bytes() == b"\x00\xff"
    write_text(tmp_path / "a", "é\n")
    assert (tmp_path / "a").read_bytes() == b"\xc3\xa9\n"
    assert alone(tmp_path / "a")


def write_half(path: Path, error: type[BaseException]) -> None:
    with replacing(path) as part:
        part.write_bytes(b"half")
        raise error("stop")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SparserecError])
def test_an_exception_inside_leaves_the_old_file(target, error):
    with pytest.raises(error, match=r"^stop$"):
        write_half(target, error)
    assert target.read_bytes() == b"old"
    assert alone(target)


def test_an_exception_inside_leaves_nothing_where_nothing_was(tmp_path):
    with pytest.raises(ValueError, match="stop"):
        write_half(tmp_path / "new", ValueError)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_while_flushing(target, monkeypatch):
    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(SparserecError, match=rf"cannot write .*{target.name}: No space left"):
        write_bytes(target, b"new")
    assert target.read_bytes() == b"old"
    assert alone(target)


def test_a_disk_that_is_full_while_writing(target, monkeypatch):
    monkeypatch.setattr(Path, "write_bytes", no_space)
    with pytest.raises(SparserecError, match=rf"cannot write .*{target.name}: No space left"):
        write_bytes(target, b"new")
    monkeypatch.undo()
    assert target.read_bytes() == b"old"
    assert alone(target)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(SparserecError, match=r"cannot write .*absent.*: No such file"):
        write_bytes(tmp_path / "absent" / "file", b"")


def fill(folder: Path, *names: str) -> None:
    with filling(folder):
        for name in names:
            (folder / name).write_text("kept")
        raise KeyboardInterrupt


def test_a_folder_that_stays_empty_goes_again(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path / "a" / "b", "file")
    assert (tmp_path / "a" / "b" / "file").exists()
    (tmp_path / "before").mkdir()
    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path / "before")
    assert (tmp_path / "before").exists()


def test_a_folder_that_cannot_be_made(target):
    with pytest.raises(SparserecError, match=r"cannot make the folder .*model"), filling(target):
        pass
    assert target.read_bytes() == b"old"


def test_files_of_use_only_together_stay_or_go_together(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    with together(one, other):
        one.write_text("1")
        other.write_text("2")
    assert one.exists()
    with pytest.raises(SparserecError, match="full"), together(one, other):
        raise SparserecError("full")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_place_of_the_file(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(SparserecError, match=r"cannot write .*folder"):
        write_bytes(tmp_path / "folder", b"new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


@pytest.mark.skipif(os.name == "nt", reason="permissions of Unix")
def test_the_file_gets_the_usual_permissions(tmp_path):
    before = os.umask(0o027)
    try:
        write_bytes(tmp_path / "file", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")
def test_a_kill_while_writing_leaves_the_old_file(target):
    script = (
        "import os, signal, sys\n"
        "from sparserec.files import replacing\n"
        "with replacing(sys.argv[1]) as part:\n"
        "    part.write_bytes(b'half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(target)], check=False).returncode == -9
    assert target.read_bytes() == b"old"
