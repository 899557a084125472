"""Patches: what a device that has one file needs to make the next. docs/patch-format.md has the format byte by byte."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sparserec.artefact.codecs import ITEM_GAPS, versions
from sparserec.artefact.container import parse_header
from sparserec.artefact.edits import Edits, made, most_edits
from sparserec.artefact.reader import Artefact, check_names, read_bytes
from sparserec.artefact.schema import CARD_KEY, HEADER_ALLOWANCE, ModelCard, sizes_fit, type_name
from sparserec.artefact.sequences import TableSizes, most_numbers, names, numbers_of, tensors_from, tensors_of
from sparserec.errors import SparserecError

MAGIC = b"SRPATCH\x01"
"""The first bytes; the last of them is the version of the format."""
FIELDS = struct.Struct("<8s32s32sQQQ")
"""Magic, SHA-256 of the old file and of the new one, their bytes, and the bytes of the unpacked edits."""
STEP = 1 << 16
"""Bytes that are unpacked at a time, where no more are asked for."""
HEADER = "header"
"""What messages call the sequence of the header's bytes."""
LITERAL, EDITED = 0, 1
"""How a sequence is told: as the bytes of its tensors, or as edits of that of the old file."""


def most_new(old: int) -> int:
    """Bytes that the new file may have: more than that, and the file itself is what to send."""
    return 4 * old + (1 << 20)


def most_unpacked(old: int, new: int) -> int:
    """Bytes that the edits may have once unpacked."""
    return 4 * (old + new) + (1 << 16)


@dataclass(frozen=True)
class Patch:
    """A patch whose fields are in range; its edits are still packed."""

    old_digest: bytes
    new_digest: bytes
    old_size: int
    new_size: int
    unpacked_size: int
    packed: bytes

    @classmethod
    def parse(cls, data: bytes) -> Patch:
        """Raises SparserecError when the data is no patch, or one of another version."""
        if len(data) < FIELDS.size or data[:7] != MAGIC[:7]:
            raise SparserecError("not a patch that `sparserec delta` wrote, or cut off")
        magic, old_digest, new_digest, old_size, new_size, unpacked = FIELDS.unpack_from(data)
        if magic != MAGIC:
            raise SparserecError(f"patch version {magic[7]} is not supported; this package reads version {MAGIC[7]}")
        if new_size > most_new(old_size) or unpacked > most_unpacked(old_size, new_size):
            raise SparserecError("the patch claims a size that is out of range")
        return cls(old_digest, new_digest, old_size, new_size, unpacked, data[FIELDS.size :])

    def to_bytes(self) -> bytes:
        """The inverse of `parse`."""
        sizes = (self.old_size, self.new_size, self.unpacked_size)
        return FIELDS.pack(MAGIC, self.old_digest, self.new_digest, *sizes) + self.packed


def apply(old: bytes, patch: bytes) -> bytes:
    """Make the new file.

    Args:
        old: the bytes of the old file.
        patch: the bytes of a patch, from anywhere.

    Returns:
        the bytes of the new file, whose SHA-256 is that in the patch.

    Raises:
        SparserecError: when the patch is for another file, cut off, damaged or of another version.
    """
    parsed = Patch.parse(patch)
    if len(old) != parsed.old_size or hashlib.sha256(old).digest() != parsed.old_digest:
        raise SparserecError("the patch is for another file than this one: sizes or SHA-256 differ")
    before = FileSequences(old)
    reader = Reader(parsed.packed, parsed.unpacked_size)
    most = min(parsed.new_size, HEADER_ALLOWANCE)
    header = _as_bytes(made(before.numbers(HEADER), reader.edits(most), most))
    claimed = parse_header(np.frombuffer(header, dtype=np.uint8), parsed.new_size)
    if claimed.size != len(header):
        raise SparserecError("the header of the new file has not the length that it claims")
    card = ModelCard.from_json(claimed.metadata.get(CARD_KEY, ""), versions())
    sizes = _sizes(card, (name for name, *_ in claimed.spans))
    check_names({name: dtype for name, _, _, dtype, _ in claimed.spans}, card.format_version)
    shapes = {name: (type_name(dtype), shape) for name, _, _, dtype, shape in claimed.spans}
    where = {name: (first, last) for name, first, last, _, _ in claimed.spans}
    body = bytearray(parsed.new_size - len(header))
    for name in names(shapes):
        if reader.number(1) == EDITED:
            parts = tensors_of(name)
            most = most_numbers(name, shapes)
            numbers = made(before.numbers(name), reader.edits(most), most)
            tensors = tensors_from(name, numbers, shapes, sizes)
            for part in parts:
                body[slice(*where[part])] = tensors[part].tobytes()
        else:
            for part in tensors_of(name):
                first, last = where[part]
                body[first:last] = reader.take(last - first)
    reader.end()
    new = header + bytes(body)
    if hashlib.sha256(new).digest() != parsed.new_digest:
        raise SparserecError("the patch is damaged: what it makes has not the SHA-256 that it should have")
    return new


