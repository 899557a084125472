"""A file is replaced whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sparserec import SparserecError, files
from sparserec.files import filling, replacing, sweep, together, write_bytes, write_text


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
    write_bytes(target, b"new")
    assert alone(target)


unix = pytest.mark.skipif(os.name == "nt", reason="permissions, links and locks of Unix")

WRITER = (
    "import sys, time\n"
    "from sparserec.files import replacing\n"
    "with replacing(sys.argv[1]) as part:\n"
    "    part.write_bytes(b'half')\n"
    "    print(part.name, flush=True)\n"
    "    sys.stdin.readline()\n"
)


@pytest.fixture
def writer():
    """Start a process that is in the middle of writing a file; its temporary name comes with it."""
    running = []

    def start(path: Path) -> tuple[subprocess.Popen, Path]:
        command = [sys.executable, "-c", WRITER, str(path)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        running.append(process)
        return process, path.with_name(process.stdout.readline().rstrip("\n"))

    yield start
    for process in running:
        process.kill()
        process.communicate()


@unix
def test_what_a_killed_writer_left_goes_with_the_next_writing_and_what_a_live_one_needs_stays(tmp_path, writer):
    target, other = tmp_path / "model.safetensors", tmp_path / "model.safetensors.other"
    killed, left = writer(target)
    killed.kill()
    killed.wait()
    assert left.exists()
    live, needed = writer(target)
    assert not left.exists()
    _, beside = writer(other)
    write_bytes(target, b"new")
    assert needed.read_bytes() == beside.read_bytes() == b"half"
    live.communicate("\n")
    assert target.read_bytes() == b"half"


@unix
def test_a_folder_of_ours_is_swept_whole(tmp_path, writer):
    for name in ("checkpoint.safetensors", "best.safetensors"):
        killed, _ = writer(tmp_path / name)
        killed.kill()
        killed.wait()
    _, needed = writer(tmp_path / "metrics.json")
    for name in (".hidden.part", "model.part", ".a.12345678.parts", ".a.1234567.part"):
        (tmp_path / name).write_text("another's")
    sweep(tmp_path)
    kept = {needed.name, ".hidden.part", "model.part", ".a.12345678.parts", ".a.1234567.part"}
    assert {entry.name for entry in tmp_path.iterdir()} == kept
    sweep(tmp_path / "absent")


@unix
def test_without_locks_only_old_files_are_swept(target, monkeypatch):
    def no_locks(handle, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(files.fcntl, "flock", no_locks)
    old, young = (target.with_name(f".{target.name}.{letter * 8}.part") for letter in "oy")
    old.write_bytes(b"half")
    young.write_bytes(b"half")
    os.utime(old, (1e9, 1e9))
    write_bytes(target, b"new")
    assert target.read_bytes() == b"new"
    assert not old.exists()
    assert young.exists()


@unix
def test_a_link_in_the_place_of_a_temporary_file_is_left(target, tmp_path):
    (tmp_path / "kept").write_text("kept")
    target.with_name(f".{target.name}.abcdefgh.part").symlink_to(tmp_path / "kept")
    write_bytes(target, b"new")
    assert (tmp_path / "kept").read_text() == "kept"


@unix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o666])
def test_a_file_keeps_its_permissions(target, mode):
    target.chmod(mode)
    with replacing(target) as part:
        assert not stat.S_IMODE(part.stat().st_mode) & ~(mode | 0o600)
        part.write_bytes(b"new")
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == mode


@unix
def test_a_link_stays_a_link(target, tmp_path):
    (tmp_path / "links").mkdir()
    link, further = tmp_path / "links" / "model", tmp_path / "links" / "further"
    link.symlink_to(Path("..") / target.name)
    further.symlink_to(link)
    target.chmod(0o600)
    write_bytes(further, b"new")
    assert link.is_symlink()
    assert further.is_symlink()
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert sorted(entry.name for entry in (tmp_path / "links").iterdir()) == ["further", "model"]
    target.unlink()  # a link to what is not there yet
    write_bytes(link, b"again")
    assert target.read_bytes() == b"again"


@unix
def test_a_circle_of_links(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(SparserecError, match=r"cannot write .*a: "):
        write_bytes(tmp_path / "a", b"")


@unix
def test_a_device_or_a_pipe_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path(os.devnull)):
        with pytest.raises(SparserecError, match=f"cannot write {path}: it is a device or a pipe"):
            write_bytes(path, b"")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


@unix
def test_a_file_system_without_permissions(target, monkeypatch):
    def refused(*_args, **_kwargs):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    for call in ("chmod", "fchmod", "chown"):
        monkeypatch.setattr(os, call, refused)
    write_bytes(target, b"new")
    assert target.read_bytes() == b"new"
    write_bytes(target.with_name("other"), b"new")
    assert target.with_name("other").read_bytes() == b"new"


@unix
@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EIO])
def test_a_folder_that_cannot_be_flushed(target, monkeypatch, code):
    flush = os.fsync

    def only_files(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(code, os.strerror(code))
        flush(handle)

    monkeypatch.setattr(os, "fsync", only_files)
    write_bytes(target, b"new")
    assert target.read_bytes() == b"new"
    assert alone(target)


@unix
def test_a_file_system_without_fsync(target, monkeypatch):
    def missing(handle):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "fsync", missing)
    write_bytes(target, b"new")
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("name", ["n" * 255, "é" * 127, ".part", "a b\n'[c]'.txt", "-o"])
def test_names_of_all_sorts(tmp_path, name):
    write_bytes(tmp_path / name, b"new")
    assert (tmp_path / name).read_bytes() == b"new"
    assert alone(tmp_path / name)


@unix
def test_a_name_that_is_no_utf_8(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    write_bytes(path, b"new")
    assert os.listdir(os.fsencode(tmp_path)) == [b"caf\xe9"]
    with pytest.raises(SparserecError, match="cannot write") as error:
        write_bytes(path / "below", b"")
    str(error.value).encode()  # can be shown
