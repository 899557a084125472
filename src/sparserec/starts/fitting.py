"""Settings fitted to a catalogue before anything is made: what it can't fill is not asked for, and nothing is silent.

Columns and budgets are ceilings. A catalogue that is smaller than they are takes what is of use, and a note says so;
what can't work at all is refused in one sentence that says what would.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sparserec.axes import EXPLORERS, RECOMMENDERS, STARTS, TABLES
from sparserec.errors import SparserecError, option
from sparserec.interactions import Split
from sparserec.settings import RunConfig
from sparserec.sparsity import bounds_whole_file, parse_budget
from sparserec.starts.budget import budget_bounds, encoder_shape, width
from sparserec.training.plan import needs_teacher


@dataclass(frozen=True)
class Fitted:
    """Settings as a catalogue allows them.

    Attributes:
        config: the settings.
        notes: a sentence for each that is another than was asked for.
    """

    config: RunConfig
    notes: tuple[str, ...] = ()


def refuse_hopeless(config: RunConfig, split: Split, source: str) -> None:
    """Raises SparserecError for interactions that nothing can be learned from, whatever the other settings.

    Args:
        config: of the run.
        split: all interactions that the run has.
        source: what they are called in messages.
    """
    every = split.joined()
    users, items = (int((degrees > 0).sum()) for degrees in (every.user_degrees(), every.item_degrees()))
    if users < 2 or items < 2:
        raise SparserecError(
            f"{source} has {users:,} user{'s' * (users != 1)} and {items:,} item{'s' * (items != 1)}: a recommender "
            "learns from what several users took, so at least 2 of each are needed"
        )
    trained_on = every if config.refit and not config.data.holdout else split.history("test")
    if needs_teacher(config) and trained_on.nnz == every.n_users * every.n_items:
        raise SparserecError(
            f"every user of {source} has taken every item, so a teacher has nothing to rank for anybody: "
            f"choose {option('model', 'mf')}, which needs none"
        )


def fitted(config: RunConfig, split: Split) -> Fitted:
    """The settings with columns, density and budget as the catalogue allows them.

    Raises:
        SparserecError: for a budget or density that is too small; it says the smallest that works.
    """
    notes: list[str] = []
    if not RECOMMENDERS[config.model].from_histories:
        config = _narrowed(config, split, notes)
    if config.budget is not None and not _is_dense(config):  # a dense table has none, and is refused later
        config = _budgeted(config, split, notes)
    elif RECOMMENDERS[config.model].from_histories:
        config = _one_a_row(config, split, notes)
    return Fitted(config.model_copy(update={"least_budget": None}), tuple(notes))


def _narrowed(config: RunConfig, split: Split, notes: list[str]) -> RunConfig:
    """As many columns as a factorisation of the interactions has, with as many parameters a row."""
    most = min(split.train.n_users, split.train.n_items)
    if STARTS[config.init].factors is None or config.dim <= most:
        return config
    notes.append(
        f"{most:,} of {config.dim:,} columns are used: a factorisation has no more than there are users or items"
    )
    density = config.density if config.budget is not None else min(1.0, _rounded_up(config.density * config.dim / most))
    return config.model_copy(update={"dim": most, "density": density})


def _one_a_row(config: RunConfig, split: Split, notes: list[str]) -> RunConfig:
    """Where a catalogue leaves few columns, a density of at least one parameter a row."""
    columns = width(config, split)
    if columns == config.dim or config.density * columns >= 1:
        return config
    density = min(1.0, _rounded_up(1 / columns))
    notes.append(
        f"the density is {density:g} instead of {config.density:g}: so small a catalogue fills {columns:,} "
        f"column{'s' * (columns != 1)}, and every item needs one number"
    )
    return config.model_copy(update={"density": density})


def _budgeted(config: RunConfig, split: Split, notes: list[str]) -> RunConfig:
    """A budget that is neither more than is of use, nor, where it is a recipe's, too small for a small catalogue."""
    n_items = split.train.n_items
    budget, (least, most) = parse_budget(config.budget or "", n_items), budget_bounds(config, split)
    if config.least_budget is not None:
        floor = max(least, parse_budget(config.least_budget, n_items))
        if budget < floor:
            given = _written(min(floor, max(most, least)), config, n_items)
            notes.append(f"the budget is {given} instead of {config.budget}: the catalogue is small")
            return config.model_copy(update={"budget": given})
    if budget < least:
        shape = encoder_shape(config)
        beside = "" if shape is None else f", of which the transformer takes {shape.bytes_of(config.dim):,} bytes"
        raise SparserecError(
            f"a budget of {config.budget} is too small for {n_items:,} items: the smallest that works is "
            f"{_written(least, config, n_items)}" + beside
        )
    if budget > most:
        notes.append(
            f"a budget of {config.budget} is more than {n_items:,} items can use: the file takes what is of use"
        )
    return config


def _written(size: int, config: RunConfig, n_items: int) -> str:
    """A budget of at least so many bytes, in the unit of that of the configuration."""
    return f"{size}B" if bounds_whole_file(config.budget or "") else f"{math.ceil(10 * size / n_items) / 10:g}B/item"


def _is_dense(config: RunConfig) -> bool:
    return TABLES[EXPLORERS[config.method].table].of_matrix is not None


def _rounded_up(share: float) -> float:
    """To six places: a density is taken as the decimal number that was written."""
    return math.ceil(share * 1e6) / 1e6
