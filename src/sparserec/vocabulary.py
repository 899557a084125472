"""Raw ids to row indices and back: the one place where strings become integers."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from sparserec.errors import SparserecError
from sparserec.spans import spans

BLOCK = 1 << 12
"""Ids whose offsets are Python numbers at a time."""


class Vocabulary:
    """Distinct string ids, packed as UTF-8; the id at index `i` names row `i`.

    Ids are found through their hashes in ascending order, made at the first look-up: 12 bytes an id, where a dictionary
    would take about 150.

    Args:
        blob: (bytes,) uint8, the ids one after another.
        offsets: (n + 1,) integers, ascending; id `i` is `blob[offsets[i]:offsets[i + 1]]`.
    """

    def __init__(self, blob: np.ndarray, offsets: np.ndarray):
        self.blob = np.ascontiguousarray(blob, dtype=np.uint8)
        self.offsets = np.ascontiguousarray(offsets)
        self._index: tuple[np.ndarray, np.ndarray] | None = None

    @classmethod
    def of(cls, ids: Iterable[str]) -> Vocabulary:
        """Pack ids in the order given. Raises SparserecError when one occurs twice."""
        encoded = [str(name).encode() for name in ids]
        if len(set(encoded)) != len(encoded):
            raise SparserecError("an id occurs more than once in a vocabulary; ids must be distinct")
        offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
        np.cumsum([len(name) for name in encoded], out=offsets[1:])
        return cls(np.frombuffer(b"".join(encoded), dtype=np.uint8), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> str:
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self._bytes(index).decode()

    def __iter__(self) -> Iterator[str]:
        return (self[i] for i in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Vocabulary)
            and np.array_equal(self.offsets, other.offsets)
            and np.array_equal(self.blob, other.blob)
        )

    __hash__ = None  # type: ignore[assignment]  # mutable arrays inside

    def names(self, rows: np.ndarray) -> list[str]:
        """The ids at indices (m,)."""
        data = self.blob.data
        bounds = zip(self.offsets.take(rows).tolist(), self.offsets.take(rows + 1).tolist(), strict=True)
        return [str(data[a:b], "utf-8") for a, b in bounds]

    def to_list(self) -> list[str]:
        """All ids in order."""
        return list(self._texts())

    def get(self, name: str) -> int | None:
        """Index of an id, or None when it is unknown."""
        found = self._find(name, hash(name))
        return None if found < 0 else found

    def index(self, name: str, kind: str = "id") -> int:
        """Index of an id. Raises SparserecError, calling it `kind`, when it is unknown."""
        return int(self.rows([name], kind)[0])

    def rows(self, names: Sequence[str], kind: str = "id") -> np.ndarray:
        """Indices (len(names),) intp of ids. Raises SparserecError, calling it `kind`, when one is unknown."""
        hashes, order = self._hashed()
        if len(self) == 0 and len(names):
            raise SparserecError(f"unknown {kind} {names[0]!r}: not among the 0 known")
        wanted = np.array([hash(name) for name in names], dtype=np.int64)
        rows = order.take(hashes.searchsorted(wanted), mode="clip").astype(np.intp)
        starts, ends = self.offsets.take(rows), self.offsets.take(rows + 1)
        text = "".join(names)
        plain = text.isascii() and (ends - starts).tolist() == list(map(len, names))
        if plain and self.blob.take(spans(starts, ends)).tobytes() == text.encode():
            return rows
        for number, name in enumerate(names):
            found = self._find(name, hash(name))
            if found < 0:
                raise SparserecError(
                    f"unknown {kind} {name!r}: not among the {len(self)} known; for example, {self[0]!r} is one"
                )
            rows[number] = found
        return rows

    def has_duplicates(self) -> bool:
        """Whether an id occurs twice. Raises UnicodeDecodeError when one is not UTF-8."""
        hashes, order = self._hashed()
        alike = hashes[1:] == hashes[:-1]
        # Only ids that share their hash with another; without duplicates there hardly ever are any.
        shared = order[np.concatenate((alike, [False])) | np.concatenate(([False], alike))].tolist()
        return len({self._bytes(index) for index in shared}) != len(shared)

    def _find(self, name: str, hashed: int) -> int:
        """Index of an id, or -1."""
        hashes, order = self._hashed()
        first, last = (int(hashes.searchsorted(hashed, side=side)) for side in ("left", "right"))
        encoded = name.encode("utf-8", "surrogatepass")
        return next((index for index in order[first:last].tolist() if self._bytes(index) == encoded), -1)

    def _hashed(self) -> tuple[np.ndarray, np.ndarray]:
        """Hashes of all ids, ascending, (n,) int64, and the index of each, (n,) int32."""
        if self._index is None:
            # Python's hashes are keyed anew in each process, so nobody can make many ids of one hash beforehand.
            hashes = np.fromiter(map(hash, self._texts()), dtype=np.int64, count=len(self))
            order = np.argsort(hashes, kind="stable").astype(np.int32)
            self._index = hashes[order], order
        return self._index

    def _texts(self) -> Iterator[str]:
        data = self.blob.data
        for first in range(0, len(self), BLOCK):
            for a, b in itertools.pairwise(self.offsets[first : first + BLOCK + 1].tolist()):
                yield str(data[a:b], "utf-8")

    def _bytes(self, index: int) -> bytes:
        return self.blob[int(self.offsets[index]) : int(self.offsets[index + 1])].tobytes()
