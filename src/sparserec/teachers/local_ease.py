"""EASE with few neighbours an item: a linear model for catalogues of any size, each item's part solved by itself."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numba import njit, prange

from sparserec.kernels import kernel
from sparserec.teachers.linear import LinearTeacher

BLOCK = 512
"""Items whose common interactions with all others are counted at a time."""
KEPT = 1024
"""Items, those with which it has most in common, whose common interactions with an item are remembered."""


class LocalEase(LinearTeacher):
    """EASE with few weights an item.

    Args:
        weights: (n_items, n_items) float32; row i is what item i of a history gives to other items.
        regularisation: with which it was found.
    """

    def __init__(self, weights: sp.csr_array, regularisation: float):
        super().__init__(weights)
        self.regularisation = regularisation


class CommonInteractions:
    """How many users items share, and the nearest items of each.

    Args:
        history: (n_users, n_items) binary.
        count: nearest items an item: the most similar ones by the cosine of their interactions; fewer where it shares
            users with fewer.

    Attributes:
        degrees: (n_items,) float32, interactions of each item.
        shared: (n_items, n_items) float32, users shared with other items; of an item that shares users with more than
            `KEPT` others, those of the `KEPT` nearest.
        nearest: (n_items, n_items), the pattern of the `count` nearest.
    """

    def __init__(self, history: sp.csr_array, count: int):
        taken = sp.csr_array(history, dtype=np.float32)
        self.degrees = np.asarray(taken.sum(axis=0)).ravel().astype(np.float32)
        root = np.sqrt(np.maximum(self.degrees, 1))
        by_item = sp.csr_array(taken.T)
        shared, nearest = [], []
        for first in range(0, len(root), BLOCK):
            part = sp.csr_array(by_item[first : first + BLOCK] @ taken)
            part.sort_indices()  # so that of equals the first are taken
            rows = first + np.repeat(np.arange(len(part.indptr) - 1), np.diff(part.indptr))
            other = rows != part.indices
            similar = np.where(other, part.data / (root[rows] * root[part.indices]), -1).astype(np.float32)
            remembered = _best_of_rows(part.indptr, similar, KEPT) & other
            shared.append(_where(part, remembered))
            nearest.append(_where(part, _best_of_rows(part.indptr, similar, count) & other))
        self.shared, self.nearest = (sp.csr_array(sp.vstack(parts)) for parts in (shared, nearest))
        self.shared.sort_indices()
        self.nearest.sort_indices()


def local_ease(common: CommonInteractions, regularisation: float) -> LocalEase:
    """For each item j the weights of its nearest items that minimise |x_j - X w|^2 + regularisation |w|^2.

    That is a column of EASE, or of SLIM without its penalty on sums, with the other items left out: a small system an
    item, by Cholesky.

    Source: Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019; Ning and Karypis, "SLIM", 2011,
    which takes the nearest items first too ("fsSLIM").

    Args:
        common: of the interactions X.
        regularisation: > 0.
    """
    pattern, shared = common.nearest, common.shared
    values = np.zeros(len(pattern.indices), dtype=np.float32)
    _solve(
        *(shared.indptr, shared.indices, shared.data, common.degrees),
        *(pattern.indptr, pattern.indices, np.float64(regularisation), values),
    )
    into = sp.csr_array((values, pattern.indices, pattern.indptr), shape=pattern.shape)
    weights = sp.csr_array(into.T)
    weights.sort_indices()
    return LocalEase(weights, regularisation)


def _where(matrix: sp.csr_array, kept: np.ndarray) -> sp.csr_array:
    """The entries (nnz,) of a matrix that are kept."""
    indptr = np.concatenate(([0], np.cumsum(kept)))[matrix.indptr]
    return sp.csr_array((matrix.data[kept], matrix.indices[kept], indptr), shape=matrix.shape)


@kernel(parallel=True)
def _best_of_rows(indptr, scores, count):
    """Which entries (nnz,) are among the `count` of the highest score in their row; ties go to the first."""
    kept = np.ones(len(scores), dtype=np.bool_)
    for row in prange(len(indptr) - 1):
        first, last = indptr[row], indptr[row + 1]
        if last - first > count:
            kept[first:last] = False
            order = np.argsort(-scores[first:last], kind="mergesort")
            for place in range(count):
                kept[first + order[place]] = True
    return kept


@njit(inline="always")
def _entry(indptr, indices, data, row, column):
    """The entry of a sparse matrix with ascending columns, 0 where there is none."""
    first, end = indptr[row], indptr[row + 1]
    last = end
    while first < last:
        middle = (first + last) // 2
        if indices[middle] < column:
            first = middle + 1
        else:
            last = middle
    return data[first] if first < end and indices[first] == column else np.float32(0)


@kernel(parallel=True)
def _solve(indptr, indices, data, degrees, pattern_starts, pattern, regularisation, weights):
    """Write the weights (nnz of the pattern,) of each item's nearest items; see `local_ease`.

    An entry that only one of two items remembers counts for both.
    """
    for item in prange(len(pattern_starts) - 1):
        near = pattern[pattern_starts[item] : pattern_starts[item + 1]]
        size = len(near)
        system, solution = np.empty((size, size)), np.empty(size)
        for a in range(size):
            solution[a] = _entry(indptr, indices, data, item, near[a])
            system[a, a] = degrees[near[a]] + regularisation
            for b in range(a):
                there = _entry(indptr, indices, data, near[a], near[b])
                back = _entry(indptr, indices, data, near[b], near[a])
                system[a, b] = max(there, back)
        if _cholesky(system):
            _substitute(system, solution)
        else:  # only where entries were forgotten: then each item by itself
            for a in range(size):
                solution[a] /= degrees[near[a]] + regularisation
        for a in range(size):
            weights[pattern_starts[item] + a] = solution[a]


@njit(inline="always")
def _cholesky(system):
    """Put the lower factor of a symmetric matrix, of which the lower half is read, in its place; whether it has one."""
    for a in range(len(system)):
        for b in range(a + 1):
            total = system[a, b]
            for k in range(b):
                total -= system[a, k] * system[b, k]
            if a > b:
                system[a, b] = total / system[b, b]
            elif total <= 1e-9:
                return False
            else:
                system[a, a] = np.sqrt(total)
    return True


@njit(inline="always")
def _substitute(factor, right):
    """Put the solution of L L^T x = right in the place of `right`."""
    size = len(right)
    for a in range(size):
        total = right[a]
        for k in range(a):
            total -= factor[a, k] * right[k]
        right[a] = total / factor[a, a]
    for place in range(size):
        a = size - 1 - place
        total = right[a]
        for k in range(a + 1, size):
            total -= factor[k, a] * right[k]
        right[a] = total / factor[a, a]
