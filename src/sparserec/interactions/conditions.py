"""Rows chosen by a condition in SQL."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from sparserec.errors import SparserecError, option

EXAMPLE = "\"event = 'purchase'\""
_SYNTAX = {
    "and",
    "or",
    "not",
    "in",
    "is",
    "null",
    "like",
    "ilike",
    "between",
    "true",
    "false",
    "case",
    "when",
    "then",
    "end",
}
_TROUBLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException)


def columns_of(where: str, present: Sequence[str], label: str) -> list[str]:
    """The columns that a condition speaks of.

    Raises:
        SparserecError: it is no SQL condition, holds a query of its own, or speaks of columns that aren't there.
    """
    names = list(dict.fromkeys(_parsed(where, present).meta.root_names()))
    for name in names:
        if name not in present:
            listing = ", ".join(repr(other) for other in present[:30])
            raise SparserecError(f"{label}: there is no column {name!r} for {option('where')}; present: {listing}")
        if present.count(name) > 1:
            raise SparserecError(f"{label}: {option('where')} speaks of {name!r}, and there are several such columns")
    return names


def condition(frame: pl.LazyFrame, where: str) -> pl.Expr:
    """The condition as an expression over the columns of a frame.

    Raises:
        SparserecError: it cannot be evaluated, or is no condition.
    """
    expression = _parsed(where, frame.collect_schema().names())
    try:
        kind = frame.head(1).select(expression.alias("chosen")).collect().schema["chosen"]
    except _TROUBLE as error:
        raise _bad(where, error) from None
    if kind != pl.Boolean:
        raise SparserecError(f"{option('where', where)}: it must be a condition, such as {EXAMPLE}")
    return expression


def _parsed(where: str, present: Sequence[str]) -> pl.Expr:
    """The expression of a condition, in which names of columns win over SQL's own words, such as user."""
    pieces = re.split(r"""('[^']*'|"[^"]*")""", where)  # odd ones are texts and quoted names
    if any(re.search(r"\bselect\b", piece, re.IGNORECASE) for piece in pieces[::2]):
        raise SparserecError(f"{option('where', where)}: the condition may not hold a query of its own")
    names = set(present)

    def quoted(word: re.Match) -> str:
        return f'"{word[0]}"' if word[0] in names and word[0].lower() not in _SYNTAX else word[0]

    # A word before a bracket is a function, one before a text the type of a literal: date '2024-05-01'.
    last = len(pieces) - 1
    for at in range(0, len(pieces), 2):
        before_text = at < last and pieces[at + 1].startswith("'")
        end = r"(?!\s*[(])" + (r"(?!\s*$)" if before_text else "")
        pieces[at] = re.sub(rf"(?<![\w.])[^\W\d]\w*\b{end}", quoted, pieces[at])
    try:
        return pl.sql_expr("".join(pieces))
    except _TROUBLE as error:
        raise _bad(where, error) from None


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


def _bad(where: str, error: BaseException) -> SparserecError:
    return SparserecError(
        f"{option('where', where)}: cannot be used as a condition in SQL ({str(error).splitlines()[0]}); write it like "
        f"{EXAMPLE}: texts in single quotes, names with blanks in double quotes, numbers without"
    )
