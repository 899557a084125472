"""Timestamps: numbers, dates, and ISO 8601 text."""

from __future__ import annotations

import polars as pl

TEXTS = (pl.String, pl.Categorical, pl.Enum)
"""Types of columns that hold text."""
NUMBER = "numbers, such as seconds since 1970"
RIGHT = f"{NUMBER}, or ISO 8601, such as 2024-05-02T10:00:00Z"

DAY = 86_400_000_000  # microseconds
_ISO = (
    r"^\s*(?P<year>[0-9]{4})-?(?P<month>[0-9]{2})-?(?P<day>[0-9]{2})"
    r"(?:[Tt ](?P<hour>[0-9]{2}):?(?P<minute>[0-9]{2})(?::?(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?)?"
    r"\s*(?P<zone>Z|z|UTC|GMT|(?P<sign>[+-])(?P<zone_hours>[0-9]{2})(?::?(?P<zone_minutes>[0-9]{2}))?)?\s*$"
)


def may_be_time(kind: pl.DataType) -> bool:
    """Whether a column of this type can hold timestamps."""
    return isinstance(kind, pl.Datetime | pl.Date) or kind.is_numeric() or kind in (*TEXTS, pl.Null)


def moment(kind: pl.DataType, sample: pl.Series) -> tuple[pl.Expr, bool] | None:
    """The column `timestamp` as int64, null where it is none; None where the column holds no timestamps at all.

    Beside it stands whether they are dates: these are in microseconds, numbers in a unit of their own.

    Numbers are rounded down. Dates and ISO 8601 text become microseconds since 1970, UTC where no zone is named.

    Args:
        kind: type of the column.
        sample: some of its values, none of them null; they decide between numbers and ISO 8601.
    """
    column = pl.col("timestamp")
    if isinstance(kind, pl.Datetime | pl.Date):
        return column.cast(pl.Datetime("us"), strict=False).cast(pl.Int64), True
    if kind.is_numeric():
        return _number(column, kind), False
    if kind not in TEXTS:
        return None
    text = column.cast(pl.String).str.strip_chars()
    for found, dated in ((_number(text, pl.String()), False), (_iso(text), True)):
        if sample.to_frame("timestamp").select(found.is_not_null().any()).item():
            return found, dated
    return None


def _number(column: pl.Expr, kind: pl.DataType) -> pl.Expr:
    number = column.cast(pl.Float64, strict=False).floor().cast(pl.Int64, strict=False)
    return number if kind.is_float() else pl.coalesce(column.cast(pl.Int64, strict=False), number)


def _iso(text: pl.Expr) -> pl.Expr:
    parts = text.str.extract_groups(_ISO).struct

    def number(name: str) -> pl.Expr:
        return parts.field(name).cast(pl.Int64, strict=False).fill_null(0)

    date = pl.concat_str(*(parts.field(name) for name in ("year", "month", "day")), separator="-")
    days = date.str.to_date("%Y-%m-%d", strict=False).cast(pl.Int32).cast(pl.Int64)
    hour, minute, second = (number(name) for name in ("hour", "minute", "second"))
    fraction = (parts.field("fraction").fill_null("") + "000000").str.slice(0, 6).cast(pl.Int64, strict=False)
    sign = pl.when(parts.field("sign") == "-").then(-1).otherwise(1)
    shift = sign * (number("zone_hours") * 60 + number("zone_minutes")) * 60_000_000
    time = ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction
    within = (hour < 24) & (minute < 60) & (second <= 60)
    return pl.when(within).then(days * DAY + time - shift)
