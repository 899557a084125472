"""Writing files so that a kill at any moment leaves the old file or the new one, whole."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sparserec.errors import SparserecError


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """A temporary file beside `path` to write to; on leaving it is flushed to disk and renamed to `path`.

    When the body fails, the temporary file is removed and `path` is as it was. An OSError (disk full, no permission)
    becomes a SparserecError.
    """
    target = Path(path)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
        os.close(handle)
    except OSError as error:
        raise SparserecError(f"cannot write {target}: {error.strerror or error}") from None
    part = Path(name)
    try:
        yield part
        _flush(part)
        os.chmod(part, 0o666 & ~_umask())
        os.replace(part, target)
        _flush_folder(target.parent)
    except OSError as error:
        raise SparserecError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


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


def write_text(path: Path | str, text: str) -> None:
    """Write a text file atomically, as UTF-8."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def write_bytes(path: Path | str, data: bytes) -> None:
    """Write a binary file atomically."""
    with replacing(path) as part:
        part.write_bytes(data)


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows has no handle to a folder that could be flushed
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
