"""Tables that begin at a factorisation of the interactions, or by chance: of recommenders with a row for each user."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from sparserec.axes import STARTS
from sparserec.errors import SparserecError
from sparserec.recommenders import Side
from sparserec.settings import RunConfig
from sparserec.sparsity import (
    CsrMask,
    Entries,
    kept_in_a_row,
    masks_of_entries,
    masks_of_factors,
    nmf_entries,
    nmf_factors,
    random_mask,
    spectral_entries,
    spectral_factors,
)
from sparserec.starts.base import Context, SparseStart, StartKind
from sparserec.starts.budget import active_parameters
from sparserec.starts.histories import by_chance, of_spectrum
from sparserec.starts.settings import StartSettings

NORMAL_SCALE = 0.01
"""Standard deviation of initial values that come from no factorisation; Adam's first steps are of this size too."""


def sparse_tables(context: Context) -> dict[str, SparseStart]:
    """Sparse tables by name at their initial mask and values, under one budget."""
    context.course.begin("table")
    config, settings = context.config, context.config.of(StartSettings)
    counts, sides = row_counts(context), context.recommender.tables
    budget = active_parameters(config, context.split, config.dim)
    generator, kind = _generator(config), STARTS[config.init]
    options = {"evenness": settings.init_evenness, "per_table": settings.init_per_table}
    if kind.entries is not None:
        entries = kind.entries(context, kept_in_a_row(budget, sum(counts.values()), config.dim))
        masks = masks_of_entries([entries[side] for side in sides.values()], budget, **options)
        del entries  # at large densities as much as the tables
    elif kind.factors is not None:
        factors = kind.factors(context)
        masks = masks_of_factors([factors[side] for side in sides.values()], budget, **options)
    else:
        masks = split_mask(random_mask(sum(counts.values()), config.dim, budget, generator), counts.values())
    return {
        name: SparseStart(_with_values(context, mask, generator), config.dim)
        for name, mask in zip(counts, masks, strict=True)
    }


def dense_matrices(context: Context) -> dict[str, np.ndarray]:
    """Initial values of dense tables by name, (n_rows, dim) each."""
    counts, config = row_counts(context), context.config
    if _starts_normal(config):
        generator = _generator(config)
        return {name: _normal((count, config.dim), generator) for name, count in counts.items()}
    kind = STARTS[config.init]
    assert kind.factors is not None
    factors = {side: _unit_rows(part) for side, part in kind.factors(context).items()}
    return {name: factors[side].copy() for name, side in context.recommender.tables.items()}


def unbudgeted_matrices(context: Context) -> dict[str, np.ndarray]:
    """The same for tables that stay dense, which have no budget."""
    if context.config.budget is not None:
        raise SparserecError("a dense table has no budget to keep: choose dim instead, or another method")
    context.course.begin("table")
    return dense_matrices(context)


def row_counts(context: Context) -> dict[str, int]:
    """Rows of each embedding table by its name."""
    counts = {"users": context.split.train.n_users, "items": context.split.train.n_items}
    return {name: counts[side] for name, side in context.recommender.tables.items()}


def split_mask(joined: CsrMask, counts: Iterable[int]) -> list[CsrMask]:
    """The masks of several tables from that of their rows one below the other."""
    masks, first = [], 0
    for count in counts:
        bounds = joined.indptr[first : first + count + 1]
        cut = slice(bounds[0], bounds[-1])
        masks.append(CsrMask(bounds - bounds[0], joined.columns[cut], joined.values[cut]))
        first += count
    return masks


def filled(values: np.ndarray) -> np.ndarray:
    """Values in which no parameter is exactly 0, where nothing moves: a row without interactions has no factors."""
    return np.where(values == 0, NORMAL_SCALE, values)


def _with_values(context: Context, mask: CsrMask, generator: np.random.Generator) -> CsrMask:
    if _starts_normal(context.config):
        return CsrMask(mask.indptr, mask.columns, _normal(len(mask.columns), generator))
    length = np.diff(mask.indptr)
    norms = np.sqrt(np.add.reduceat(mask.values**2, mask.indptr[:-1]))
    values = mask.values / np.repeat(np.maximum(norms, 1e-12), length)
    return CsrMask(mask.indptr, mask.columns, filled(values))


def _starts_normal(config: RunConfig) -> bool:
    kind = STARTS[config.init]
    return kind.factors is None or kind.mask_alone or config.of(StartSettings).init_values == "normal"


def _generator(config: RunConfig) -> np.random.Generator:
    return np.random.default_rng([config.seed, 3])


def _normal(shape: int | tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    return generator.standard_normal(shape, dtype=np.float32) * NORMAL_SCALE


def _unit_rows(matrix: np.ndarray) -> np.ndarray:
    return matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12) + 0.0


def _nmf_options(context: Context) -> dict[str, Any]:
    settings = context.config.of(StartSettings)
    return {"normalise": settings.init_normalise, "balance": settings.init_balance, "seed": context.config.seed}


def _by_nmf(context: Context) -> Mapping[Side, np.ndarray]:
    users, items = nmf_factors(context.split.train.csr(), context.config.dim, **_nmf_options(context))
    return {"users": users, "items": items}


def _nmf_entries(context: Context, kept: int) -> Mapping[Side, Entries]:
    users, items = nmf_entries(context.split.train.csr(), context.config.dim, kept, **_nmf_options(context))
    return {"users": users, "items": items}


def _by_spectrum(context: Context) -> Mapping[Side, np.ndarray]:
    config = context.config
    users, items = spectral_factors(context.split.train.csr(), config.dim, seed=config.seed)
    return {"users": users, "items": items}


def _spectral_entries(context: Context, kept: int) -> Mapping[Side, Entries]:
    config = context.config
    users, items = spectral_entries(context.split.train.csr(), config.dim, kept, seed=config.seed)
    return {"users": users, "items": items}


NMF = StartKind(
    factors=_by_nmf,
    entries=_nmf_entries,
    settings=StartSettings,
    summary="the largest factors of a nonnegative matrix factorisation",
)
NMF_MASK = replace(NMF, mask_alone=True, summary="the mask of nmf, with normal numbers for values")
RANDOM = StartKind(of_histories=by_chance, settings=StartSettings, summary="by chance, with normal numbers")
SPECTRAL = StartKind(
    factors=_by_spectrum,
    entries=_spectral_entries,
    of_histories=of_spectrum,
    widths=True,
    settings=StartSettings,
    summary="the largest entries of singular vectors after a rotation that gathers rows in few columns",
)
