"""Item-item models cut to a number of weights, and fitted again to what they lost."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numba import prange

from sparserec.kernels import kernel
from sparserec.numeric import solve
from sparserec.sparsity.masks import CsrMask

BLOCKS = 64
"""Parts of the catalogue that are fitted side by side."""


def largest_weights(model: sp.csr_array, importance: np.ndarray, count: int) -> sp.csr_array:
    """The `count` weights (i, j) of a model (n, n) that are largest where each counts importance[i] times.

    The largest of every column stays, so that no item is without one; an item that nothing leads to gets a weight that
    is next to nothing from itself.

    Args:
        model: weights above 0.
        importance: (n,) > 0.
        count: at least n.
    """
    n = len(model.indptr) - 1
    rows = np.repeat(np.arange(n), np.diff(model.indptr))
    columns, values = model.indices.astype(np.int64), model.data.astype(np.float64)
    worth = values * importance[rows]
    order = np.lexsort((rows, -worth, columns))
    first = np.ones(len(order), dtype=bool)
    first[1:] = columns[order][1:] != columns[order][:-1]
    stays = np.zeros(len(worth), dtype=bool)
    stays[order[first]] = True
    alone = np.setdiff1d(np.arange(n), columns)
    left = count - int(stays.sum()) - len(alone)
    others = np.flatnonzero(~stays)
    if left < len(others):
        others = others[np.argsort(-worth[others], kind="stable")[: max(left, 0)]]
    stays[others] = True
    least = float(values.min(initial=1.0))
    rows = np.concatenate((rows[stays], alone))
    columns = np.concatenate((columns[stays], alone))
    values = np.concatenate((values[stays], np.full(len(alone), least)))
    return sp.csr_array(sp.coo_array((values.astype(np.float32), (rows, columns)), shape=(n, n)))


def refitted(few: sp.csr_array, model: sp.csr_array, together: sp.csr_array, ridge: float) -> sp.csr_array:
    """The few weights with values whose scores are nearest to those of the whole model.

    Scores of an item are sums over a history; their squared differences add up to (w - m)' G (w - m) with its weights
    w, those of the model m, and G what items have in common over all histories. Of each item that is a system of
    equations of as many unknowns as it has weights.

    Args:
        few: (n, n), weights of column j lead to item j.
        model: (n, n).
        together: G, (n, n), symmetric, with its diagonal.
        ridge: share of its diagonal that is added to it, > 0, so that every system can be solved.
    """
    by_item, whole = sp.csr_array(few.T), sp.csr_array(model.T)
    values = by_item.data.astype(np.float64)
    _fit(
        by_item.indptr.astype(np.int64),
        by_item.indices.astype(np.int64),
        whole.indptr.astype(np.int64),
        whole.indices.astype(np.int64),
        whole.data.astype(np.float64),
        together.indptr.astype(np.int64),
        together.indices.astype(np.int64),
        together.data.astype(np.float64),
        ridge,
        values,
    )
    fitted = sp.csr_array((values.astype(np.float32), by_item.indices, by_item.indptr), shape=few.shape)
    return sp.csr_array(fitted.T)


@kernel(parallel=True)
def _fit(bounds, rows, whole_bounds, whole_rows, whole_values, common_bounds, common_rows, common_values, ridge, out):
    """Solve the system of each item; `out` has the values to begin with, which stay where there is nothing to fit."""
    n = len(bounds) - 1
    for block in prange(BLOCKS):
        wanted, place = np.zeros(n), np.full(n, -1)
        for item in range(block, n, BLOCKS):
            first, last = bounds[item], bounds[item + 1]
            if last == first or whole_bounds[item + 1] == whole_bounds[item]:
                continue
            for k in range(whole_bounds[item], whole_bounds[item + 1]):
                wanted[whole_rows[k]] = whole_values[k]
            for k in range(first, last):
                place[rows[k]] = k - first
            left, right = np.zeros((last - first, last - first)), np.zeros(last - first)
            for k in range(last - first):
                row = rows[first + k]
                for c in range(common_bounds[row], common_bounds[row + 1]):
                    other, value = common_rows[c], common_values[c]
                    right[k] += value * wanted[other]
                    if place[other] >= 0:
                        left[k, place[other]] = value
                right[k] += ridge * left[k, k] * wanted[row]
                left[k, k] *= 1 + ridge
            solution = solve(left, right)
            for k in range(last - first):
                out[first + k] = solution[k]
            for k in range(whole_bounds[item], whole_bounds[item + 1]):
                wanted[whole_rows[k]] = 0
            for k in range(first, last):
                place[rows[k]] = -1


def as_item_rows(model: sp.csr_array) -> CsrMask:
    """A table with a row for each item and a column for each item of a history: the weights that lead to it."""
    rows = sp.csr_array(model.T)
    rows.sort_indices()
    return CsrMask(rows.indptr.astype(np.int64), rows.indices, rows.data.astype(np.float32))
