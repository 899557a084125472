"""Histories of a batch of users, one after the other."""

from __future__ import annotations

import numpy as np

from sparserec.protocols import Histories


def rows_of(history: Histories, users: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Histories of users (B,) one after the other: offsets (B + 1,) int64 and item rows (offsets[-1],) int64."""
    starts, counts = history.indptr[users], history.indptr[users + 1] - history.indptr[users]
    offsets = np.zeros(len(users) + 1, dtype=np.int64)
    np.cumsum(counts, out=offsets[1:])
    places = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], counts)
    return offsets, history.indices[places].astype(np.int64)
