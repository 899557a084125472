"""How many active parameters a table has, and of how many columns; how large the file will be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sparserec.artefact import EncoderShape, Plan, ids_bytes, nnz_for_budget, planned, sparse_file_bytes
from sparserec.axes import RECOMMENDERS
from sparserec.interactions import Split
from sparserec.settings import OrderConfig, RunConfig, TeacherConfig
from sparserec.sparsity import bounds_whole_file, budget_of, parse_budget
from sparserec.starts.settings import StartSettings
from sparserec.vocabulary import Vocabulary

FINEST_BITS = 10.5
"""Bits of a "coded" value with the finest step: a step of half the size takes a bit more."""
USUAL_BITS = 5.0
"""The same without a budget."""
SPARE = 30
"""One in so many parameters more than are expected to fit: a table may take fewer bytes than one spread by chance, and
where it does not, the smallest values are left out of the file."""
SHORT = 5000
"""Bytes below which more than half of a file is its header."""
HEADER_MARGIN = 256
"""Bytes by which the header of a file may be larger than the estimate of a budget by the item has it."""


@dataclass(frozen=True)
class PlannedFile:
    """The file that a training will lead to, before it begins.

    Attributes:
        bytes: all of the file, ids and header included.
        ids: how many of these are the raw ids.
        ceiling: whether the file will have no more, as with a budget; else it will have about as many.
    """

    bytes: int
    ids: int
    ceiling: bool


def width(config: RunConfig, split: Split) -> int:
    """Columns that the data can fill and that `start_numbers` allows, `config.dim` at most."""
    n_users, n_items = split.train.n_users, split.train.n_items
    numbers = config.of(StartSettings).start_numbers
    return max(1, min(config.dim, n_users - 1, n_items - 1, numbers // max(n_items, 1)))


def active_parameters(config: RunConfig, split: Split, dim: int, *, item_columns: bool = False) -> int:
    """The budget in active parameters of tables of `dim` columns.

    It comes from the bytes of the exported file, or from the density: that is of the columns that were asked for. A
    budget of bytes is a ceiling: where more would fit than there are places, all are active.

    Args:
        config: of the run.
        split: of its data.
        dim: columns.
        item_columns: whether the table has item columns alone: its values are above 0, and there are no factors.

    Raises:
        SparserecError: for a budget by the item that not even one parameter a row keeps; see `budget_bounds`.
    """
    kind = RECOMMENDERS[config.model]
    n_users, n_items = table_rows(config, split)
    if config.budget is None:
        asked = width(config, split) if kind.from_histories else dim
        return min(budget_of(config.density, n_users + n_items, asked), (n_users + n_items) * dim)
    limit = parse_budget(config.budget, split.train.n_items)
    if bounds_whole_file(config.budget):
        plan = _plan(config, split, dim, item_columns=item_columns)
        asked = limit if config.values == "coded" else limit + limit // SPARE
        return plan.nnz_within(max(asked, plan.smallest))
    sizes = {"n_items": n_items, "n_users": n_users, "dim": dim, **_stored(config, item_columns)}
    nnz = nnz_for_budget(limit, **sizes, encoder=encoder_shape(config))
    if nnz < 2 * (n_items + n_users) or limit < SHORT:  # so few that it matters how long the header is
        plan = _plan(config, split, dim, item_columns=item_columns)
        nnz = min(nnz, plan.nnz_within(max(limit + plan.ids, plan.smallest)))
    return nnz


def encoder_shape(config: RunConfig) -> EncoderShape | None:
    """Of the transformer that the file of a recommender has; None where it has none."""
    kind = RECOMMENDERS[config.model]
    return None if kind.encoder is None else EncoderShape(*kind.encoder(config.of(kind.settings)))


def table_rows(config: RunConfig, split: Split) -> tuple[int, int]:
    """Rows of users and of items over all tables of a recommender."""
    sides = list(RECOMMENDERS[config.model].tables.values())
    return split.train.n_users * sides.count("users"), split.train.n_items * sides.count("items")


def columns_budget(config: RunConfig, split: Split, dim: int, *, item_columns: bool = False) -> int:
    """The same for a table of histories, of which fewer columns than asked for may not hold as many parameters."""
    asked = width(config, split)
    if dim > asked:
        return active_parameters(config, split, dim, item_columns=item_columns)
    return min(active_parameters(config, split, asked, item_columns=item_columns), split.train.n_items * dim)


def bytes_beside_ids(config: RunConfig, items: Vocabulary, users: Vocabulary | None) -> int | None:
    """What a budget of bytes leaves for all of the file but its raw ids; None without one.

    Args:
        config: of the run.
        items: ids of the items.
        users: ids of the users; None where the file has no table of them.
    """
    if config.budget is None:
        return None
    limit = parse_budget(config.budget, len(items))
    if config.ids == "none" or not bounds_whole_file(config.budget):
        return limit
    return limit - ids_bytes(items) - (0 if users is None else ids_bytes(users))


def smallest_budget(config: RunConfig, split: Split) -> int:
    """Bytes of the smallest budget of the whole file that will do, ids and header included."""
    # The card has the budget too, as it is written.
    with_budget = config.model_copy(update={"budget": "1000000000B"})
    return _plan(with_budget, split, _columns(config, split)).smallest


def budget_bounds(config: RunConfig, split: Split) -> tuple[int, int]:
    """Bytes of the smallest budget that will do and of the largest that is of use, with or without ids as this one."""
    plan, coded = _plan(config, split, _columns(config, split)), config.values == "coded"
    most = plan.bytes_of(plan.rows * plan.dim, FINEST_BITS if coded else None)
    least = smallest_budget(config, split)
    if not bounds_whole_file(config.budget or ""):
        n_users, n_items = table_rows(config, split)
        sizes = {"n_items": n_items, "n_users": n_users, "dim": plan.dim, "values_dtype": config.values}
        beside = {"history_factors": plan.history_factors, "encoder": plan.encoder}
        fewest = sparse_file_bytes(nnz=plan.rows, **sizes, **beside)
        least, most = max(least - plan.ids, fewest + (HEADER_MARGIN if coded else 0)), most - plan.ids
    return least, max(least, most)


def planned_file_bytes(config: RunConfig, split: Split) -> PlannedFile:
    """How large the file will be that a training of this configuration leads to.

    Raises:
        SparserecError: for a budget that is too small.
    """
    dim = _columns(config, split)
    plan = _plan(config, split, dim)
    nnz = active_parameters(config, split, dim)
    coded = config.values == "coded"
    if config.budget is None:
        return PlannedFile(plan.bytes_of(nnz, USUAL_BITS if coded else None), plan.ids, ceiling=False)
    limit = parse_budget(config.budget, split.train.n_items)
    limit += 0 if bounds_whole_file(config.budget) else plan.ids
    if nnz < plan.rows * dim and not coded:
        return PlannedFile(limit, plan.ids, ceiling=True)
    return PlannedFile(min(limit, plan.bytes_of(nnz, FINEST_BITS if coded else None)), plan.ids, ceiling=True)


def _columns(config: RunConfig, split: Split) -> int:
    return width(config, split) if RECOMMENDERS[config.model].from_histories else config.dim


def _plan(config: RunConfig, split: Split, dim: int, *, item_columns: bool = False) -> Plan:
    kind = RECOMMENDERS[config.model]
    return planned(
        items=split.train.items,
        users=split.train.users if "users" in kind.tables.values() else None,
        dim=dim,
        # Without what a first training decided, so that a second one is planned alike: the card has what was asked for.
        recipe=config.model_copy(update={"teacher": TeacherConfig(), "order": OrderConfig()}).as_recipe(),
        ids=config.ids != "none",
        encoder=encoder_shape(config),
        **_stored(config, item_columns),
    )


def _stored(config: RunConfig, item_columns: bool) -> dict[str, Any]:
    """How the values of a table can be expected to be stored, and whether it has history factors."""
    if item_columns:
        return {"values_dtype": "positive" if config.values == "coded" else config.values, "history_factors": False}
    return {"values_dtype": config.values, "history_factors": RECOMMENDERS[config.model].from_histories}
