"""Files as they come: compressed, in other encodings, with odd names; and the plain file that is read instead."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import os
import shutil
import sys
import tempfile
import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sparserec.errors import SparserecError, option

CHUNK = 1 << 22
PACKED = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd", ".bz2": "bz2", ".xz": "xz"}
"""Endings of compressed files."""
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz"}
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True)
class Source:
    """A file to read.

    Args:
        label: what messages call it.
        path: where its bytes are, decompressed and, of text, as UTF-8; a name that is UTF-8 itself.
        constants: columns that its folders name, as in `day=2024-05-01/part.parquet`.
    """

    label: str
    path: Path
    constants: tuple[tuple[str, str], ...] = ()


def label_of(path: Path) -> str:
    """The path as text that can be shown, whatever bytes the name is made of."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def bare_name(name: str) -> str:
    """The name of a file without the ending of its compression, in lower case."""
    low = name.lower()
    ending = os.path.splitext(low)[1]
    return low[: -len(ending)] if ending in PACKED else low


def prepare(
    path: Path,
    encoding: str | None,
    stack: ExitStack,
    constants: tuple[tuple[str, str], ...] = (),
    text: bool = True,
) -> Source:
    """The file itself, or where it is compressed or in another encoding a plain copy that `stack` removes.

    Args:
        path: the file.
        encoding: of text; None for UTF-8, or what a byte order mark says.
        stack: removes what is made.
        constants: as for `Source`.
        text: whether the file, once decompressed, is text.

    Raises:
        SparserecError: it cannot be read, is empty, or is not what its first bytes or the encoding say.
    """
    label = label_of(path)
    packing = _packing(path, label)
    if packing is not None:
        path = _copy(path, label, stack, lambda file, out: _unpack(file, packing, out), "cannot be decompressed")
        if path.stat().st_size == 0:
            raise SparserecError(f"{label}: the file is empty; it must hold interactions")
    encoding = encoding or (_marked(path) if text else None)
    if text:
        _refuse_wide(path, label, encoding)
    if encoding is not None and codecs.lookup(encoding).name != "utf-8":
        path = _copy(
            path, label, stack, lambda file, out: _decode(file, encoding, out), f"is not text in encoding {encoding}"
        )
    return Source(label, _openable(path, stack), constants)


def with_newlines(source: Source, stack: ExitStack) -> Source:
    """A copy of a text whose lines end in \\n or \\r\\n alone."""

    def work(file: IO[bytes], out: IO[bytes]) -> None:
        while block := file.read(CHUNK):
            out.write(block.replace(b"\r", b"\n"))  # of \r\n a blank line is left

    path = _copy(source.path, source.label, stack, work, "cannot be read")
    return Source(source.label, path, source.constants)


def open_binary(source: Source) -> IO[bytes]:
    """Open a prepared file for reading bytes, or say in one sentence why that fails."""
    try:
        return source.path.open("rb")
    except OSError as error:
        raise SparserecError(f"{source.label}: cannot be read: {error.strerror or error}") from error


def not_utf8(label: str, line: int) -> SparserecError:
    """The sentence for a file in another encoding."""
    return SparserecError(
        f"{label}:{line}: the line is not UTF-8 text; name its encoding, such as {option('encoding', 'latin-1')}, or "
        "save the file as UTF-8"
    )


def _packing(path: Path, label: str) -> str | None:
    """How a file is compressed, by its first bytes."""
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        raise SparserecError(f"{label}: cannot be read: {error.strerror or error}") from error
    if not start:
        raise SparserecError(f"{label}: the file is empty; it must hold interactions")
    if start.startswith(b"PK\x03\x04") and not bare_name(path.name).endswith(".npz"):
        raise SparserecError(f"{label}: is a zip archive; unpack it and give the file with the interactions")
    return next((name for magic, name in _MAGIC.items() if start.startswith(magic)), None)


def _marked(path: Path) -> str | None:
    with path.open("rb") as file:
        start = file.read(4)
    return next((name for mark, name in _MARKS.items() if start.startswith(mark)), None)


def _refuse_wide(path: Path, label: str, encoding: str | None) -> None:
    """Refuse text in which NUL bytes stand between the characters, unless it is read as what has them."""
    if encoding is not None and codecs.lookup(encoding).name.startswith(("utf-16", "utf-32")):
        return
    with path.open("rb") as file:
        start = file.read(1 << 12)
    share = start.count(0) / max(len(start), 1)
    if share < 0.1:
        return
    name = "utf-32" if share > 0.6 else "utf-16"
    order = "le" if start[1::2].count(0) > start[::2].count(0) or (name == "utf-32" and start[0]) else "be"
    raise SparserecError(
        f"{label}: the text is full of NUL bytes, as in UTF-16; name its encoding, such as "
        f"{option('encoding', f'{name}-{order}')}"
    )


def _copy(path: Path, label: str, stack: ExitStack, work, trouble: str) -> Path:
    """A temporary file that `work` fills from an open file."""
    try:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sparserec-reading-")))
        with path.open("rb") as file, (folder / "plain").open("wb") as out:
            work(file, out)
    except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error) as error:
        why = str(error) or type(error).__name__
        raise SparserecError(f"{label}: {trouble}: {why.splitlines()[0]}") from error
    return folder / "plain"


def _unpack(file: IO[bytes], packing: str, out: IO[bytes]) -> None:
    if packing == "zstd":
        import pyarrow as pa

        with pa.CompressedInputStream(file, "zstd") as stream:
            while block := stream.read(CHUNK):
                out.write(block)
        return
    readers = {"gzip": gzip.GzipFile, "bz2": bz2.BZ2File, "xz": lzma.LZMAFile}
    with readers[packing](file) if packing != "gzip" else gzip.GzipFile(fileobj=file) as stream:
        shutil.copyfileobj(stream, out, CHUNK)


def _decode(file: IO[bytes], encoding: str, out: IO[bytes]) -> None:
    decoder = codecs.getincrementaldecoder(encoding)()
    while block := file.read(CHUNK):
        out.write(decoder.decode(block).encode())
    out.write(decoder.decode(b"", final=True).encode())


def _openable(path: Path, stack: ExitStack) -> Path:
    """A path that Polars can open, which takes names as UTF-8 text: of others a link with such a name."""
    raw = os.fsencode(path)
    if raw.isascii() or (sys.getfilesystemencoding() == "utf-8" and raw == raw.decode("utf-8", "replace").encode()):
        return path
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sparserec-reading-")))
    (folder / "plain").symlink_to(path.absolute())
    return folder / "plain"
