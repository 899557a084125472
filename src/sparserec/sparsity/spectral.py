"""The spectrum of the interactions, and the sparse table of a history-based recommender that starts from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from sparserec.sparsity.initial import (
    PLAIN,
    Normalisation,
    check_dim,
    nearest_rotation,
    normalised,
    varimax,
    wide_varimax,
)
from sparserec.sparsity.masks import CsrMask, largest

TYPICAL_VALUE = 0.2
"""Root mean square of a start's values; scores do not depend on it, the meaning of a step size does."""


USER_NUMBERS = 200_000_000
"""Numbers (users x singular values) that a matrix of the user side may have; of more users there is none."""
DEPENDENT = 1e-11
"""Share of the largest square below which a column counts as one that depends on others."""
ROWS = 4096
"""Rows of which columns are multiplied with each other at a time, in double precision."""
TOGETHER = 64
"""Columns that are added up at a time, where there is none."""
BLOCK_NUMBERS = 20_000_000
"""Numbers of a block of it, where there is none."""


@dataclass(frozen=True)
class Spectrum:
    """The largest singular values of the normalised interactions and their vectors on the side of the items.

    Attributes:
        singular: (dim,) float32, descending.
        items: (n_items, dim) float32, orthonormal columns.
        normalisation: by what interactions were divided.
    """

    singular: np.ndarray
    items: np.ndarray
    normalisation: Normalisation = PLAIN

    def narrowed(self, columns: int) -> Spectrum:
        """The largest `columns` of them."""
        return Spectrum(self.singular[:columns], self.items[:, :columns], self.normalisation)


def item_spectrum(
    interactions: sp.csr_array,
    dim: int,
    *,
    seed: int = 0,
    iterations: int = 3,
    normalisation: Normalisation = PLAIN,
) -> Spectrum:
    """Truncated SVD of the normalised interactions, the user side left out.

    A randomised range finder, then the eigenvectors of a dim x dim matrix instead of a second large SVD.

    Source: Halko, Martinsson and Tropp, "Finding structure with randomness", 2011, algorithms 4.4 and 5.1.

    Args:
        interactions: (n_users, n_items) binary.
        dim: number of singular values, at most the smaller side of the matrix.
        seed: of the random start.
        iterations: power iterations of the range finder.
        normalisation: by what interactions are divided.
    """
    check_dim(interactions, dim)
    matrix = normalised(interactions, normalisation)
    n_users, n_items = (int(side) for side in matrix.shape or ())
    size = min(dim + 16, n_users, n_items)
    if n_users * size > USER_NUMBERS:
        return Spectrum(*from_items(matrix, dim, size, seed, iterations), normalisation)
    by_item = sp.csr_array(matrix.T)
    basis = np.random.default_rng([seed, 12]).standard_normal((n_items, size), dtype=np.float32)
    for _ in range(iterations):
        basis = _well_conditioned(matrix @ basis)
        basis = _well_conditioned(by_item @ basis)
    basis = orthonormal(matrix @ basis)
    small = np.asarray(by_item @ basis)
    singular, turn = _leading((small.T @ small).astype(np.float64), dim)
    items = small @ (turn / singular).astype(np.float32)
    return Spectrum(singular, np.ascontiguousarray(items), normalisation)


def _well_conditioned(columns: np.ndarray) -> np.ndarray:
    """Columns (n, d) of the same span, far from dependent: the lower factor of an LU decomposition."""
    from scipy.linalg import lu

    return lu(columns, permute_l=True, overwrite_a=True, check_finite=False)[0]


def orthonormal(columns: np.ndarray) -> np.ndarray:
    """Orthonormal columns (n, d) float32 of the same span, 0 where a column depends on others.

    By the eigenvectors of the columns' products with each other, twice, since once is exact to their condition alone:
    products of matrices, which take a fraction of the time of a QR decomposition.

    Source: Yamamoto et al., "Roundoff error analysis of the CholeskyQR2 algorithm", 2015, for the second round.
    """
    for _ in range(2):
        products = np.zeros((columns.shape[1], columns.shape[1]))
        for first in range(0, len(columns), ROWS):
            part = columns[first : first + ROWS].astype(np.float64)
            products += part.T @ part
        squares, turn = np.linalg.eigh(products)
        known = squares > DEPENDENT * max(float(squares[-1]), 1e-30)
        turn *= np.where(known, 1 / np.sqrt(np.where(known, squares, 1)), 0)
        columns = columns @ turn.astype(np.float32)
    return columns


