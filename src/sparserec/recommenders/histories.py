"""Histories of a batch of users, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sparserec.errors import SparserecError
from sparserec.protocols import Histories


@dataclass(frozen=True)
class Ordered:
    """Histories whose items stand in the order of time.

    Attributes:
        indptr: (n_users + 1,) int64.
        indices: (nnz,) integers, of each user oldest first.
    """

    indptr: np.ndarray
    indices: np.ndarray

    @classmethod
    def of(cls, history: Any) -> Ordered:
        """Histories with timestamps, such as `sparserec.interactions.Interactions`, in order.

        Raises:
            SparserecError: when there are no timestamps.
        """
        if not len(history.indices):
            return cls(history.indptr, history.indices)
        if getattr(history, "timestamps", None) is None:
            raise SparserecError("this model scores histories in the order of time: these have no timestamps")
        return cls(*history.ordered())


def rows_of(history: Histories, users: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Histories of users (B,) one after the other: offsets (B + 1,) int64 and item rows (offsets[-1],) int64."""
    starts, counts = history.indptr[users], history.indptr[users + 1] - history.indptr[users]
    offsets = np.zeros(len(users) + 1, dtype=np.int64)
    np.cumsum(counts, out=offsets[1:])
    places = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], counts)
    return offsets, history.indices[places].astype(np.int64)