class FileSequences:
    """The sequences of a file, made when they are asked for.

    Args:
        data: the bytes of the file, which are checked.
        name: what errors call it.
    """

    def __init__(self, data: bytes, name: str = "the old file"):
        self._artefact: Artefact = read_bytes(data, name)
        self.header = data[: self._artefact.header_bytes]
        self.tensors, self.sizes = self._artefact.tensors, _sizes(self._artefact.card, self._artefact.tensors)

    def numbers(self, name: str) -> np.ndarray:
        """A sequence (n,) int64 by name; an empty one when the file has none of that name."""
        if name == HEADER:
            return np.frombuffer(self.header, dtype=np.uint8).astype(np.int64)
        if name not in names(self.tensors):
            return np.zeros(0, dtype=np.int64)
        return numbers_of(name, self.tensors, self.sizes)


class Unpacker:
    """Unpacks a zlib stream, no more of it at a time than is asked for.

    Args:
        packed: from anywhere.
    """

    def __init__(self, packed: bytes):
        self._packed, self._fed, self._stream = packed, 0, zlib.decompressobj()

    def next(self, most: int) -> bytes:
        """Up to so many of the next bytes; none only where the stream ends."""
        data = b""
        while not data and not self._stream.eof:
            packed = self._stream.unconsumed_tail
            if not packed:
                packed = self._packed[self._fed : self._fed + STEP]
                self._fed += len(packed)
            try:
                data = self._stream.decompress(packed, most)
            except zlib.error:
                raise SparserecError("the patch is damaged: it can't be unpacked") from None
            if not packed:
                break
        return data

    @property
    def ended(self) -> bool:
        """Whether the stream came to its end, with nothing after it."""
        return self._stream.eof and not self._stream.unused_data and self._fed == len(self._packed)


class Reader:
    """Reads packed edits from front to end; memory is taken for what is asked for, whatever they unpack to.

    Args:
        packed: a zlib stream, from anywhere.
        size: bytes that it must unpack to.

    Raises:
        SparserecError: when they are not of that size.
    """

    def __init__(self, packed: bytes, size: int):
        whole, unpacked = Unpacker(packed), 0
        while unpacked <= size and (step := whole.next(STEP)):
            unpacked += len(step)
        if unpacked != size or not whole.ended:
            raise SparserecError("the patch is cut off or damaged: it does not have the size that it claims")
        self._edits, self._ready, self._left = Unpacker(packed), b"", size

    def take(self, count: int) -> bytes:
        """The next bytes."""
        if count > self._left:
            raise SparserecError("the patch is damaged: its edits end too early")
        self._left -= count
        parts, missing = [self._ready], count - len(self._ready)
        while missing > 0:
            parts.append(self._edits.next(max(missing, STEP)))
            missing -= len(parts[-1])
        unpacked = b"".join(parts)
        self._ready = unpacked[count:]
        return unpacked[:count]

    def number(self, width: int) -> int:
        """A natural number of `width` bytes."""
        return int.from_bytes(self.take(width), "little")

    def edits(self, most: int) -> Edits:
        """Edits of a sequence of `most` numbers at most; no memory is taken for more."""
        added, copied, moved = (self._array(most_edits(most)) for _ in range(3))
        return Edits(added, copied, moved, new=self._array(most), changes=self._array(most))

    def end(self) -> None:
        """Raises SparserecError when something is left."""
        if self._left:
            raise SparserecError("the patch is damaged: its edits go on after the last sequence")

    def _array(self, most: int) -> np.ndarray:
        """An array (n,) int64 as `packed_array` gives it, of `most` numbers at most."""
        count, width = self.number(4), self.number(1)
        if width > 8 or count > most:
            raise SparserecError("the patch is damaged: an array of its edits is out of range")
        if width == 0:  # nothing is stored of zeros, and no memory is taken for them
            return np.broadcast_to(np.int64(0), (count,))
        planes = np.frombuffer(self.take(count * width), dtype=np.uint8).reshape(width, count)
        numbers = np.zeros(count, dtype=np.uint64)
        for place, plane in enumerate(planes):
            numbers |= plane.astype(np.uint64) << np.uint64(8 * place)
        return (numbers >> np.uint64(1)).view(np.int64) ^ -(numbers & np.uint64(1)).view(np.int64)


def packed_array(numbers: np.ndarray) -> bytes:
    """An array (n,) int64: how many, bytes of each, then all lowest bytes, all second bytes and so on.

    Signs go to the lowest bit: 0, -1, 1, -2 become 0, 1, 2, 3.
    """
    folded = ((numbers << 1) ^ (numbers >> 63)).astype(np.int64).view(np.uint64)
    width = -(-int(folded.max()).bit_length() // 8) if len(folded) else 0
    planes = folded.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :width].T
    return struct.pack("<IB", len(numbers), width) + np.ascontiguousarray(planes).tobytes()


def _sizes(card: ModelCard, names: Iterable[str]) -> TableSizes:
    """Of a file with a card and tensors of these names."""
    rows = [card.n_items, card.n_users] if card.n_users else [card.n_items]
    if not all(n < 2**40 and sizes_fit(card.format_version, card.dim, card.n_items, n) for n in rows):
        raise SparserecError("the card's sizes are out of range")
    return TableSizes({"items": card.n_items, "users": card.n_users}, card.dim, f"items.{ITEM_GAPS[0]}" in set(names))


def _as_bytes(numbers: np.ndarray) -> bytes:
    if ((numbers < 0) | (numbers > 255)).any():
        raise SparserecError("the patch is damaged: the header it makes is not made of bytes")
    return numbers.astype(np.uint8).tobytes()
