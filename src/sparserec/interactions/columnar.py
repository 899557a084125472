"""Tables whose columns have types: Parquet files and frames in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from sparserec.errors import SparserecError, option
from sparserec.interactions.coding import Coded, Scan, read_scan
from sparserec.interactions.columns import find_columns
from sparserec.interactions.conditions import columns_of, condition
from sparserec.interactions.request import Request

EXACT = 2.0**53
"""Whole numbers up to here are exact as floating-point numbers."""
Places = Callable[[Sequence[int]], list[str | None]]


def read_columns(frame: pl.LazyFrame, label: str, request: Request, places: Places | None = None) -> Coded:
    """Read the needed columns; ids are integers or text, dates become microseconds since 1970.

    Args:
        frame: the table.
        label: what messages call it.
        request: the arguments of `load`.
        places: names the place of rows; by default their numbers, from 1.

    Raises:
        SparserecError: a column isn't there or has the wrong type, or an id is missing.
    """
    refuse_text_options(label, request)
    schema = frame.collect_schema()
    names = list(schema)
    found = find_columns(names, request, label)
    rating = found.get("rating")
    if rating is not None and request.min_rating is None and not _may_be_rating(schema[names[rating]]):
        del found["rating"]
    picks, hints = [], []
    for role, at in found.items():
        pick, hint = _fitting(frame, role, names[at], label)
        picks.append(pick.alias(role))
        hints += hint
    if request.where:
        columns_of(request.where, names, label)
        picks.append(condition(frame, request.where).alias("chosen"))
    scan = Scan(
        frame.select(picks),
        {role: names[at] for role, at in found.items()},
        label,
        places or (lambda rows: [f"{label}, row {row + 1}" for row in rows]),
        lambda error: SparserecError(f"{label}: cannot be read: {str(error).splitlines()[0]}"),
        hints=tuple(hints),
    )
    return read_scan(scan, request)


def refuse_text_options(label: str, request: Request) -> None:
    """Raises SparserecError for options that only text has a use for."""
    asked = [option(name, getattr(request, name)) for name in ("separator", "encoding") if getattr(request, name)]
    if request.header is False:
        asked.append(option("header", False))
    if asked:
        raise SparserecError(f"{label}: is no text; leave out {', '.join(asked)}")


def is_text(kind: pl.DataType) -> bool:
    """Whether a column holds text."""
    return kind in (pl.String, pl.Categorical, pl.Enum)


def _may_be_rating(kind: pl.DataType) -> bool:
    return is_text(kind) or kind.is_numeric()


def _fitting(frame: pl.LazyFrame, role: str, name: str, label: str) -> tuple[pl.Expr, list[str]]:
    """A column as the role needs it, and sentences about what had to be done to it."""
    kind = frame.collect_schema()[name]
    column = pl.col(name)
    if role == "timestamp":
        return column, []  # judged when it is read
    if role == "rating":
        if not _may_be_rating(kind):
            raise SparserecError(f"{label}: column {name!r} is {kind}; min_rating needs numbers")
        return column, []
    if is_text(kind) or kind.is_integer() or kind == pl.Null:
        return column, []
    if kind.is_float() or kind.is_decimal():
        whole = column.fill_nan(None) if kind.is_float() else column
        broken = (whole != whole.floor()) | (whole.abs() > EXACT)
        if not frame.select(broken.any()).collect(engine="streaming").item():
            hint = f"{label}: the ids in column {name!r} are floating-point numbers, all whole, and read as integers"
            return whole.cast(pl.Int64), [hint]
    raise SparserecError(f"{label}: column {name!r} is {kind}; ids must be integers or text")


def first_line(error: BaseException) -> str:
    """The first line of what another library says."""
    return next(iter(str(error).splitlines()), type(error).__name__)
