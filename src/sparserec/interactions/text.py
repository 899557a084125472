"""Scanning of delimited text, shared by CSV, TSV and RecBole files."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import polars as pl

from sparserec.errors import SparserecError, option
from sparserec.interactions.coding import Scan, overlong
from sparserec.interactions.conditions import columns_of, condition, numbers_as_such
from sparserec.interactions.records import gather_delimited, split_records
from sparserec.interactions.request import Request
from sparserec.interactions.sources import Source, not_utf8, open_binary
from sparserec.interactions.survey import survey

LONGEST = 1 << 20
"""Bytes of a first line at most."""


@dataclass(frozen=True)
class Layout:
    """How the lines of a delimited file are made up.

    Args:
        names: the columns in their order; without a header their numbers, from "1".
        separator: what stands between two fields; " " for any blanks.
        header: whether the first line holds the names.
        tall: whether the header takes more than one line.
    """

    names: list[str]
    separator: str
    header: bool
    tall: bool = False


def first_lines(source: Source, count: int) -> list[str]:
    """The first lines as text, without their ends; at most `LONGEST` bytes.

    Raises:
        SparserecError: one is not UTF-8.
    """
    with open_binary(source) as file:
        raw = file.read(LONGEST)
    lines = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    if len(raw) == LONGEST and len(lines) > 1:
        lines.pop()  # cut off
    out = []
    for number, line in enumerate(lines[:count], 1):
        try:
            out.append(line.decode("utf-8-sig" if number == 1 else "utf-8"))
        except UnicodeDecodeError:
            raise not_utf8(source.label, number) from None
    return out


def read_header(source: Source, separator: str) -> Layout:
    """Names in the first record of a file whose separator is known.

    Raises:
        SparserecError: the file cannot be read, is not UTF-8, or its first line is blank or holds numbers.
    """
    line, names = next(split_records(source, separator), (1, []))
    if not any(name.strip() for name in names):
        raise SparserecError(f"{source.label}:1: the first line is blank; it must hold the column names")
    names = [name.strip() for name in names]
    if all(is_number(name) for name in names if name):
        raise SparserecError(
            f"{source.label}:1: the first line holds numbers; a header with column names is needed, such as "
            f"userId,itemId; of a file without one name the columns by number: {without_header()}"
        )
    follows = next(islice(split_records(source, separator), 1, None), (line + 1, []))[0]
    return Layout(names, separator, header=True, tall=follows != line + 1)


def without_header() -> str:
    """How a file without a header is asked for."""
    words = [option("header", False), option("user", 1), option("item", 2)]
    return " ".join(words) if words[0].startswith("--") else ", ".join(words)


def scan_text(source: Source, layout: Layout, places: Mapping[str, int], request: Request) -> Scan:
    """Scan the columns at `places` (position by role), all as text.

    Polars scans in pieces where it agrees with Python's csv; other files are read row by row.
    """
    names, label = layout.names, source.label
    asked = columns_of(request.where, names, label) if request.where else []
    # Columns are named by their positions in the file, those of the condition also as the file names them.
    wanted = {f"\0{at}": at for at in (*places.values(), *(names.index(name) for name in asked))}
    with open_binary(source) as file:
        found = survey(file, layout.separator.encode() if len(layout.separator) == 1 else b"")
    plain = len(layout.separator) > 1 or layout.separator == " "
    lines, blank = None, 0
    if found.bare_returns or layout.tall or (not plain and not found.regular):
        frame, lines, blank = gather_delimited(source, layout.separator, layout.header, len(names), wanted)
        over = None
    elif plain:
        frame, over = _scan_lines(source, layout), pl.col(f"\0{len(names)}")
    else:
        frame, over = _scan_csv(source, layout, found.quotes), pl.col(f"\0{len(names)}")
    picks = [pl.col(f"\0{at}").alias(role) for role, at in places.items()]
    if over is not None:
        picks.append(over.alias("overlong"))
    try:
        if request.where:
            frame = frame.with_columns(pl.col(f"\0{names.index(name)}").replace("", None).alias(name) for name in asked)
            frame = numbers_as_such(frame, asked)
            picks.append(condition(frame, request.where).alias("chosen"))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _explain(source, layout, error) from error
    return Scan(
        frame.select(picks),
        {role: names[at] for role, at in places.items()},
        label,
        (lambda rows: _lines_of(source, layout, rows))
        if lines is None
        else (lambda rows: [f"{label}:{lines[row]}" for row in rows]),
        lambda error: _explain(source, layout, error),
        blank=blank,
        blanks=lines is None,
    )


def _scan_csv(source: Source, layout: Layout, quotes: bool) -> pl.LazyFrame:
    """One column more than there are names is declared: whatever lands there marks an overlong line."""
    return pl.scan_csv(
        source.path,
        separator=layout.separator,
        has_header=False,
        skip_lines=int(layout.header),
        schema={f"\0{at}": pl.String() for at in range(len(layout.names) + 1)},
        quote_char='"' if quotes else None,
        glob=False,
        missing_columns="insert",
    )


def _scan_lines(source: Source, layout: Layout) -> pl.LazyFrame:
    """Lines cut at a separator of several characters, or at any blanks."""
    line = pl.col("line").str.strip_prefix("\ufeff").str.strip_suffix("\r")
    if layout.separator == " ":
        fields = line.str.replace_all("[ \t]+", " ").str.strip_chars().str.split(" ")
    else:
        fields = line.str.split(layout.separator)
    picks = [fields.list.get(at, null_on_oob=True).replace("", None) for at in range(len(layout.names) + 1)]
    frame = pl.scan_lines(source.path, glob=False)
    if layout.header:
        frame = frame.slice(1)
    return frame.select(pick.alias(f"\0{at}") for at, pick in enumerate(picks))


def _lines_of(source: Source, layout: Layout, rows: Sequence[int]) -> list[str | None]:
    """Places of row numbers, ascending; slow, for messages only."""
    places: list[str | None] = []
    asked = iter(rows)
    row = next(asked, None)
    records = islice(split_records(source, layout.separator), int(layout.header), None)
    for number, (line, record) in enumerate(records):
        if row is None:
            break
        if number == row:
            places.append(f"{source.label}:{line}" if any(record) else None)
            row = next(asked, None)
    return places


def _explain(source: Source, layout: Layout, error: Exception) -> SparserecError:
    """Find the line that could not be parsed."""
    width = len(layout.names)
    try:
        for line, record in split_records(source, layout.separator):
            if len(record) > width + 1 or (len(record) > width and record[width]):
                return overlong(f"{source.label}:{line}")
    except SparserecError as problem:
        return problem
    except (OSError, csv.Error) as problem:
        return SparserecError(f"{source.label}: cannot be read: {problem}")
    return SparserecError(f"{source.label}: cannot be read: {str(error).splitlines()[0]}")


def is_number(field: str) -> bool:
    """Whether a field is written as a number."""
    try:
        float(field)
    except ValueError:
        return False
    return True
