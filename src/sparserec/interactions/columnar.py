"""Tables whose columns have types: Parquet files and frames in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from sparserec.errors import SparserecError, option
from sparserec.interactions.coding import Coded, Scan, read_scan
from sparserec.interactions.columns import find_columns
from sparserec.interactions.conditions import columns_of, condition_on_folders
from sparserec.interactions.request import Request
from sparserec.interactions.times import RIGHT, TEXTS, may_be_time

EXACT = {pl.Float64: 2**53, pl.Float32: 2**24, pl.Float16: 2**11}
"""Whole numbers below are exact as floating-point numbers of a type."""
TROUBLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)
"""What Polars raises where it cannot read."""
Places = Callable[[Sequence[int]], list[str | None]]


def read_columns(
    frame: pl.LazyFrame,
    label: str,
    request: Request,
    places: Places | None = None,
    unread: Mapping[str, str] | None = None,
    folders: Mapping[str, str] | None = None,
) -> Coded:
    """Read the needed columns; ids are integers or text, dates become microseconds since 1970.

    Args:
        frame: the table.
        label: what messages call it.
        request: the arguments of `load`.
        places: names the place of rows; by default their numbers, from 1.
        unread: why columns nobody asked for cannot be read, by name.
        folders: columns that folders name, and their one value.

    Raises:
        SparserecError: it cannot be read, a column isn't there or has the wrong type, or an id is missing.
    """
    refuse_text_options(label, request)
    try:
        return _read(frame, label, request, places, unread or {}, folders or {})
    except TROUBLE as error:
        raise SparserecError(f"{label}: cannot be read: {first_line(error)}") from error


def _read(
    frame: pl.LazyFrame,
    label: str,
    request: Request,
    places: Places | None,
    unread: Mapping[str, str],
    folders: Mapping[str, str],
) -> Coded:
    frame = frame.with_columns(pl.lit(value).alias(name) for name, value in folders.items())
    schema = frame.collect_schema()
    names = list(schema)
    found = find_columns(names, request, label)
    picks, hints, untimed = [], [], ""
    for role in [role for role in ("rating", "timestamp") if role in found]:
        name = names[found[role]]
        why = unread.get(name) or _unfit(schema[name], role, name, label)
        if why and role in unasked(request):
            if role == "timestamp":
                untimed = why
            else:
                hints.append(f"{why}; the column is not read")
            del found[role]
        elif why:
            raise SparserecError(why)
    for role, at in found.items():
        pick, hint = _fitting(frame, role, names[at], label)
        picks.append(pick.alias(role))
        hints += hint
    if request.where:
        asked = columns_of(request.where, names, label)
        # The condition may take a folder's value for a number, and an id is text all the same.
        frame = frame.with_columns(pick.alias(f"\0{role}") for role, pick in zip(found, picks, strict=True))
        picks = [pl.col(f"\0{role}").alias(role) for role in found]
        given = {name: value for name, value in folders.items() if name in asked}
        frame, chosen = condition_on_folders(frame, request.where, given)
        picks.append(chosen.alias("chosen"))
    scan = Scan(
        frame.select(picks),
        {role: names[at] for role, at in found.items()},
        label,
        places or (lambda rows: [f"{label}, row {row + 1}" for row in rows]),
        lambda error: SparserecError(f"{label}: cannot be read: {first_line(error)}"),
        hints=tuple(hints),
        untimed=untimed,
    )
    return read_scan(scan, request)


def refuse_text_options(label: str, request: Request) -> None:
    """Raises SparserecError for options that only text has a use for."""
    asked = [option(name, getattr(request, name)) for name in ("separator", "encoding") if getattr(request, name)]
    if request.header is False:
        asked.append(option("header", False))
    if asked:
        raise SparserecError(f"{label}: is no text; leave out {', '.join(asked)}")


def unasked(request: Request) -> list[str]:
    """Roles whose column is read where it is found, and that nobody asked for."""
    asked = {"timestamp": request.timestamp, "rating": request.rating or request.min_rating}
    return [role for role, wanted in asked.items() if wanted is None]


def _unfit(kind: pl.DataType, role: str, name: str, label: str) -> str:
    """Why a column cannot hold ratings or timestamps; empty where it can."""
    if role == "rating" and kind not in (*TEXTS, pl.Null) and not kind.is_numeric():
        return f"{label}: column {name!r} is {kind}; min_rating needs numbers"
    if role == "timestamp" and not may_be_time(kind):
        return f"{label}: column {name!r} is {kind} and holds no timestamps; they must be {RIGHT}"
    return ""


def _fitting(frame: pl.LazyFrame, role: str, name: str, label: str) -> tuple[pl.Expr, list[str]]:
    """A column as the role needs it, and sentences about what had to be done to it."""
    kind = frame.collect_schema()[name]
    column = pl.col(name)
    if role in ("timestamp", "rating"):
        return column, []  # judged when it is read
    if kind in (*TEXTS, pl.Null) or kind.is_integer():
        return column, []
    wrong = SparserecError(f"{label}: column {name!r} is {kind}; ids must be integers or text")
    if not (kind.is_float() or kind.is_decimal()):
        raise wrong
    whole = column.fill_nan(None) if kind.is_float() else column
    exact = EXACT.get(kind.base_type())
    facts = [(whole != whole.floor()).any().alias("broken"), whole.abs().max().alias("most")]
    broken, most = frame.select(facts).collect(engine="streaming").row(0)
    if broken or most == float("inf"):
        raise wrong
    if exact is not None and most is not None and most >= exact:
        raise SparserecError(
            f"{label}: column {name!r} is {kind}, in which whole numbers from {exact:,} on are not told apart; ids "
            "must be integers or text from the start"
        )
    if kind.is_decimal() and not kind.scale:  # type: ignore[attr-defined]  # of pl.Decimal
        return whole.cast(pl.Int128), []
    written = "floating-point" if kind.is_float() else "decimal"
    hint = f"{label}: the ids in column {name!r} are {written} numbers, all whole, and read as integers"
    return whole.cast(pl.Int64 if kind.is_float() else pl.Int128), [hint]


def first_line(error: BaseException) -> str:
    """The first line of what another library says."""
    return next(iter(str(error).splitlines()), type(error).__name__)
