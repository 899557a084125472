"""Which rows are watched: a weighted sample without replacement."""

from __future__ import annotations

import numpy as np

from sparserec.sparsity.masks import smallest_indices


def sample_rows(importance: np.ndarray, count: int, generator: np.random.Generator, after: int = 0) -> np.ndarray:
    """Sample rows without replacement, with probability growing with importance.

    Each row gets an exponential number divided by its importance; the smallest win. That draws rows one after the
    other, each in proportion to importance among those that are left. Rows of importance 0 are taken only when no
    others are left.

    Source: Efraimidis and Spirakis, "Weighted random sampling with a reservoir", 2006.

    Args:
        importance: (n,) float, >= 0.
        count: how many rows, at most n.
        generator: the source of randomness.
        after: leave out as many that are drawn before them. Samples of one state of the generator that begin where
            the one before ends share no row.

    Returns:
        (count,) int64 row indices, ascending and distinct; fewer where fewer are left.
    """
    waiting = generator.standard_exponential(len(importance))
    with np.errstate(divide="ignore"):
        keys = waiting / np.maximum(importance, 1e-300)
    if after > 0:
        keys[smallest_indices(keys, after)] = np.inf
    return smallest_indices(keys, min(count, max(0, len(importance) - after)))
