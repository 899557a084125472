"""Raw ids to row indices and back: the one place where strings become integers."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from sparserec.errors import SparserecError
from sparserec.spans import spans

BLOCK = 1 << 12
"""Ids that are texts, or whose offsets are Python numbers, at a time."""
LOW = (1 << 32) - 1
"""The bits of a hash that are kept."""


class Ids(ABC):
    """Distinct ids in the order of their rows; how they are kept is a matter of each kind."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def names(self, rows: np.ndarray) -> list[str]:
        """The ids at indices (m,) from 0 to n - 1."""

    @abstractmethod
    def find(self, names: Sequence[str]) -> np.ndarray:
        """Indices (len(names),) intp of ids; -1 for those that are unknown."""

    def __getitem__(self, index: int) -> str:
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self.names(np.array([index]))[0]

    def __iter__(self) -> Iterator[str]:
        for first in range(0, len(self), BLOCK):
            yield from self.names(np.arange(first, min(first + BLOCK, len(self))))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ids) and len(self) == len(other) and all(map(str.__eq__, self, other))

    __hash__ = None  # type: ignore[assignment]  # mutable arrays inside

    def to_list(self) -> list[str]:
        """All ids in order."""
        return list(self)

    def get(self, name: str) -> int | None:
        """Index of an id, or None when it is unknown."""
        row = int(self.find([name])[0])
        return None if row < 0 else row

    def index(self, name: str, kind: str = "id") -> int:
        """Index of an id. Raises SparserecError, calling it `kind`, when it is unknown."""
        return int(self.rows([name], kind)[0])

    def rows(self, names: Sequence[str], kind: str = "id") -> np.ndarray:
        """Indices (len(names),) intp of ids. Raises SparserecError, calling it `kind`, when one is unknown."""
        rows = self.find(names)
        if len(rows) and rows.min() < 0:
            name = names[int(np.argmin(rows))]
            known = f"not among the {len(self)} known"
            raise SparserecError(
                f"unknown {kind} {name!r}: {known}" + (f"; for example, {self[0]!r} is one" if len(self) else "")
            )
        return rows


