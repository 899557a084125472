"""How many active parameters a table has, and of how many columns."""

from __future__ import annotations

from typing import Any

from sparserec.artefact import nnz_for_budget, sparse_file_bytes
from sparserec.axes import RECOMMENDERS
from sparserec.interactions import Split
from sparserec.settings import RunConfig
from sparserec.sparsity import budget_of, parse_budget
from sparserec.starts.settings import StartSettings


def width(config: RunConfig, split: Split) -> int:
    """Columns that the data can fill and that `start_numbers` allows, `config.dim` at most."""
    n_users, n_items = split.train.n_users, split.train.n_items
    numbers = config.of(StartSettings).start_numbers
    return max(1, min(config.dim, n_users - 1, n_items - 1, numbers // max(n_items, 1)))


def active_parameters(config: RunConfig, split: Split, dim: int) -> int:
    """The budget in active parameters of tables of `dim` columns.

    It comes from the bytes of the exported file, or from the density: that is of the columns that were asked for.
    """
    kind = RECOMMENDERS[config.model]
    n_users, n_items = table_rows(config, split)
    if config.budget is None:
        asked = width(config, split) if kind.from_histories else dim
        return min(budget_of(config.density, n_users + n_items, asked), (n_users + n_items) * dim)
    shape: dict[str, Any] = {"n_items": n_items, "n_users": n_users, "dim": dim, "values_dtype": config.values}
    shape["history_factors"] = kind.from_histories
    all_active = (n_items + n_users) * dim
    budget = parse_budget(config.budget, split.train.n_items)
    if budget >= sparse_file_bytes(nnz=all_active, **shape):  # a budget is a ceiling
        return all_active
    return nnz_for_budget(budget, **shape)


def table_rows(config: RunConfig, split: Split) -> tuple[int, int]:
    """Rows of users and of items over all tables of a recommender."""
    sides = list(RECOMMENDERS[config.model].tables.values())
    return split.train.n_users * sides.count("users"), split.train.n_items * sides.count("items")


def columns_budget(config: RunConfig, split: Split, dim: int) -> int:
    """The same for a table of histories, of which fewer columns than asked for may not hold as many parameters."""
    asked = width(config, split)
    if dim > asked:
        return active_parameters(config, split, dim)
    return min(active_parameters(config, split, asked), split.train.n_items * dim)
