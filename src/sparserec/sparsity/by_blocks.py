"""The largest entries of singular vectors of both sides, a block of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp

from sparserec.sparsity.entries import Entries
from sparserec.sparsity.initial import check_dim, normalised
from sparserec.sparsity.spectral import from_items, rotation

BLOCK = 4096
"""Rows that exist as a whole at a time."""
LOOKED_AT, FOR_A_COLUMN = 16_384, 16
"""Rows at least by which the rotation is found, in all and for each column, and a quarter of all where that is more."""
NUMBERS = 4_000_000
"""Numbers of a block of the longer side while singular vectors are found."""
ITERATIONS = 4
"""Power iterations of the range finder."""


def spectral_entries(
    interactions: sp.csr_array, dim: int, kept: int, *, power: float = 0.5, seed: int = 0
) -> tuple[Entries, Entries]:
    """The largest entries of the factors of `spectral_factors`, without the factors.

    Singular vectors are held of the smaller side alone, those of the other follow from them row by row. The rotation is
    found by a sample of the rows of both.

    Args:
        interactions: (n_users, n_items) binary.
        dim: number of columns, at most the smaller side of the matrix.
        kept: entries of each row, from 1 to `dim`.
        power: exponent of the singular values on each side; 0.5 splits them evenly.
        seed: of the range finder and of the sample.

    Returns:
        the entries of n_users and of n_items rows, signed.
    """
    check_dim(interactions, dim)
    matrix = normalised(interactions)
    n_users, n_items = (int(side) for side in matrix.shape or ())
    flipped = n_users < n_items
    if flipped:
        matrix = sp.csr_array(matrix.T)
    n_long, n_short = (int(side) for side in matrix.shape or ())
    singular, short = from_items(matrix, dim, min(dim + 16, n_short), seed, ITERATIONS, NUMBERS)
    singular = np.maximum(singular, np.float32(1e-6))  # what is smaller belongs to no vector
    to_long = singular ** np.float32(power - 1)
    turn = _turn(matrix, short, singular, power, np.random.default_rng([seed, 18]))
    sides = Entries.empty(n_long, kept, dim), Entries.empty(n_short, kept, dim)
    for first, rows in _blocks(n_long):
        sides[0].put(first, ((matrix[rows] @ short) * to_long) @ turn)
    for first, rows in _blocks(n_short):
        sides[1].put(first, (short[rows] * singular ** np.float32(power)) @ turn)
    return (sides[1], sides[0]) if flipped else sides


def _turn(
    matrix: sp.csr_array, short: np.ndarray, singular: np.ndarray, power: float, generator: np.random.Generator
) -> np.ndarray:
    """The rotation (d, d) that gathers rows of both sides in few columns."""
    n_long, dim = len(matrix.indptr) - 1, short.shape[1]
    n_rows = n_long + len(short)
    looked_at = min(n_rows, max(LOOKED_AT, FOR_A_COLUMN * dim, n_rows // 4))
    chosen = np.sort(generator.choice(n_rows, looked_at, replace=False))
    of_long, of_short = chosen[chosen < n_long], chosen[chosen >= n_long] - n_long
    sample = np.empty((looked_at, dim), np.float32)
    sample[: len(of_long)] = matrix[of_long] @ short
    sample[: len(of_long)] *= singular ** np.float32(power - 1)
    sample[len(of_long) :] = short[of_short]
    sample[len(of_long) :] *= singular ** np.float32(power)
    return rotation(sample)


def _blocks(n_rows: int) -> Iterator[tuple[int, slice]]:
    for first in range(0, n_rows, BLOCK):
        yield first, slice(first, first + BLOCK)
