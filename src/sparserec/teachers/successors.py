"""What follows what: an item-item model in closed form that knows the order of a history."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numba import njit, prange

KEPT = 256
"""Items at most that an item has a weight for: the largest weights."""


@dataclass(frozen=True)
class Following:
    """How pairs of a history are counted, and by what their counts are divided.

    Attributes:
        gap: places, at least 1: of pairs further apart nothing is counted.
        decay: of a pair for each place more between its items, in (0, 1].
        back: what a pair counts in the other direction, >= 0; 1 forgets the direction.
        into: exponent of the interactions of the earlier item, by which its row is divided.
        out: exponent of those of the later one.
        smoothing: interactions that are added to each item's before.
    """

    gap: int = 12
    decay: float = 0.8
    back: float = 0.3
    into: float = 0.7
    out: float = 0.3
    smoothing: float = 10.0


def successors(indptr: np.ndarray, items: np.ndarray, n_items: int, how: Following) -> sp.csr_array:
    """Weights (n_items, n_items) float32: what an item of a history gives to each item that may come next.

    Within a history of L items, a pair with item i at place a and item j at place b > a, b - a at most `gap`, adds
    decay^(b - a - 1) / sqrt(L) to row i at column j, and `back` times that to row j at column i. Then row i is divided
    by (its interactions + smoothing)^into and column j by those to the power `out`; the `KEPT` largest of a row stay.

    Args:
        indptr: (n_users + 1,) integers, where histories begin.
        items: (nnz,) integers, the items of each history, oldest first.
        n_items: of the catalogue.
        how: they are counted.
    """
    flat = np.ascontiguousarray(items, dtype=np.int64)
    starts = np.asarray(indptr, dtype=np.int64)
    counted = np.bincount(flat, minlength=n_items).astype(np.float64) + how.smoothing
    occurrences = np.argsort(flat, kind="stable")
    bounds = np.concatenate(([0], np.cumsum(np.bincount(flat, minlength=n_items))))
    user = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    columns = np.full((n_items, KEPT), -1, dtype=np.int32)
    values = np.zeros((n_items, KEPT), dtype=np.float32)
    discount = how.decay ** np.arange(how.gap)
    into, out = np.maximum(counted, 1e-9) ** -how.into, np.maximum(counted, 1e-9) ** -how.out
    _count(starts, flat, occurrences, bounds, user, discount, how.back, into, out, columns, values)
    kept = columns >= 0
    indptr_of = np.concatenate(([0], np.cumsum(kept.sum(axis=1))))
    return sp.csr_array((values[kept], columns[kept], indptr_of), shape=(n_items, n_items))


@njit(parallel=True, cache=True, nogil=True)
def _count(starts, items, occurrences, bounds, user, discount, back, into, out, columns, values):
    """Write the largest weights of each row and their columns, ascending; see `successors`."""
    n_items, kept = values.shape
    blocks = min(n_items, 64)
    for block in prange(blocks):
        sums, met = np.zeros(n_items), np.empty(n_items, dtype=np.int64)
        for item in range(block, n_items, blocks):
            count = 0
            for o in range(bounds[item], bounds[item + 1]):
                place = occurrences[o]
                first, last = starts[user[place]], starts[user[place] + 1]
                weight = 1 / np.sqrt(last - first)
                for away in range(1, len(discount) + 1):
                    if place + away < last:
                        count = _add(sums, met, count, items[place + away], weight * discount[away - 1])
                    if back > 0 and place - away >= first:
                        count = _add(sums, met, count, items[place - away], weight * discount[away - 1] * back)
            found = np.sort(met[:count])
            weights = np.empty(count)
            for k in range(count):
                weights[k] = sums[found[k]] * into[item] * out[found[k]]
                sums[found[k]] = 0
                if found[k] == item:  # somebody took it again
                    weights[k] = 0
            chosen = np.arange(count)
            if count > kept:
                chosen = np.sort(np.argsort(-weights, kind="mergesort")[:kept])
            at = 0
            for k in chosen:
                if weights[k] > 0:
                    columns[item, at], values[item, at] = found[k], weights[k]
                    at += 1


@njit(inline="always")
def _add(sums, met, count, item, weight):
    if sums[item] == 0:
        met[count] = item
        count += 1
    sums[item] += weight
    return count
