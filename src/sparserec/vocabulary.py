"""Raw ids to row indices and back: the one place where strings become integers."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import numpy as np

from sparserec.errors import SparserecError


class Vocabulary:
    """Distinct string ids, packed as UTF-8; the id at index `i` names row `i`.

    Args:
        blob: (bytes,) uint8, the ids one after another.
        offsets: (n + 1,) int64, ascending; id `i` is `blob[offsets[i]:offsets[i + 1]]`.
    """

    def __init__(self, blob: np.ndarray, offsets: np.ndarray):
        self.blob = np.ascontiguousarray(blob, dtype=np.uint8)
        self.offsets = np.ascontiguousarray(offsets, dtype=np.int64)
        self._positions: dict[str, int] | None = None

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
        return self.blob[self.offsets[index] : self.offsets[index + 1]].tobytes().decode()

    def __iter__(self) -> Iterator[str]:
        return (self[i] for i in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Vocabulary)
            and np.array_equal(self.offsets, other.offsets)
            and np.array_equal(self.blob, other.blob)
        )

    __hash__ = None  # type: ignore[assignment]  # mutable arrays inside

    def to_list(self) -> list[str]:
        """All ids in order."""
        data, offsets = self.blob.tobytes(), self.offsets.tolist()
        return [data[a:b].decode() for a, b in itertools.pairwise(offsets)]

    def get(self, name: str) -> int | None:
        """Index of an id, or None when it is unknown."""
        if self._positions is None:
            self._positions = {known: i for i, known in enumerate(self.to_list())}
        return self._positions.get(name)

    def index(self, name: str, kind: str = "id") -> int:
        """Index of an id. Raises SparserecError, calling it `kind`, when it is unknown."""
        found = self.get(name)
        if found is None:
            example = f"; for example, {self[0]!r} is one" if len(self) else ""
            raise SparserecError(f"unknown {kind} {name!r}: not among the {len(self)} known{example}")
        return found
