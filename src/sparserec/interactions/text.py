"""Scanning of delimited text, shared by CSV, TSV and RecBole files."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import polars as pl

from sparserec.errors import SparserecError, option
from sparserec.interactions.coding import Scan, overlong
from sparserec.interactions.conditions import columns_of, condition, numbers_as_such
from sparserec.interactions.records import Gathered, split_records
from sparserec.interactions.request import Request
from sparserec.interactions.sources import Source, not_utf8, open_binary
from sparserec.interactions.survey import survey

LONGEST = 1 << 20
"""Bytes of a first line at most."""
MARKS = ("#", "%")
"""What lines of remarks begin with, as in the edge lists of SNAP and KONECT."""


@dataclass(frozen=True)
class Layout:
    """How the lines of a delimited file are made up.

    Args:
        names: the columns in their order; without a header their numbers, from "1".
        separator: what stands between two fields; " " for any blanks.
        header: whether the first line holds the names.
        tall: whether the header takes more than one line.
        skip: lines before all this that are passed over.
        hints: what there is to say about them.
    """

    names: list[str]
    separator: str
    header: bool
    tall: bool = False
    skip: int = 0
    hints: tuple[str, ...] = ()

    @property
    def plain(self) -> bool:
        """Whether quotes mean nothing between the separators."""
        return len(self.separator) > 1 or self.separator == " "


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


def leading_remarks(lines: Sequence[str]) -> int:
    """How many of the first lines begin with one of `MARKS`, blank ones behind the first included; 0 if all do."""
    if not lines or not lines[0].startswith(MARKS):
        return 0
    others = (number for number, line in enumerate(lines) if line.strip() and not line.startswith(MARKS))
    return next(others, 0)


def about_remarks(label: str, lines: Sequence[str]) -> str:
    """The note that lines are passed over."""
    what = f"the first {len(lines)} lines are" if len(lines) > 1 else "the first line is"
    return f"{label}: {what} passed over as remarks ({lines[0][:40]!r})"


def records_of(source: Source, separator: str, skip: int) -> Iterator[tuple[int, list[str]]]:
    """As `split_records`, without the first `skip` lines."""
    return ((line, record) for line, record in split_records(source, separator) if line > skip)


def read_header(source: Source, separator: str, skip: int = 0) -> Layout:
    """Names in the first record, after `skip` lines, of a file whose separator is known.

    Raises:
        SparserecError: the file cannot be read, is not UTF-8, or its first line is blank or holds numbers.
    """
    line, names = next(records_of(source, separator, skip), (skip + 1, []))
    if not any(name.strip() for name in names):
        raise SparserecError(f"{source.label}:{line}: the first line is blank; it must hold the column names")
    names = [name.strip() for name in names]
    if all(is_number(name) for name in names if name):
        raise SparserecError(
            f"{source.label}:{line}: the first line holds numbers; a header with column names is needed, such as "
            f"userId,itemId; of a file without one name the columns by number: {without_header()}"
        )
    follows = next(islice(records_of(source, separator, skip), 1, None), (line + 1, []))[0]
    return Layout(names, separator, header=True, tall=follows != line + 1, skip=skip)


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
    wide = len(layout.separator.encode()) > 1  # which Polars' csv cannot take
    lines, blank = None, 0
    if found.bare_returns or layout.tall or (not layout.plain and (not found.regular or (wide and found.quotes))):
        frame, lines, blank = _gather(source, layout, wanted)
        over = None
    elif layout.plain or wide:
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
        hints=layout.hints,
    )


def _gather(source: Source, layout: Layout, wanted: Mapping[str, int]) -> tuple[pl.LazyFrame, pl.Series, int]:
    """The columns at `wanted` read row by row, their lines, and how many blank lines were passed over."""
    gathered, width = Gathered(list(wanted)), len(layout.names)
    for line, record in islice(records_of(source, layout.separator, layout.skip), int(layout.header), None):
        if not any(record):
            gathered.blank += 1
            continue
        if len(record) > width + 1 or (len(record) > width and record[width]):
            raise overlong(f"{source.label}:{line}")
        gathered.add(line, [(record[at] or None) if at < len(record) else None for at in wanted.values()])
    frame, lines = gathered.frame()
    return frame, lines, gathered.blank


def _scan_csv(source: Source, layout: Layout, quotes: bool) -> pl.LazyFrame:
    """One column more than there are names is declared: whatever lands there marks an overlong line."""
    return pl.scan_csv(
        source.path,
        separator=layout.separator,
        has_header=False,
        skip_lines=layout.skip + int(layout.header),
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
    if layout.skip or layout.header:
        frame = frame.slice(layout.skip + int(layout.header))
    return frame.select(pick.alias(f"\0{at}") for at, pick in enumerate(picks))


def _lines_of(source: Source, layout: Layout, rows: Sequence[int]) -> list[str | None]:
    """Places of row numbers, ascending; slow, for messages only."""
    places: list[str | None] = []
    asked = iter(rows)
    row = next(asked, None)
    records = islice(records_of(source, layout.separator, layout.skip), int(layout.header), None)
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
        for line, record in records_of(source, layout.separator, layout.skip):
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
