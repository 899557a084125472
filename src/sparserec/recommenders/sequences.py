"""Histories in the order of time."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from torch import Tensor

from sparserec.errors import SparserecError
from sparserec.ties import scattered


class TimedHistory(Protocol):
    """Histories with times; `sparserec.interactions.Interactions` is one where its data has timestamps."""

    @property
    def indptr(self) -> np.ndarray:
        """(n_users + 1,) int64."""
        ...

    @property
    def indices(self) -> np.ndarray:
        """(nnz,) integers."""
        ...

    @property
    def timestamps(self) -> np.ndarray | None:
        """(nnz,) int64."""
        ...


class Sequences:
    """The items of each user, oldest first; those of one time in an order drawn from the seed of the split.

    The order of two items of one time depends on the user, the items and the seed alone: it is the same in a part and
    in all of a history. Item order would do harm: what is asked for would be guessed by its place in the catalogue.

    Args:
        history: with timestamps; its `seed`, if it has one, draws the order.

    Raises:
        SparserecError: when it has none.
    """

    def __init__(self, history: TimedHistory):
        if history.timestamps is None:
            raise SparserecError("sequences need timestamps: name their column (--timestamp), or choose another model")
        self.indptr = history.indptr
        rows = np.repeat(np.arange(len(history.indptr) - 1), np.diff(history.indptr))
        chance = scattered(rows, history.indices, getattr(history, "seed", 0))
        ordered = history.indices[np.lexsort((chance, history.timestamps, rows))].astype(np.int64)
        self._items = np.append(ordered, -1)  # so that there is something to read where nobody has a history

    def last(self, users: np.ndarray, length: int) -> np.ndarray:
        """The newest `length` items of users (B,), (B, length) int64, the newest last; -1 before the oldest."""
        ends = self.indptr[users + 1]
        places = ends[:, None] - np.arange(length, 0, -1)
        return np.where(places >= self.indptr[users][:, None], self._items[np.maximum(places, 0)], -1)


def places(sequences: Tensor) -> Tensor:
    """Where something is and something follows in sequences (B, T), -1 before the oldest item; (B, T - 1) bool."""
    return sequences[:, :-1] >= 0
