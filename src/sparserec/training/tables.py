"""The tables that a training begins with, of recommenders whose rows come from one factorisation, and their budget."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from sparserec.artefact import nnz_for_budget
from sparserec.errors import SparserecError
from sparserec.interactions import Split
from sparserec.sparsity import (
    CsrMask,
    budget_of,
    masks_of_factors,
    nmf_factors,
    parse_budget,
    random_mask,
    spectral_factors,
)
from sparserec.tables import DenseTable, SparseTable, Table
from sparserec.training.config import RunConfig
from sparserec.training.kinds import KINDS, Side
from sparserec.training.start import width

NORMAL_SCALE = 0.01
"""Standard deviation of initial values that come from no factorisation; Adam's first steps are of this size too."""


def active_parameters(config: RunConfig, split: Split, dim: int) -> int:
    """The budget in active parameters of tables of `dim` columns.

    It comes from the bytes of the exported file, or from the density: that is of the columns that were asked for.
    """
    sides = list(KINDS[config.model].tables.values())
    n_items, n_users = split.train.n_items * sides.count("items"), split.train.n_users * sides.count("users")
    by_history = config.model == "fism"
    if config.budget is None:
        asked = width(config, split) if by_history else dim
        return min(budget_of(config.density, n_users + n_items, asked), (n_users + n_items) * dim)
    return nnz_for_budget(
        parse_budget(config.budget, split.train.n_items),
        n_items=n_items,
        n_users=n_users,
        dim=dim,
        values_dtype=config.values,
        history_factors=by_history,
    )


def row_counts(config: RunConfig, split: Split) -> dict[str, int]:
    """Rows of each embedding table by its name."""
    counts = {"users": split.train.n_users, "items": split.train.n_items}
    return {name: counts[side] for name, side in KINDS[config.model].tables.items()}


def dense_tables(config: RunConfig, split: Split) -> dict[str, Table]:
    """Dense tables by name at their initial values."""
    if config.budget is not None:
        raise SparserecError("a dense table has no budget to keep: choose dim instead, or another method")
    return {name: DenseTable(matrix) for name, matrix in dense_start(config, split).items()}


def dense_start(config: RunConfig, split: Split) -> dict[str, np.ndarray]:
    """Initial values of dense tables by name, (n_rows, dim) each."""
    counts = row_counts(config, split)
    if _starts_normal(config):
        generator = _generator(config)
        return {name: _normal((count, config.dim), generator) for name, count in counts.items()}
    factors = {side: _unit_rows(part) for side, part in _factors(config, split).items()}
    return {name: factors[side].copy() for name, side in KINDS[config.model].tables.items()}


def sparse_tables(config: RunConfig, split: Split) -> dict[str, Table]:
    """Sparse tables by name at their initial mask and values, under one budget."""
    counts = row_counts(config, split)
    budget = active_parameters(config, split, config.dim)
    generator = _generator(config)
    if config.init == "random":
        masks = split_mask(random_mask(sum(counts.values()), config.dim, budget, generator), counts.values())
    else:
        factors = _factors(config, split)
        stacked = [factors[side] for side in KINDS[config.model].tables.values()]
        masks = masks_of_factors(stacked, budget, evenness=config.init_evenness, per_table=config.init_per_table)
    return {name: _sparse_table(config, mask, generator) for name, mask in zip(counts, masks, strict=True)}


def split_mask(joined: CsrMask, counts: Iterable[int]) -> list[CsrMask]:
    """The masks of several tables from that of their rows one below the other."""
    masks, first = [], 0
    for count in counts:
        own = joined.indptr[first : first + count + 1]
        cut = slice(own[0], own[-1])
        masks.append(CsrMask(own - own[0], joined.columns[cut], joined.values[cut]))
        first += count
    return masks


def _factors(config: RunConfig, split: Split) -> dict[Side, np.ndarray]:
    """The factorisation that the mask, and perhaps the values, come from: of users and of items."""
    if config.init == "nmf":
        options = {"normalise": config.init_normalise, "balance": config.init_balance}
        users, items = nmf_factors(split.train.csr(), config.dim, seed=config.seed, **options)
    else:
        users, items = spectral_factors(split.train.csr(), config.dim, seed=config.seed)
    return {"users": users, "items": items}


def _sparse_table(config: RunConfig, mask: CsrMask, generator: np.random.Generator) -> SparseTable:
    if _starts_normal(config):
        values = _normal(len(mask.columns), generator)
    else:
        length = np.diff(mask.indptr)
        norms = np.sqrt(np.add.reduceat(mask.values**2, mask.indptr[:-1]))
        values = mask.values / np.repeat(np.maximum(norms, 1e-12), length)
        # A row without interactions has no factors: it starts small instead of at exactly 0, where nothing moves.
        values = np.where(values == 0, NORMAL_SCALE, values)
    return SparseTable(mask.indptr, mask.columns, values, config.dim)


def _starts_normal(config: RunConfig) -> bool:
    return config.init == "random" or config.init_values == "normal"


def _generator(config: RunConfig) -> np.random.Generator:
    return np.random.default_rng([config.seed, 3])


def _normal(shape: int | tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    return generator.standard_normal(shape, dtype=np.float32) * NORMAL_SCALE


def _unit_rows(matrix: np.ndarray) -> np.ndarray:
    return matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12) + 0.0
