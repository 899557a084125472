"""Nonnegative matrix factorisation whose factors are sparse while they are computed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
from numba import prange

from sparserec.kernels import kernel
from sparserec.sparsity.entries import Entries
from sparserec.sparsity.initial import check_dim, normalised

SWEEPS = 30
"""Times that each side is fitted to the other."""
AVERAGED = 20
"""Users whose interactions make up a column of the first item factors."""
BLOCK = 4096
"""Rows that are looked at in one go outside of kernels."""
ENOUGH = 1e-4
"""Share of what a row's first step from 0 would gain, below which fitting it stops."""


def nmf_entries(
    interactions: sp.csr_array,
    dim: int,
    kept: int,
    *,
    normalise: bool = True,
    balance: bool = True,
    seed: int = 0,
    sweeps: int = SWEEPS,
) -> tuple[Entries, Entries]:
    """The largest entries of nonnegative factors of the interactions: R ~ W H^T, each row with `kept` entries.

    Rows of one side are fitted in turn, the other side held: a row is a nonnegative least-squares problem, solved by
    greedy coordinate descent, and keeps its largest entries. Memory is that of the entries that are kept; a whole row
    exists for the row at hand alone. Where fewer entries are positive, places go to those nearest to becoming it, with
    the value 0.

    Sources: Hsieh and Dhillon, "Fast coordinate descent methods with variable selection for non-negative matrix
    factorization", 2011; for the first factors, averages of a few rows for each column, Langville et al.,
    "Initializations for the nonnegative matrix factorization", 2006.

    Args:
        interactions: (n_users, n_items) binary.
        dim: number of columns, at most the smaller side of the matrix.
        kept: entries of each row, from 1 to `dim`.
        normalise: factorise D_u^-1/2 R D_i^-1/2 instead of R.
        balance: scale the columns so that W's and H's have equal norms.
        seed: of the users that the first factors average.
        sweeps: times that each side is fitted, at least 1.

    Returns:
        the entries of W, of n_users rows, and of H, of n_items rows, >= 0.
    """
    check_dim(interactions, dim)
    by_user = normalised(interactions) if normalise else sp.csr_array(interactions, dtype=np.float32)
    by_item = sp.csr_array(by_user.T)
    n_users, n_items = (int(side) for side in by_user.shape or ())
    users, items = Entries.empty(n_users, kept, dim), Entries.empty(n_items, kept, dim)
    _nothing(users)
    _averages(by_user, dim, seed, items)
    for _ in range(sweeps):
        _fit(by_user, items, users, dim)
        _fit(by_item, users, items, dim)
    if balance:
        of_users, of_items = (np.maximum(np.sqrt(_squares(side, dim)), 1e-12) for side in (users, items))
        middle = np.sqrt(of_users * of_items)
        for side, norms in ((users, of_users), (items, of_items)):
            _scale(side, (middle / norms).astype(np.float32))
    for side in (users, items):
        side.norms[:] = np.sqrt(np.einsum("rk,rk->r", side.values, side.values))
    return users, items


def _nothing(side: Entries) -> None:
    side.columns[:] = np.arange(side.columns.shape[1])
    side.values[:] = 0


