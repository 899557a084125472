"""Histories in the order of time."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from torch import Tensor

from sparserec.errors import SparserecError


class TimedHistory(Protocol):
    """Histories with times; `sparserec.interactions.Interactions` is one where its data has timestamps."""

    @property
    def indptr(self) -> np.ndarray:
        """(n_users + 1,) int64."""
        ...

    @property
    def timestamps(self) -> np.ndarray | None:
        """(nnz,) int64."""
        ...

    def ordered(self) -> tuple[np.ndarray, np.ndarray]:
        """(n_users + 1,) int64, and the items of each user, oldest first, (nnz,) integers."""
        ...


class Sequences:
    """The items of each user, oldest first; those of one time in the order that their history gives them.

    Args:
        history: with timestamps.

    Raises:
        SparserecError: when it has none.
    """

    def __init__(self, history: TimedHistory):
        if history.timestamps is None:
            raise SparserecError("sequences need timestamps: name their column (--timestamp), or choose another model")
        self.indptr, ordered = history.ordered()
        self._items = np.append(ordered.astype(np.int64), -1)  # something to read where nobody has a history

    def last(self, users: np.ndarray, length: int) -> np.ndarray:
        """The newest `length` items of users (B,), (B, length) int64, the newest last; -1 before the oldest."""
        ends = self.indptr[users + 1]
        places = ends[:, None] - np.arange(length, 0, -1)
        return np.where(places >= self.indptr[users][:, None], self._items[np.maximum(places, 0)], -1)


def places(sequences: Tensor) -> Tensor:
    """Where something is and something follows in sequences (B, T), -1 before the oldest item; (B, T - 1) bool."""
    return sequences[:, :-1] >= 0
