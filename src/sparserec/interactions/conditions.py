"""Rows chosen by a condition in SQL."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import product

import polars as pl

from sparserec.errors import SparserecError, option
from sparserec.interactions.times import TEXTS

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
_EXACT = 2**53
"""Whole numbers up to here are exact as Float64."""
_WORDED = r"string with numeric|'is_in' cannot check|expected String type|arithmetic on dtypes"
"""What Polars says where numbers meet text."""
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
    schema = frame.collect_schema()
    expression = _parsed(where, schema.names())
    try:
        kind = frame.head(1).select(expression.alias("chosen")).collect().schema["chosen"]
    except _TROUBLE as error:
        raise _mixed(where, error, expression, schema) or _bad(where, error) from None
    if kind != pl.Boolean:
        raise SparserecError(f"{option('where', where)}: it must be a condition, such as {EXAMPLE}")
    return expression


def condition_on_folders(frame: pl.LazyFrame, where: str, folders: Mapping[str, str]) -> tuple[pl.LazyFrame, pl.Expr]:
    """The condition, and the frame in which columns that folders name are of the types that the condition needs.

    A folder says `month=05` and not whether that is a number: it is one where the condition can be evaluated so.

    Args:
        frame: the columns, those of folders as text.
        where: the condition.
        folders: those of these columns that it speaks of, and their one value.

    Raises:
        SparserecError: as `condition`.
    """
    numbers = [name for name, value in folders.items() if _number(value) is not None]
    first: SparserecError | None = None
    for chosen in product((True, False), repeat=len(numbers)):
        as_numbers = [name for name, number in zip(numbers, chosen, strict=True) if number]
        typed = frame.with_columns(pl.lit(_number(folders[name])).alias(name) for name in as_numbers)
        try:
            return typed, condition(typed, where)
        except SparserecError as error:
            first = first or error
    assert first is not None  # there is one way at least
    raise first


def _number(text: str) -> int | float | None:
    if re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        return int(text)
    return float(text) if re.fullmatch(r"[+-]?[0-9]*[.]?[0-9]+", text) else None


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
    """Columns of text in which everything that is there is a number, as numbers: so 'quantity > 0' can be asked.

    They are floating-point numbers, but for whole numbers that are too long to be exact so.
    """
    if not names:
        return frame
    texts = {name: pl.col(name).str.strip_chars().replace("", None) for name in names}
    facts = []
    for name, text in texts.items():
        number, whole = (text.cast(kind, strict=False) for kind in (pl.Float64, pl.Int128))
        facts.append((text.is_not_null() & number.is_null()).any().alias(f"{name}\0words"))
        facts.append((text.is_not_null() & whole.is_null()).any().alias(f"{name}\0broken"))
        facts.append((number.abs() >= _EXACT).any().alias(f"{name}\0long"))
    found = frame.select(facts).collect(engine="streaming").row(0, named=True)
    kinds = {
        name: pl.Int128 if found[f"{name}\0long"] and not found[f"{name}\0broken"] else pl.Float64
        for name in names
        if not found[f"{name}\0words"]
    }
    return frame.with_columns(texts[name].cast(kind, strict=False).alias(name) for name, kind in kinds.items())


def _mixed(where: str, error: BaseException, expression: pl.Expr, schema: pl.Schema) -> SparserecError | None:
    """A sentence in the user's words where numbers are compared with text."""
    if not re.search(_WORDED, str(error)):
        return None
    asked = {name: schema[name] for name in expression.meta.root_names()}
    held = {
        "numbers": [name for name, kind in asked.items() if kind.is_numeric()],
        "text": [name for name, kind in asked.items() if kind in TEXTS],
    }
    said = [
        f"{', '.join(map(repr, names))} hold{'s' * (len(names) == 1)} {what}" for what, names in held.items() if names
    ]
    if not said:
        return None
    return SparserecError(
        f"{option('where', where)}: numbers cannot be compared with text; {' and '.join(said)}; write texts in single "
        "quotes, numbers without"
    )


def _bad(where: str, error: BaseException) -> SparserecError:
    return SparserecError(
        f"{option('where', where)}: cannot be used as a condition in SQL ({str(error).splitlines()[0]}); write it like "
        f"{EXAMPLE}: texts in single quotes, names with blanks in double quotes, numbers without"
    )
