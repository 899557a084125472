"""What follows what: an item-item model in closed form that knows the order of a history."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numba import prange

from sparserec.kernels import kernel
from sparserec.numeric import descending
from sparserec.protocols import Histories
from sparserec.spans import fading

KEPT = 256
"""Items at most that an item has a weight for: those of the largest weights."""
BLOCKS = 64
"""Parts of the catalogue that are counted side by side."""


@dataclass(frozen=True)
class Following:
    """How pairs of items in a history are counted, and by what the counts are divided.

    Attributes:
        gap: places, at least 1: pairs further apart are not counted.
        gap_decay: of a pair for each place more between its items, in (0, 1].
        back: what a pair counts in the other direction, >= 0; 1 forgets the direction.
        into: exponent of the interactions of the earlier item, by which its row is divided.
        out: exponent of those of the later one.
        smoothing: interactions that are added to each item's before, > 0.
    """

    gap: int = 12
    gap_decay: float = 0.8
    back: float = 0.3
    into: float = 0.7
    out: float = 0.3
    smoothing: float = 10.0


def successors(history: Histories, n_items: int, how: Following, kept: int = KEPT) -> sp.csr_array:
    """Weights (n_items, n_items) float32: what an item of a history gives to each item that may come next.

    Within a history of L items, a pair with item i at place a and item j at place b > a, b - a at most `gap`, adds
    gap_decay^(b - a - 1) / sqrt(L) to row i at column j, and `back` times that to row j at column i. Then row i is
    divided by (its interactions + smoothing)^into and column j by those to the power `out`; the `kept` largest weights
    of a row stay. Nothing is on the diagonal.

    Args:
        history: items of each user, oldest first.
        n_items: of the catalogue.
        how: they are counted.
        kept: weights of a row at most.
    """
    items = np.ascontiguousarray(history.indices, dtype=np.int64)
    degrees = np.bincount(items, minlength=n_items)
    smoothed = degrees + how.smoothing
    lengths = np.diff(history.indptr)
    columns = np.full((n_items, kept), -1, dtype=np.int32)
    weights = np.zeros((n_items, kept), dtype=np.float32)
    _count(
        np.asarray(history.indptr, dtype=np.int64),
        items,
        np.argsort(items, kind="stable"),
        np.concatenate(([0], np.cumsum(degrees))),
        np.repeat(np.arange(len(lengths)), lengths),
        how.gap_decay ** np.arange(how.gap),
        how.back,
        smoothed**-how.into,
        smoothed**-how.out,
        columns,
        weights,
    )
    there = columns >= 0
    indptr = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(there.sum(axis=1))))
    return sp.csr_array((weights[there], columns[there], indptr), shape=(n_items, n_items))


@kernel(parallel=True)
def _count(starts, items, occurrences, bounds, users, discount, back, into, out, columns, weights):
    """Write the largest weights of each row and their columns, ascending, -1 where there are fewer."""
    n_items, kept = weights.shape
    for block in prange(BLOCKS):
        sums, met = np.zeros(n_items), np.empty(n_items, dtype=np.int64)
        for item in range(block, n_items, BLOCKS):
            count = 0
            for number in range(bounds[item], bounds[item + 1]):
                place = occurrences[number]
                first, last = starts[users[place]], starts[users[place] + 1]
                weight = 1 / np.sqrt(last - first)
                for away in range(1, len(discount) + 1):
                    if place + away < last:
                        count = _add(sums, met, count, items[place + away], weight * discount[away - 1])
                    if back > 0 and place - away >= first:
                        count = _add(sums, met, count, items[place - away], weight * discount[away - 1] * back)
            found = np.sort(met[:count])
            values = np.empty(count)
            for k in range(count):
                values[k] = 0 if found[k] == item else sums[found[k]] * into[item] * out[found[k]]
                sums[found[k]] = 0
            chosen = np.arange(count)
            if count > kept:
                chosen = np.sort(descending(values)[:kept])
            at = 0
            for k in chosen:
                if values[k] > 0:
                    columns[item, at], weights[item, at] = found[k], values[k]
                    at += 1


@kernel(inline="always")
def _add(sums, met, count, item, weight):
    """Add to the sum of an item; the number of items met so far."""
    if sums[item] == 0:
        met[count] = item
        count += 1
    sums[item] += weight
    return count


def decayed(history: Histories, n_items: int, decay: float) -> sp.csr_array:
    """Histories (n_users, n_items) float32 in which an item of age a counts decay^a; the newest has age 0.

    Args:
        history: items of each user, oldest first.
        n_items: of the catalogue.
        decay: in (0, 1].
    """
    indptr = np.asarray(history.indptr)
    return sp.csr_array((fading(indptr, decay), history.indices, indptr), shape=(len(indptr) - 1, n_items))
