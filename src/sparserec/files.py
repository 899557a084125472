"""Writing files so that a kill at any moment leaves the old file or the new one, whole."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sparserec.errors import SparserecError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """A temporary file beside `path` to write to; on leaving it is flushed to disk and renamed to `path`.

    A file that is there keeps its permissions, a symbolic link stays one: the file that it names is replaced. When the
    body fails, the temporary file is removed and `path` is as it was; what a killed process left of an earlier writing
    of the same file goes too. An OSError (disk full, no permission) becomes a SparserecError.
    """
    target = Path(path)
    try:
        before = _before(target)
        place = Path(os.path.realpath(target)) if target.is_symlink() else target
        sweep(place.parent, place.name)
        part, handle = _claimed(place, None if before is None else stat.S_IMODE(before.st_mode))
    except OSError as error:
        raise SparserecError(f"cannot write {target}: {error.strerror or error}") from None
    try:
        yield part
        _flush(part)
        if before is not None:
            _like(part, before)
        os.replace(part, place)
        _flush_folder(place.parent)
    except OSError as error:
        raise SparserecError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
        if handle is not None:
            os.close(handle)


def sweep(folder: Path | str, name: str | None = None) -> None:
    """Remove temporary files of writers that were killed; those of writers that live stay.

    Args:
        folder: where to look; what cannot be read or removed is left.
        name: of the file whose temporary files go; None for those of all files, in folders that are ours alone.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _PART.fullmatch(entry.name)
            if found and (name is None or found["name"] == _short(name)) and entry.is_file(follow_symlinks=False):
                with suppress(OSError):
                    _remove_if_abandoned(entry.path)


def make_folder(path: Path | str) -> None:
    """Make a folder, and those it lies in, where it is missing. An OSError becomes a SparserecError."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SparserecError(f"cannot make the folder {path}: {error.strerror or error}") from None


@contextmanager
def filling(path: Path | str) -> Iterator[None]:
    """Make a folder to put files into. When the body fails, a folder that was made goes again if it is empty."""
    target = Path(path)
    made = [folder for folder in (target, *target.parents) if not folder.exists()]
    try:
        make_folder(target)
        yield
    except BaseException:
        with suppress(OSError):
            for folder in made:
                folder.rmdir()
        raise


@contextmanager
def together(*paths: Path) -> Iterator[None]:
    """Files that are of use only together: when the body fails, none of them stays."""
    try:
        yield
    except BaseException:
        for path in paths:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        raise


def read_bytes(path: Path | str) -> bytes:
    """All of a file. An OSError (missing, a folder, no permission) becomes a SparserecError that names it."""
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise SparserecError(f"{path}: no such file") from None
    except OSError as error:
        raise SparserecError(f"{path}: cannot be read ({error.strerror or error})") from None


@contextmanager
def text_name(path: Path | str) -> Iterator[str]:
    """A name of a file that is there for libraries that take UTF-8 alone; where its own is none, that of a handle.

    Raises OSError as `os.open` does.
    """
    name = os.fspath(path)
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        handle = os.open(name, os.O_RDONLY)
        try:
            yield f"/dev/fd/{handle}"
        finally:
            os.close(handle)
    else:
        yield name


def refuse_input(out: Path, *read: Path) -> None:
    """Raise SparserecError where the file that is to be written is one of those that are read."""
    for path in read:
        with suppress(OSError):
            if os.path.samefile(out, path):
                raise SparserecError(f"{out} is what is read, and would be lost: name another file to write")


def write_text(path: Path | str, text: str) -> None:
    """Write a text file atomically, as UTF-8."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def write_bytes(path: Path | str, data: bytes) -> None:
    """Write a binary file atomically."""
    with replacing(path) as part:
        part.write_bytes(data)


_PART = re.compile(r"\.(?P<name>.+)\.[0-9a-z_]{8}\.part", re.DOTALL)
"""Names of temporary files."""
_NAME_BYTES = 200
"""Bytes of a name that its temporary file repeats: a name may have 255 in all."""
_ABANDONED_SECONDS = 86_400.0
"""Age from which a temporary file counts as abandoned where files can't be locked."""
_CANNOT_FLUSH = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
"""What file systems answer that have no fsync; they keep what was written as well as they can."""


def _before(target: Path) -> os.stat_result | None:
    """What is known of the file that will be replaced. Raises OSError for what is no file, such as /dev/null."""
    try:
        known = target.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(known.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(known.st_mode):
        raise OSError(errno.EINVAL, "it is a device or a pipe, and only a file can be replaced whole")
    return known


def _short(name: str) -> str:
    """What the name of a temporary file repeats of a name."""
    return os.fsdecode(os.fsencode(name)[:_NAME_BYTES])


def _claimed(place: Path, mode: int | None) -> tuple[Path, int | None]:
    """A new temporary file beside `place`, and a handle that holds its lock for as long as its writer lives.

    Its permissions are those that a new file gets, or no more than `mode` and those that its writer needs.
    """
    letters = "abcdefghijklmnopqrstuvwxyz0123456789_"
    while True:
        chance = "".join(secrets.choice(letters) for _ in range(8))
        part = place.with_name(f".{_short(place.name)}.{chance}.part")
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
            handle = os.open(part, flags, 0o666 if mode is None else mode & 0o666 | 0o600)
        except FileExistsError:
            continue
        if fcntl is None:  # and a file that is open can't be renamed
            os.close(handle)
            return part, None
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        if part.exists():  # else another process swept it before it was locked
            return part, handle
        os.close(handle)


def _remove_if_abandoned(path: str) -> None:
    """Remove a temporary file that nobody has locked; where there are no locks, one that is a day old."""
    if fcntl is None:
        if time.time() - os.stat(path).st_mtime > _ABANDONED_SECONDS:
            os.unlink(path)
        return
    handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(path)
    except BlockingIOError:
        pass
    except OSError:
        if time.time() - os.fstat(handle).st_mtime > _ABANDONED_SECONDS:
            os.unlink(path)
    finally:
        os.close(handle)


def _like(part: Path, before: os.stat_result) -> None:
    """Give a file the owner and the permissions of the one that it replaces, where the file system has such things."""
    if os.name != "nt" and (before.st_uid, before.st_gid) != (part.stat().st_uid, part.stat().st_gid):
        with suppress(OSError):
            os.chown(part, before.st_uid, before.st_gid)
    with suppress(OSError):
        os.chmod(part, stat.S_IMODE(before.st_mode))


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        try:
            os.fsync(file.fileno())
        except OSError as error:
            if error.errno not in _CANNOT_FLUSH:
                raise


def _flush_folder(folder: Path) -> None:
    """Bring the new name to the disk where the system can; the file is whole and in its place in any case."""
    if os.name == "nt":  # Windows has no handle to a folder that could be flushed
        return
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