def _averages(by_user: sp.csr_array, dim: int, seed: int, items: Entries) -> None:
    """Write the first item factors: column by column the sum of the interactions of a few users."""
    generator, n_users = np.random.default_rng([seed, 17]), len(by_user.indptr) - 1
    each = min(AVERAGED, -(-n_users // dim))
    chosen = np.concatenate([generator.permutation(n_users) for _ in range(-(-dim * each // n_users))])[: dim * each]
    pick = sp.csr_array((np.ones(dim * each, np.float32), (np.repeat(np.arange(dim), each), chosen)), (dim, n_users))
    sums = sp.csr_array((pick @ by_user).T)
    sums.sort_indices()
    _keep(sums.indptr, sums.indices, sums.data, items.columns, items.values, dim)


def _fit(rows: sp.csr_array, held: Entries, fitted: Entries, dim: int) -> None:
    gram = np.zeros((dim, dim), dtype=np.float32)
    _products(held.columns, held.values, gram)
    curvature = np.ascontiguousarray(np.diag(gram))
    inverse = np.where(curvature > 0, 1 / np.maximum(curvature, np.float32(1e-30)), 0).astype(np.float32)
    given = (rows.indptr, rows.indices, rows.data, held.columns, held.values, gram, curvature, inverse)
    _descend(*given, fitted.columns, fitted.values)


def _squares(side: Entries, dim: int) -> np.ndarray:
    """Sums of squares of the columns, (dim,) float64."""
    total = np.zeros(dim)
    for part in _blocks(side):
        squares = np.square(side.values[part], dtype=np.float64)
        total += np.bincount(side.columns[part].ravel(), weights=squares.ravel(), minlength=dim)
    return total


def _scale(side: Entries, scale: np.ndarray) -> None:
    for part in _blocks(side):
        side.values[part] *= scale[side.columns[part]]


def _blocks(side: Entries) -> Iterator[slice]:
    for first in range(0, len(side.values), BLOCK):
        yield slice(first, first + BLOCK)


@kernel()
def _products(columns, values, gram):
    """Add the products of the columns with each other to `gram` (d, d)."""
    total = np.zeros(gram.shape)
    for row in range(len(columns)):
        for one in range(columns.shape[1]):
            value = values[row, one]
            if value != 0:
                for other in range(columns.shape[1]):
                    total[columns[row, one], columns[row, other]] += value * values[row, other]
    gram[:] = total


@kernel(parallel=True)
def _keep(indptr, indices, data, columns, values, dim):
    """Write the largest stored entries of each row, and where there are fewer the first columns that have none, 0."""
    for row in prange(len(columns)):
        weights, gradient = np.zeros(dim, np.float32), np.zeros(dim, np.float32)
        for place in range(indptr[row], indptr[row + 1]):
            weights[indices[place]] = data[place]
        _write(weights, gradient, columns[row], values[row])


@kernel(parallel=True)
def _descend(indptr, indices, data, held_columns, held_values, gram, curvature, inverse, columns, values):
    """Fit each row by greedy coordinate descent from where it is; of the result the largest entries stay.

    `curvature` (d,) is the diagonal of `gram` (d, d), `inverse` (d,) one through it, 0 where a column has no entries:
    such a weight stays.
    """
    dim, kept = len(gram), columns.shape[1]
    for row in prange(len(columns)):
        gradient, weights = np.zeros(dim, np.float32), np.zeros(dim, np.float32)
        steps, gains = np.empty(dim, np.float32), np.empty(dim, np.float32)
        for place in range(indptr[row], indptr[row + 1]):
            other, times = indices[place], data[place]
            for slot in range(kept):
                gradient[held_columns[other, slot]] -= times * held_values[other, slot]
        enough = np.float32(ENOUGH) * (gradient * gradient * inverse).max() / 2  # of what a step from 0 would gain
        for slot in range(kept):
            if values[row, slot] != 0:
                weights[columns[row, slot]] = values[row, slot]
                _move(gradient, gram[columns[row, slot]], values[row, slot])
        moved = False
        for _ in range(2 * kept):
            best = _best_step(gradient, weights, curvature, inverse, steps, gains)
            if gains[best] <= enough:
                break
            weights[best] += steps[best]
            _move(gradient, gram[best], steps[best])
            moved = True
        if moved:
            _write(weights, gradient, columns[row], values[row])


@kernel()
def _move(gradient, products, step):
    """The gradient after a step along one column."""
    for column in range(len(gradient)):
        gradient[column] += step * products[column]


@kernel()
def _best_step(gradient, weights, curvature, inverse, steps, gains):
    """Write the best step along each column and what it gains; the column that gains most."""
    for column in range(len(gradient)):
        steps[column] = max(-gradient[column] * inverse[column], -weights[column])
        gains[column] = -steps[column] * (gradient[column] + np.float32(0.5) * steps[column] * curvature[column])
    bits = gains.view(np.int32)  # of numbers that are not negative these have the same order, and are compared faster
    most = bits[0]
    for column in range(1, len(bits)):
        most = max(most, bits[column])
    best = 0
    while bits[best] != most:
        best += 1
    return best


@kernel()
def _write(weights, gradient, columns, values):
    """Write the largest weights, ascending by column; where too few are positive, those of the least gradient too."""
    dim, kept = len(weights), len(columns)
    scores = np.empty(dim, np.float32)
    top = np.float32(0)
    for column in range(dim):
        top = max(top, abs(gradient[column]))
    for column in range(dim):
        # Positive weights first; after them the others, the readiest to grow first.
        scores[column] = weights[column] if weights[column] > 0 else -1 - (gradient[column] + top) / (2 * top + 1e-30)
    bound = np.partition(scores, dim - kept)[dim - kept]
    ties = kept
    for column in range(dim):
        if scores[column] > bound:
            ties -= 1
    slot = 0
    for column in range(dim):
        if scores[column] > bound or (scores[column] == bound and ties > 0):
            ties -= scores[column] == bound
            columns[slot], values[slot] = column, weights[column]
            slot += 1