class Vocabulary(Ids):
    """Distinct string ids, packed as UTF-8; the id at index `i` names row `i`.

    Ids are found through 32 bits of their hashes in ascending order, made at the first look-up: 6 bytes an id, 8 beyond
    65,536 ids, where a dictionary would take about 150.

    Args:
        blob: (bytes,) uint8, the ids one after another.
        offsets: (n + 1,) integers, ascending; id `i` is `blob[offsets[i]:offsets[i + 1]]`.
    """

    def __init__(self, blob: np.ndarray, offsets: np.ndarray):
        self.blob = np.ascontiguousarray(blob, dtype=np.uint8)
        self.offsets = np.ascontiguousarray(offsets)
        self._index: tuple[np.ndarray, np.ndarray] | None = None

    def __getstate__(self) -> tuple[np.ndarray, np.ndarray]:
        """Hashes are another process's own, so the index is left out, and made anew there."""
        return self.blob, self.offsets

    def __setstate__(self, state: tuple[np.ndarray, np.ndarray]) -> None:
        self.__init__(*state)

    @classmethod
    def of(cls, ids: Iterable[str]) -> Vocabulary:
        """Pack ids in the order given. Raises SparserecError when one occurs twice."""
        encoded = [str(name).encode() for name in ids]
        if len(set(encoded)) != len(encoded):
            raise SparserecError("an id occurs more than once in a vocabulary; ids must be distinct")
        return cls.packed(encoded)

    @classmethod
    def packed(cls, encoded: Sequence[bytes]) -> Vocabulary:
        """Pack ids that are UTF-8 and distinct."""
        offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
        np.cumsum([len(name) for name in encoded], out=offsets[1:])
        return cls(np.frombuffer(b"".join(encoded), dtype=np.uint8), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vocabulary):
            return super().__eq__(other)
        return np.array_equal(self.offsets, other.offsets) and np.array_equal(self.blob, other.blob)

    __hash__ = None  # type: ignore[assignment]

    def encoded(self) -> Iterator[bytes]:
        """All ids in order, as UTF-8."""
        data = self.blob.data
        for first in range(0, len(self), BLOCK):
            for a, b in itertools.pairwise(self.offsets[first : first + BLOCK + 1].tolist()):
                yield bytes(data[a:b])

    def names(self, rows: np.ndarray) -> list[str]:
        """As for `Ids`."""
        data = self.blob.data
        bounds = zip(self.offsets.take(rows).tolist(), self.offsets.take(rows + 1).tolist(), strict=True)
        return [str(data[a:b], "utf-8") for a, b in bounds]

    def find(self, names: Sequence[str]) -> np.ndarray:
        """As for `Ids`."""
        if len(self) == 0 or len(names) == 0:
            return np.full(len(names), -1, dtype=np.intp)
        hashes, order = self._hashed()
        asked = np.array([hash(name) for name in names], dtype=np.int64).astype(np.uint32)
        rows = order.take(hashes.searchsorted(asked), mode="clip").astype(np.intp)
        starts, ends = self.offsets.take(rows), self.offsets.take(rows + 1)
        text = "".join(names)
        plain = text.isascii() and (ends - starts).tolist() == list(map(len, names))
        if plain and self.blob.take(spans(starts, ends)).tobytes() == text.encode():
            return rows
        return np.array([self._find(name) for name in names], dtype=np.intp)

    def has_duplicates(self) -> bool:
        """Whether an id occurs twice. Raises UnicodeDecodeError when one is not UTF-8."""
        hashes, order = self._hashed()
        after = np.flatnonzero(hashes[1:] == hashes[:-1]) + 1
        # Only ids that share their hash with another; without duplicates there hardly ever are any.
        shared = order[np.union1d(after - 1, after)].tolist()
        return len({self._bytes(index) for index in shared}) != len(shared)

    def _find(self, name: str) -> int:
        """Index of an id, or -1."""
        hashes, order = self._hashed()
        hashed = np.uint32(hash(name) & LOW)
        first, last = (int(hashes.searchsorted(hashed, side=side)) for side in ("left", "right"))
        encoded = name.encode("utf-8", "surrogatepass")
        return next((index for index in order[first:last].tolist() if self._bytes(index) == encoded), -1)

    def _hashed(self) -> tuple[np.ndarray, np.ndarray]:
        """Low bits of the hashes of all ids, ascending, (n,) uint32, and the index of each, (n,) unsigned."""
        if self._index is None:
            # Python's hashes are keyed anew in each process, so nobody can make many ids of one hash beforehand.
            # Hash and index in one number, so that they are sorted together, in place.
            both = np.fromiter(map(hash, self._texts()), dtype=np.int64, count=len(self)).view(np.uint64)
            both <<= np.uint64(32)
            hashes = np.empty(len(self), dtype=np.uint32)
            order = np.empty(len(self), dtype=np.uint16 if len(self) <= 1 << 16 else np.uint32)
            both |= np.arange(len(self), dtype=np.uint32)
            both.sort()
            for first in range(0, len(self), BLOCK):
                part = slice(first, first + BLOCK)
                hashes[part], order[part] = both[part] >> np.uint64(32), both[part] & np.uint64(LOW)
            self._index = hashes, order
        return self._index

    def _texts(self) -> Iterator[str]:
        data = self.blob.data
        for first in range(0, len(self), BLOCK):
            for a, b in itertools.pairwise(self.offsets[first : first + BLOCK + 1].tolist()):
                yield str(data[a:b], "utf-8")

    def _bytes(self, index: int) -> bytes:
        return self.blob[int(self.offsets[index]) : int(self.offsets[index + 1])].tobytes()
