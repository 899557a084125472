"""Initial masks: where the active parameters are before the first step."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numba import prange

from sparserec.errors import SparserecError
from sparserec.kernels import kernel
from sparserec.sparsity.masks import CsrMask, largest, pointers


@dataclass(frozen=True)
class Normalisation:
    """By what interactions are divided before they are factorised: D_u^-a/2 R (D_i + s)^-1/2.

    The usual a = 1 and s = 0 are best where items have many interactions. Where most have a few, an item of two says
    little about a user; s then lets the others of a history count for more.

    Attributes:
        user_power: a, >= 0; 1 makes all users count alike, 0 all interactions.
        smoothing: s, >= 0, interactions added to those of each item.
    """

    user_power: float = 1.0
    smoothing: float = 0.0

    def degrees(self, items: np.ndarray) -> np.ndarray:
        """Interactions of items (n,) -> what stands for them everywhere, (n,) float32, at least 1."""
        return np.maximum(items, 1).astype(np.float32) + np.float32(self.smoothing)


PLAIN = Normalisation()


def normalised(interactions: sp.csr_array, normalisation: Normalisation = PLAIN) -> sp.csr_array:
    """Interactions divided by powers of both degrees, so that their largest singular value is 1.

    Empty rows and columns stay empty.

    Args:
        interactions: (n_users, n_items) binary.
        normalisation: the powers; D_u^-1/2 R D_i^-1/2 when not given.
    """
    users, items = (np.maximum(np.asarray(interactions.sum(axis=axis)).ravel(), 1) for axis in (1, 0))
    roots = 1 / np.sqrt(users**normalisation.user_power), 1 / np.sqrt(items + np.float32(normalisation.smoothing))
    scaled = sp.csr_array(sp.diags_array(roots[0]) @ interactions @ sp.diags_array(roots[1]), dtype=np.float32)
    if normalisation != PLAIN:  # which has that value already
        scaled.data /= np.float32(max(_largest_singular(scaled), 1e-12))
    return scaled


def _largest_singular(matrix: sp.csr_array, iterations: int = 30) -> float:
    """The largest singular value of a matrix without negative entries, by power iteration."""
    vector, square = np.asarray(matrix.sum(axis=0), dtype=np.float32), 0.0
    for _ in range(iterations):
        vector /= max(float(np.linalg.norm(vector)), 1e-12)
        vector = matrix.T @ (matrix @ vector)
        square = float(np.linalg.norm(vector))
    return math.sqrt(square)


def nmf_factors(
    interactions: sp.csr_array,
    dim: int,
    *,
    normalise: bool = True,
    balance: bool = True,
    seed: int = 0,
    max_iter: int = 40,
) -> tuple[np.ndarray, np.ndarray]:
    """Nonnegative factors of the interactions: R ~ W H^T.

    The factors are dense while they are computed, (n_users + n_items) x dim float32 for a moment before training
    starts.

    Args:
        interactions: (n_users, n_items) binary.
        dim: number of columns, at most the smaller side of the matrix.
        normalise: factorise D_u^-1/2 R D_i^-1/2 instead of R.
        balance: scale the columns so that W's and H's have equal norms.
        seed: of the initialisation's randomised SVD.
        max_iter: sweeps of coordinate descent.

    Returns:
        W (n_users, dim) and H (n_items, dim), float32, >= 0.
    """
    check_dim(interactions, dim)
    matrix = normalised(interactions) if normalise else interactions
    users, items = _nmf(matrix, dim, "nndsvda", max_iter, seed)
    if not (np.isfinite(users).all() and np.isfinite(items).all()):
        # Singular values of interactions of low rank come out as small negative numbers, whose roots are none.
        users, items = _nmf(matrix, dim, "random", max_iter, seed)
    if balance:
        user_norm = np.maximum(np.linalg.norm(users, axis=0), 1e-12)
        item_norm = np.maximum(np.linalg.norm(items, axis=0), 1e-12)
        middle = np.sqrt(user_norm * item_norm)
        users, items = users * (middle / user_norm), items * (middle / item_norm)
    return users.astype(np.float32), items.astype(np.float32)


def _nmf(matrix: sp.csr_array, dim: int, init: str, max_iter: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Factors (n_users, dim) and (n_items, dim) of a nonnegative matrix, not finite where the initialisation fails."""
    from sklearn.decomposition import NMF  # scikit-learn is loaded by what factorises, not by every training
    from sklearn.exceptions import ConvergenceWarning

    columns: Any = dim  # its annotation knows only "auto"
    model = NMF(columns, init=init, max_iter=max_iter, tol=1e-4, random_state=seed)
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        # The mask needs the factors' support, which settles long before the objective does.
        warnings.simplefilter("ignore", ConvergenceWarning)
        users = model.fit_transform(matrix)
    return users, model.components_.T


