"""Rows chosen by a condition in SQL."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from sparserec.errors import SparserecError, option

_TROUBLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException)


def columns_of(where: str, present: Sequence[str], label: str) -> list[str]:
    """The columns that a condition speaks of.

    Raises:
        SparserecError: it is no SQL condition, holds a query of its own, or speaks of columns that aren't there.
    """
    if re.search(r"\bselect\b", re.sub(r"'[^']*'|\"[^\"]*\"", "", where), re.IGNORECASE):
        raise SparserecError(f"{option('where', where)}: the condition may not hold a query of its own")
    try:
        names = list(dict.fromkeys(pl.sql_expr(where).meta.root_names()))
    except _TROUBLE as error:
        raise _bad(where, error) from None
    for name in names:
        if name not in present:
            listing = ", ".join(repr(other) for other in present[:30])
            raise SparserecError(f"{label}: there is no column {name!r} for {option('where')}; present: {listing}")
        if present.count(name) > 1:
            raise SparserecError(f"{label}: {option('where')} speaks of {name!r}, and there are several such columns")
    return names


def condition(frame: pl.LazyFrame, where: str) -> pl.Expr:
    """The condition as an expression over the columns of a frame, text and null where they are such.

    Raises:
        SparserecError: it cannot be evaluated, or is no condition.
    """
    expression = pl.sql_expr(where)
    try:
        kind = frame.head(1).select(expression.alias("chosen")).collect().schema["chosen"]
    except _TROUBLE as error:
        raise _bad(where, error) from None
    if kind != pl.Boolean:
        raise SparserecError(f"{option('where', where)}: it must be a condition, such as {EXAMPLE}")
    return expression


def numbers_as_such(frame: pl.LazyFrame, names: Sequence[str]) -> pl.LazyFrame:
    """Columns of text in which everything that is there is a number, as numbers: so 'quantity > 0' can be asked."""
    texts = [pl.col(name).str.strip_chars() for name in names]
    asked = [
        ((text != "") & text.cast(pl.Float64, strict=False).is_null()).any().alias(name)
        for name, text in zip(names, texts, strict=True)
    ]
    if not asked:
        return frame
    words = frame.select(asked).collect(engine="streaming")
    return frame.with_columns(
        text.cast(pl.Float64, strict=False).alias(name)
        for name, text in zip(names, texts, strict=True)
        if not words[name][0]
    )


EXAMPLE = "\"event = 'purchase'\""


def _bad(where: str, error: BaseException) -> SparserecError:
    return SparserecError(
        f"{option('where', where)}: cannot be used as a condition in SQL ({str(error).splitlines()[0]}); write it like "
        f"{EXAMPLE}: texts in single quotes, names with blanks in double quotes, numbers without"
    )