def from_items(
    matrix: sp.csr_array, dim: int, size: int, seed: int, iterations: int, numbers: int = BLOCK_NUMBERS
) -> tuple[np.ndarray, np.ndarray]:
    """Singular values (dim,) and item vectors (n_items, dim) by power iteration with R^T R, a block of users at a time.

    Memory does not grow with users times singular values; `numbers` is what a block has of these.
    """
    n_users, n_items = (int(side) for side in matrix.shape or ())
    step = max(1, numbers // size)
    blocks = [matrix[first : first + step] for first in range(0, n_users, step)]
    basis = np.random.default_rng([seed, 12]).standard_normal((n_items, size), dtype=np.float32)
    for _ in range(iterations + 1):
        basis, total = orthonormal(basis), np.zeros((n_items, size), dtype=np.float32)
        for block in blocks:
            part = np.asarray(block @ basis)
            for first in range(0, size, TOGETHER):  # so that no second matrix of the size of `total` is made
                columns = slice(first, first + TOGETHER)
                total[:, columns] += block.T @ part[:, columns]
        basis = total
    basis = orthonormal(basis)
    square = np.zeros((size, size), dtype=np.float64)
    for block in blocks:
        part = np.asarray(block @ basis)
        square += part.T @ part
    singular, turn = _leading(square, dim)
    return singular, np.ascontiguousarray(basis @ turn.astype(np.float32))


def _leading(square: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Roots (dim,) float32 of the largest eigenvalues of a symmetric matrix (d, d), and eigenvectors (d, dim)."""
    squares, turn = np.linalg.eigh(square)
    order = np.argsort(-squares, kind="stable")[:dim]
    return np.sqrt(np.maximum(squares[order], 1e-12)).astype(np.float32), turn[:, order]


def _largest_stored(table: sp.csr_array, budget: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The largest |entries| among those stored, each row keeping its largest; ties go to the lower place."""
    table.sort_indices()
    count = len(table.indptr) - 1
    row = np.repeat(np.arange(count), np.diff(table.indptr))
    size = np.abs(table.data)
    best = np.lexsort((np.arange(len(size)), -size, row))[table.indptr[:-1]]
    size[best] = np.inf
    places = np.sort(np.argsort(-size, kind="stable")[:budget])
    indptr = np.concatenate(([0], np.cumsum(np.bincount(row[places], minlength=count)))).astype(np.int64)
    return indptr, table.indices[places], table.data[places]


WIDE = 256
"""Columns from which on the rotation is found by `wide_varimax`."""
TOWARDS = ((None, 3),)
"""Its stages where the rotation towards an earlier table is known."""


def rotation(scaled: np.ndarray, like: sp.csr_array | None = None) -> np.ndarray:
    """Varimax of loadings.

    Args:
        scaled: (n, d) loadings.
        like: (n, d) the rotated loadings of nearly the same data, of which a few entries a row are enough: the rotation
            towards them is gone on from.
    """
    start = None if like is None else _towards(scaled, like)
    if scaled.shape[1] >= WIDE:
        return wide_varimax(scaled) if start is None else wide_varimax(scaled, start, TOWARDS)
    return varimax(scaled, max_iter=30 if start is None else 5, tolerance=1e-4, start=start)


def _towards(scaled: np.ndarray, like: sp.csr_array) -> np.ndarray:
    """The rotation (d, d) that brings `scaled` closest to `like`, rows of both at unit length (Procrustes).

    Source: Schönemann, "A generalized solution of the orthogonal Procrustes problem", 1966.
    """
    lengths = np.linalg.norm(scaled, axis=1) * np.sqrt(np.asarray(like.multiply(like).sum(axis=1)).ravel())
    weighted = sp.csr_array(sp.diags_array((1 / np.maximum(lengths, 1e-12)).astype(np.float32)) @ like)
    return nearest_rotation(np.ascontiguousarray((weighted.T @ scaled).T))


@dataclass(frozen=True)
class HistoryStart:
    """Where a history-based recommender starts.

    Attributes:
        mask: active coordinates of the item table, with their values.
        weights: (n_items,) float32 > 0, of an item in a history.
    """

    mask: CsrMask
    weights: np.ndarray


def history_start(
    spectrum: Spectrum,
    degrees: np.ndarray,
    budget: int,
    *,
    power: float = 0.25,
    local: sp.csr_array | None = None,
    like: CsrMask | None = None,
) -> HistoryStart:
    """A sparse item table whose scores are those of the spectral filter, as far as `budget` entries go.

    X = V S^power is rotated by varimax, which leaves X X^T as it is and concentrates each row on few columns; the
    largest entries of D^1/2 X stay, so items of many interactions get more of them. An item in a history weighs 1 / D.
    D are the interactions of items, as the spectrum's normalisation counts them.

    Args:
        spectrum: of the training interactions.
        degrees: (n_items,) interactions of each item.
        budget: entries to keep, from one a row to all.
        power: exponent of the singular values; 0 weighs all columns alike.
        local: (n_items, m) more columns beside the rotated ones, see `local.local_factors`.
        like: a start of the same items and columns from nearly the same interactions, which saves most of the rotation.
    """
    degrees = spectrum.normalisation.degrees(degrees)
    scaled = spectrum.items * spectrum.singular**power
    earlier_rows = None if like is None else sp.csr_array((like.values, like.columns, like.indptr), shape=scaled.shape)
    rows = (scaled @ rotation(scaled, earlier_rows)) * np.sqrt(degrees)[:, None]
    indptr, columns = largest(np.abs(rows), min(budget, rows.size))
    values = rows[np.repeat(np.arange(len(rows)), np.diff(indptr)), columns]
    if local is not None:
        beside = sp.csr_array(sp.diags_array(np.sqrt(degrees)) @ local)
        joined = sp.csr_array(sp.hstack([sp.csr_array((values, columns, indptr), shape=rows.shape), beside]))
        indptr, columns, values = _largest_stored(joined, budget)
    unit = TYPICAL_VALUE / max(float(np.sqrt(np.mean(values**2))), 1e-12)
    # A row without interactions has no spectrum: it starts small instead of at exactly 0.
    values = np.where(values == 0, 1e-3, values * unit).astype(np.float32)
    return HistoryStart(CsrMask(indptr, columns, values), (1 / degrees / unit**2).astype(np.float32))