def spectral_factors(
    interactions: sp.csr_array, dim: int, *, power: float = 0.5, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Truncated SVD of the normalised interactions, rotated so that each row has few large entries.

    Columns are scaled by the singular values to a power, then rotated by varimax with Kaiser weights: the rotation
    leaves all inner products as they are and concentrates every row on few columns.

    Args:
        interactions: (n_users, n_items) binary.
        dim: number of columns.
        power: exponent of the singular values on each side; 0.5 splits them evenly.
        seed: of the randomised SVD.

    Returns:
        user factors (n_users, dim) and item factors (n_items, dim), float32, signed.
    """
    from sklearn.utils.extmath import randomized_svd

    check_dim(interactions, dim)
    power_iterations: Any = 4  # its annotation knows only "auto"
    left, singular, right = randomized_svd(normalised(interactions), dim, n_iter=power_iterations, random_state=seed)
    scale = singular**power
    users, items = (left * scale).astype(np.float32), (right.T * scale).astype(np.float32)
    rotation = varimax(np.vstack([users, items]))
    return users @ rotation, items @ rotation


def varimax(
    loadings: np.ndarray, max_iter: int = 60, tolerance: float = 1e-5, start: np.ndarray | None = None
) -> np.ndarray:
    """The orthogonal rotation (d, d) that maximises the varimax criterion of row-normalised loadings.

    Source: Kaiser, "The varimax criterion for analytic rotation in factor analysis", 1958.

    Args:
        loadings: (n, d); rows are brought to unit length first (Kaiser's weights).
        max_iter: most iterations.
        tolerance: relative gain of the criterion below which it stops.
        start: a rotation (d, d) to go on from; none when None.
    """
    unit = _kaiser(loadings)
    rotation = np.eye(loadings.shape[1], dtype=np.float32) if start is None else start
    before, convex = 0.0, False
    for number in range(max_iter):
        turned = unit @ rotation
        squares = turned * turned
        means = squares.mean(axis=0)
        squares -= means
        if convex:
            squares += means.max()
        turned *= squares
        rotation, criterion = _polar(unit.T @ turned)
        if criterion < before * (1 + tolerance):
            if convex or number > 1 or start is not None:
                break
            # No gain from the beginning, which after a start only means that it was a good one: with few columns the
            # steps may go to and fro. They cannot where the means are added back, since what they climb is convex then.
            convex, criterion = True, 0.0
        before = criterion
    return rotation


STAGES = ((6144, 8), (12_288, 6), (None, 4))
"""Rows that iterations of `wide_varimax` look at, all for None, and how many iterations do."""


def wide_varimax(
    loadings: np.ndarray, start: np.ndarray | None = None, stages: Sequence[tuple[int | None, int]] = STAGES
) -> np.ndarray:
    """A rotation (d, d) close to one of `varimax`, in a fraction of its time for hundreds of columns.

    An iteration of `varimax` turns by the nearest orthogonal matrix of a matrix S that becomes symmetric, and which is
    the larger on its diagonal the further it has come. Here it turns by I + X, X_jk = (S_jk - S_kj) / (S_jj + S_kk),
    which is that matrix to first order in S beside its diagonal, and so stands still at the same places; Newton-Schulz
    steps keep it orthogonal. The first iterations look at a sample of the rows, each at another one.

    Source of the steps: Higham, "Functions of matrices", 2008, section 8.3.

    Args:
        loadings: (n, d); rows are brought to unit length first (Kaiser's weights).
        start: a rotation (d, d) to go on from; none when None.
        stages: rows to look at, all for None, and iterations.
    """
    (n_rows, dim), unit = loadings.shape, _kaiser(loadings)
    rotation = np.eye(dim, dtype=np.float32) if start is None else start
    generator = np.random.default_rng(0)
    for rows, iterations in stages:
        for _ in range(iterations):
            sample = unit
            if rows is not None and rows < n_rows:
                sample = unit[np.sort(generator.choice(n_rows, rows, replace=False))]
            turned = sample @ rotation
            squares = turned * turned
            squares -= squares.mean(axis=0)
            squares *= turned
            rotation = _turned(rotation, turned.T @ squares)
    for _ in range(20):  # from about a hundredth away, two or three are enough
        square = rotation.T @ rotation
        if np.abs(square - np.eye(dim, dtype=np.float32)).max() < 1e-5:
            break
        rotation = np.float32(1.5) * rotation - np.float32(0.5) * (rotation @ square)
    return rotation


def _kaiser(loadings: np.ndarray) -> np.ndarray:
    """Rows (n, d) at unit length, float32: Kaiser's weights."""
    return (loadings / np.maximum(np.linalg.norm(loadings, axis=1, keepdims=True), 1e-12)).astype(np.float32)


def _turned(rotation: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """A rotation turned by the first-order orthogonal factor of `towards` (d, d), orthogonal to about a hundredth."""
    size = np.maximum(np.diag(towards), 0)
    skew = towards - towards.T
    skew /= np.maximum(size[:, None] + size, max(1e-12 * float(size.max()), 1e-30))
    vector, norm = np.random.default_rng(0).standard_normal(len(skew), dtype=np.float32), 0.0
    for _ in range(8):
        vector = skew @ vector
        norm = float(np.linalg.norm(vector))
        vector /= max(norm, 1e-20)
    if norm > 1:
        skew /= np.float32(norm)
        norm = 1.0
    # Singular values lie between 1 and (1 + norm^2)^1/2: brought to either side of 1.
    turned = (rotation + rotation @ skew) / np.float32((1 + norm * norm) ** 0.25)
    for _ in range(2 if norm > 0.35 else 1):
        turned = np.float32(1.5) * turned - np.float32(0.5) * (turned @ (turned.T @ turned))
    return turned


def nearest_rotation(matrix: np.ndarray) -> np.ndarray:
    """The orthogonal matrix (d, d) nearest to a float32 matrix (d, d)."""
    return _polar(matrix)[0]


def _polar(matrix: np.ndarray) -> tuple[np.ndarray, float]:
    """The nearest orthogonal matrix, and the sum of the singular values."""
    # torch's SVD: NumPy's took ten times as long for a thousand columns.
    left, singular, right = torch.linalg.svd(torch.from_numpy(matrix))
    return (left @ right).numpy(), float(singular.sum())


def masks_of_factors(
    factors: list[np.ndarray], budget: int, *, evenness: float = 0.0, per_table: bool = False
) -> list[CsrMask]:
    """The largest |entries| of stacked factors, every row keeping at least one, with their values.

    Args:
        factors: (n_rows, dim) of each table.
        budget: active parameters over all tables together.
        evenness: entries compete after a division by their row's norm to this power: with 0 rows with large factors,
            those of many interactions, get more active parameters; with 1 all rows get about as many.
        per_table: give each table its share of the budget by rows, instead of letting them compete.
    """
    if per_table:
        rows = np.array([len(part) for part in factors])
        shares = np.floor(budget * np.cumsum(rows) / rows.sum()).astype(np.int64)
        return [
            masks_of_factors([part], int(share), evenness=evenness)[0]
            for part, share in zip(factors, np.diff(shares, prepend=0), strict=True)
        ]
    stacked = np.vstack(factors)
    scores = np.abs(stacked)
    if evenness:
        scores /= np.maximum(np.linalg.norm(stacked, axis=1, keepdims=True), 1e-12) ** np.float32(evenness)
    indptr, columns = largest(scores, budget)
    row = np.repeat(np.arange(len(stacked)), np.diff(indptr))
    values = stacked[row, columns]
    masks, first = [], 0
    for part in factors:
        bounds = indptr[first : first + len(part) + 1]
        masks.append(CsrMask(bounds - bounds[0], columns[bounds[0] : bounds[-1]], values[bounds[0] : bounds[-1]]))
        first += len(part)
    return masks


def random_mask(n_rows: int, dim: int, budget: int, generator: np.random.Generator) -> CsrMask:
    """A uniformly random mask with exactly `budget` active coordinates and at least one in each row.

    Nothing of size n_rows x dim is allocated: row lengths are drawn first, then distinct columns row by row.
    """
    if not n_rows <= budget <= n_rows * dim:
        raise SparserecError(f"a budget of {budget:,} does not fit {n_rows:,} rows of {dim} columns")
    lengths = generator.multivariate_hypergeometric([dim] * n_rows, budget) if n_rows <= 1000 else None
    if lengths is None:
        lengths = generator.binomial(dim, budget / (n_rows * dim), n_rows)
    lengths = np.clip(lengths, 1, dim).astype(np.int64)
    _settle(lengths, budget - int(lengths.sum()), dim, generator)
    indptr = pointers(lengths)
    columns = np.empty(budget, dtype=np.uint8 if dim <= 256 else np.uint16)
    _draw_columns(indptr, dim, generator.integers(0, 2**63, n_rows, dtype=np.uint64), columns)
    return CsrMask(indptr, columns, np.zeros(budget, dtype=np.float32))


def _settle(lengths: np.ndarray, missing: int, dim: int, generator: np.random.Generator) -> None:
    """Add or take single coordinates in random rows until the budget is met; lengths stay between 1 and dim."""
    while missing:
        free = np.flatnonzero(lengths < dim if missing > 0 else lengths > 1)
        chosen = generator.choice(free, min(abs(missing), len(free)), replace=False)
        lengths[chosen] += np.sign(missing)
        missing -= int(np.sign(missing)) * len(chosen)


@kernel(parallel=True)
def _draw_columns(indptr, dim, seeds, columns):
    """Distinct ascending columns for each row by selection sampling; each row has a seed of its own."""
    for row in prange(len(indptr) - 1):
        state = seeds[row] | np.uint64(1)
        slot, missing = indptr[row], indptr[row + 1] - indptr[row]
        for column in range(dim):
            # xorshift64*: good enough to pick columns, and the same on any number of threads.
            state ^= state >> np.uint64(12)
            state ^= state << np.uint64(25)
            state ^= state >> np.uint64(27)
            uniform = np.float64((state * np.uint64(2685821657736338717)) >> np.uint64(11)) / 9007199254740992.0
            if uniform * (dim - column) < missing:
                columns[slot] = column
                slot += 1
                missing -= 1
                if missing == 0:
                    break


def check_dim(interactions: sp.csr_array, dim: int) -> None:
    """Raise SparserecError when the interactions have no factorisation of so many columns."""
    limit = min(int(side) for side in interactions.shape or ())
    if dim > limit:
        raise SparserecError(
            f"a factorisation has at most {limit} columns here (the smaller of users and items), not {dim}; "
            "choose a smaller dim or the random start"
        )
