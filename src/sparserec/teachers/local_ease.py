"""EASE with few neighbours an item: a linear model for catalogues of any size, each item's part solved by itself."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numba import njit, prange

from sparserec.kernels import kernel
from sparserec.nearest import best_of_rows, shared_by_users
from sparserec.teachers.linear import LinearTeacher

KEPT = 1024
"""Items, those with which it has most in common, whose common interactions with an item are remembered."""
BLOCKS = 64
"""Parts of the catalogue that are solved side by side."""


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
        shared, nearest = [], []
        for item, part in shared_by_users(taken):
            cosine = part.data / (root[item] * root[part.indices])
            similar = np.where(item == part.indices, 0, cosine).astype(np.float32)
            places = best_of_rows(part.indptr, similar, max(KEPT, count))
            shared.append(_where(part, places[:, :KEPT]))
            nearest.append(_where(part, places[:, :count]))
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


def _where(matrix: sp.csr_array, places: np.ndarray) -> sp.csr_array:
    """A matrix of the entries at some places; those of -1 count for nothing."""
    kept = np.zeros(len(matrix.data), dtype=np.bool_)
    kept[places[places >= 0]] = True
    indptr = np.concatenate(([0], np.cumsum(kept)))[matrix.indptr]
    return sp.csr_array((matrix.data[kept], matrix.indices[kept], indptr), shape=matrix.shape)


@njit(nogil=True)
def _gather(indptr, indices, data, item, near, place, system, right):
    """Write what an item shares with its nearest, and they with each other: the upper half, without its diagonal.

    An entry that only one of two items remembers counts for both. `place` (n_items,) is -1 before and after.
    """
    for a in range(len(near)):
        place[near[a]] = a
    for slot in range(indptr[item], indptr[item + 1]):
        a = place[indices[slot]]
        if a >= 0:
            right[a] = data[slot]
    for a in range(len(near)):
        for slot in range(indptr[near[a]], indptr[near[a] + 1]):
            b = place[indices[slot]]
            if b >= 0:
                low, high = min(a, b), max(a, b)
                system[low, high] = max(system[low, high], data[slot])
    for other in near:
        place[other] = -1


@kernel(parallel=True)
def _solve(indptr, indices, data, degrees, pattern_starts, pattern, regularisation, weights):
    """Write the weights (nnz of the pattern,) of each item's nearest items; see `local_ease`."""
    n_items = len(pattern_starts) - 1
    for block in prange(BLOCKS):
        place = np.full(n_items, -1, dtype=np.int32)
        for item in range(block, n_items, BLOCKS):
            near = pattern[pattern_starts[item] : pattern_starts[item + 1]]
            size = len(near)
            system, solution = np.zeros((size, size)), np.zeros(size)
            _gather(indptr, indices, data, item, near, place, system, solution)
            for a in range(size):
                system[a, a] = degrees[near[a]] + regularisation
            if _cholesky(system):
                _substitute(system, solution)
            else:  # only where entries were forgotten: then each item by itself
                for a in range(size):
                    solution[a] /= degrees[near[a]] + regularisation
            for a in range(size):
                weights[pattern_starts[item] + a] = solution[a]


@njit(inline="always")
def _cholesky(system):
    """Put the upper factor of a symmetric matrix, of which the upper half is read, in its place; whether it has one."""
    size = len(system)
    for k in range(size):
        if system[k, k] <= 1e-9:
            return False
        system[k, k] = np.sqrt(system[k, k])
        for b in range(k + 1, size):
            system[k, b] /= system[k, k]
        for a in range(k + 1, size):
            for b in range(a, size):
                system[a, b] -= system[k, a] * system[k, b]
    return True


@njit(inline="always")
def _substitute(factor, right):
    """Put the solution of U^T U x = right in the place of `right`."""
    size = len(right)
    for k in range(size):
        right[k] /= factor[k, k]
        for a in range(k + 1, size):
            right[a] -= factor[k, a] * right[k]
    for place in range(size):
        a = size - 1 - place
        total = right[a]
        for k in range(a + 1, size):
            total -= factor[a, k] * right[k]
        right[a] = total / factor[a, a]
