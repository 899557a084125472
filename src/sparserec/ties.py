"""One rule for what happened at one time: an order that looks drawn, and is the same wherever it is asked for."""

from __future__ import annotations

import numpy as np


def scattered(users: np.ndarray, items: np.ndarray, seed: int) -> np.ndarray:
    """(n,) uint64 that look drawn at random, one for each user, item and seed.

    Source: the finaliser of SplitMix64, Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014).

    Args:
        users, items: (n,) integers of at least 0.
        seed: any integer.
    """
    mixed = users.astype(np.uint64) << np.uint64(32) | items.astype(np.uint64)
    for number in (np.uint64(seed & (1 << 64) - 1), np.uint64(0)):
        mixed = mixed ^ number
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        mixed = mixed ^ (mixed >> np.uint64(31))
    return mixed


def in_order(indptr: np.ndarray, indices: np.ndarray, timestamps: np.ndarray, seed: int) -> np.ndarray:
    """The items of each user, oldest first; those of one time in an order drawn from the seed.

    Args:
        indptr: (n_users + 1,) int64.
        indices: (nnz,) integers, items.
        timestamps: (nnz,) int64.
        seed: draws the order of equal times.

    Returns:
        (nnz,), of the type of `indices`.
    """
    rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    return indices[np.lexsort((scattered(rows, indices, seed), timestamps, rows))]
