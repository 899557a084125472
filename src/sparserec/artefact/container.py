"""The safetensors container, read with every claim of its header checked first."""

from __future__ import annotations

import io
import json
import math
import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from sparserec.artefact.schema import DTYPES, no_number
from sparserec.errors import SparserecError

MAX_HEADER = 1 << 20
"""Bytes of the largest header that is parsed: a format-1 header stays below `schema.HEADER_ALLOWANCE`."""

URL = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)
"""How an address begins; the letter of a drive alone is none."""


def path_of(path: str | os.PathLike[str]) -> Path:
    """The path of a file as callers give it. Raises SparserecError for what can be none."""
    try:
        name = os.fspath(path)
    except TypeError:
        name = None
    if not isinstance(name, str):
        given = "None" if path is None else type(path).__name__
        raise SparserecError(f"a file is given by its path, as text or a Path, not as {given}")
    with suppress(UnicodeEncodeError):
        if b"\0" not in os.fsencode(name):
            return Path(name)
    raise SparserecError(f"{name!r}: no file can have this name")


def path_to_read(path: str | os.PathLike[str]) -> Path:
    """The same of a file that is to be read. Raises SparserecError for an address, too."""
    file, name = path_of(path), os.fspath(path)
    if URL.match(name) and not os.path.exists(name):
        raise SparserecError(f"{name}: files are opened by their path, not by a URL; download it first")
    return file


def open_container(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str], int]:
    """Read a safetensors file into memory, each of its tensors into an array of its own.

    Nothing depends on the file afterwards: it may be written over in place, cut off or removed. Arrays of their own
    take no memory once they are no longer used.

    Args:
        path: the file; what comes through a pipe is read to its end first.

    Returns:
        tensors by name, the metadata, and the bytes of the header with its length field.

    Raises:
        SparserecError: when the file is missing, or its header claims anything that is not so.
    """
    try:
        if path.is_dir():
            raise SparserecError(f"{path} is a folder, not an exported file")
        with path.open("rb") as given:
            file, size = _sized(given)
            start = file.read(8)
            if len(start) < 8:
                what = "too short" if start else "empty"
                raise SparserecError(f"{path} is {what}: not an exported file, or cut off")
            start += file.read(min(int.from_bytes(start, "little"), MAX_HEADER))
            try:
                header = parse_header(np.frombuffer(start, dtype=np.uint8), size)
            except SparserecError as error:
                raise SparserecError(f"{path}: {error}") from None
            tensors = {span[0]: _read(file, header.size, span) for span in header.spans}
    except FileNotFoundError:
        raise SparserecError(f"{path}: no such file") from None
    except OSError as error:
        raise SparserecError(f"{path}: cannot be read ({error.strerror or error})") from None
    return tensors, header.metadata, header.size


Span = tuple[str, int, int, np.dtype, tuple[int, ...]]
"""A tensor in the header: name, first byte, last byte (exclusive), type and shape."""


@dataclass(frozen=True)
class Header:
    """What the header of a container says, checked against the bytes there are.

    Attributes:
        spans: of each tensor by offset, without gaps.
        metadata: texts by name.
        size: bytes before the first tensor.
    """

    spans: list[Span]
    metadata: dict[str, str]
    size: int


def parse(data: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, str], int]:
    """What `open_container` gives, for a file in memory (bytes,) uint8; messages then begin with what is wrong."""
    header = parse_header(data[: 8 + MAX_HEADER], len(data))
    return _views(data, header), header.metadata, header.size


def parse_header(data: np.ndarray, size: int) -> Header:
    """The header of a file of `size` bytes that begins with data (bytes,) uint8."""
    if len(data) < 8:
        raise SparserecError(f"{'empty' if len(data) == 0 else 'too short'}: not an exported file, or cut off")
    length = int.from_bytes(data[:8].tobytes(), "little")
    if length > MAX_HEADER or 8 + length > len(data):
        raise SparserecError("not an exported file, or cut off: its header is longer than the file or than allowed")
    try:
        header = json.loads(
            data[8 : 8 + length].tobytes().decode("utf-8"), object_pairs_hook=_distinct, parse_constant=no_number
        )
    except (ValueError, RecursionError):
        raise SparserecError("not an exported file: its header is not JSON") from None
    if not isinstance(header, dict):
        raise SparserecError("not an exported file: its header is not a JSON object")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise SparserecError("the metadata of the header is not a set of texts")
    available = size - 8 - length
    spans = sorted(
        (_span(name, entry, available) for name, entry in header.items()), key=lambda span: (span[1], span[2])
    )
    end = 0
    for name, first, last, _, _ in spans:
        if first != end:
            raise SparserecError(f"tensor {name!r} overlaps another or leaves a gap")
        end = last
    if end != available:
        raise SparserecError("the file is cut off, or holds bytes that belong to no tensor")
    return Header(spans, metadata, 8 + length)


def _sized(file: BinaryIO) -> tuple[BinaryIO, int]:
    """A file and its bytes; of a pipe, which can't be searched, all that comes out of it."""
    facts = os.fstat(file.fileno())
    if stat.S_ISREG(facts.st_mode):
        return file, facts.st_size
    if stat.S_ISCHR(facts.st_mode) or stat.S_ISBLK(facts.st_mode):  # which may have no end
        raise SparserecError(f"{file.name} is a device, not an exported file")
    data = file.read()
    return io.BytesIO(data), len(data)


def _read(file: BinaryIO, start: int, span: Span) -> np.ndarray:
    """One tensor of a file whose tensors begin at `start`, as a read-only array of its own."""
    _, first, last, dtype, shape = span
    tensor = np.empty(shape, dtype=dtype)
    file.seek(start + first)
    # An empty array has no memory that could be viewed as bytes.
    if last > first and file.readinto(tensor.reshape(-1).view(np.uint8).data) != last - first:  # type: ignore[attr-defined]
        raise SparserecError(f"{file.name}: cut off while it was being read")
    tensor.flags.writeable = False
    return tensor


def _views(data: np.ndarray, header: Header) -> dict[str, np.ndarray]:
    body, tensors = data[header.size :], {}
    for name, first, last, dtype, shape in header.spans:
        # A copy only where the file does not align the bytes for the type; views otherwise.
        tensors[name] = np.frombuffer(body, dtype=dtype, count=(last - first) // dtype.itemsize, offset=first).reshape(
            shape
        )
    return tensors


def _span(name: str, entry: object, available: int) -> Span:
    """Check one entry of the header against the bytes there are."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise SparserecError(f"the header's entry {name[:60]!r} is not a type, a shape and offsets")
    kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(kind, str) or kind not in DTYPES:
        raise SparserecError(f"tensor {name[:60]!r} is of a type that is not allowed: {str(kind)[:20]!r}")
    if not _naturals(shape) or len(shape) > 2 or not _naturals(offsets) or len(offsets) != 2:
        raise SparserecError(f"tensor {name[:60]!r} has a shape or offsets that are not natural numbers")
    first, last = offsets
    if not first <= last <= available:
        raise SparserecError(f"tensor {name[:60]!r} lies outside the file, which may be cut off")
    if math.prod(shape) * DTYPES[kind].itemsize != last - first:
        raise SparserecError(f"tensor {name[:60]!r} does not have the bytes that its shape says")
    return name, first, last, DTYPES[kind], tuple(shape)


def _naturals(value: object) -> bool:
    return isinstance(value, list) and all(type(number) is int and 0 <= number < 2**48 for number in value)


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    entries = dict(pairs)
    if len(entries) != len(pairs):
        raise SparserecError("a name occurs twice in the header")
    return entries
