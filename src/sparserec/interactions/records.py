"""Rows read one by one in Python, exactly as its csv module reads them: slower, for files that need it."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import polars as pl

from sparserec.errors import SparserecError
from sparserec.interactions.sources import Source, not_utf8

BATCH = 100_000
_END = "\0 the end of the file \0"


def split_records(source: Source, separator: str, first: int = 1) -> Iterator[tuple[int, list[str]]]:
    """The records of a delimited file with the line each starts on, blank lines as empty records.

    One character separates as csv has it, with quotes; several, or blanks, separate plainly.

    Raises:
        SparserecError: a quote that is never closed, or a line that is not UTF-8, named with its line.
    """
    with source.path.open("rb") as raw:
        try:
            if len(separator) == 1 and separator != " ":
                yield from _quoted(raw, source.label, separator)
            else:
                for line, text in enumerate(_lines(raw, source.label), 1):
                    bare = text.rstrip("\r\n")
                    fields = bare.split() if separator == " " else bare.split(separator)
                    yield line, fields if bare else []
        except OSError as error:
            raise SparserecError(f"{source.label}: cannot be read: {error.strerror or error}") from error


def _quoted(raw: Iterable[bytes], label: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    # After a file that ends within quotes the last record has swallowed the mark of the end.
    reader = csv.reader(chain(_lines(raw, label), [_END]), delimiter=separator)
    while True:
        start = reader.line_num + 1
        limit = csv.field_size_limit(sys.maxsize)  # one number for the whole process
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as problem:
            raise SparserecError(f"{label}:{start}: the line is malformed ({problem})") from None
        finally:
            csv.field_size_limit(limit)
        if record == [_END]:
            return
        if record and record[-1].endswith(_END):
            raise SparserecError(
                f"{label}:{start}: the line is malformed: a quote opens a field here and is never closed; double "
                "quotes within quoted fields, or take the quote away"
            )
        yield start, record


def _lines(raw: Iterable[bytes], label: str) -> Iterator[str]:
    """Lines as text, ended by \\n, \\r\\n or \\r, a byte order mark left out."""
    number = 0
    for block in raw:
        try:
            text = block.decode("utf-8-sig" if number == 0 else "utf-8")
        except UnicodeDecodeError as error:
            raise not_utf8(label, number + 1 + block.count(b"\r", 0, error.start)) from None
        for line in _cut(text):
            number += 1
            yield line


def _cut(text: str) -> Iterator[str]:
    """The pieces of a text that ends in \\n at most once, each with its end."""
    if "\r" not in text.removesuffix("\r\n").removesuffix("\n"):
        yield text
        return
    start = 0
    while start < len(text):
        at = text.find("\r", start)
        end = len(text) if at < 0 else at + 2 if text[at + 1 : at + 2] == "\n" else at + 1
        yield text[start:end]
        start = end


class Gathered:
    """Columns of rows that were read one by one, and the line of each.

    Args:
        columns: names of the columns.
    """

    def __init__(self, columns: Sequence[str]):
        self.blank = 0
        """Blank lines that were passed over."""
        self._columns = list(columns)
        self._parts: list[pl.DataFrame] = []
        self._rows: list[Sequence[Any]] = []
        self._lines: list[int] = []

    def add(self, line: int, values: Sequence[str | None]) -> None:
        """Add a row of texts, one for each column."""
        self._rows.append(values)
        self._lines.append(line)
        if len(self._rows) >= BATCH:
            self._pack()

    def frame(self) -> tuple[pl.LazyFrame, pl.Series]:
        """The columns, all text, and the lines (rows,)."""
        self._pack()
        table = pl.concat(self._parts, rechunk=True)
        lines = table.drop_in_place("\0line")
        return table.lazy(), lines

    def _pack(self) -> None:
        columns = zip(*self._rows, strict=True) if self._rows else [()] * len(self._columns)
        series = [pl.Series(name, values, dtype=pl.String) for name, values in zip(self._columns, columns, strict=True)]
        self._parts.append(pl.DataFrame([*series, pl.Series("\0line", self._lines, dtype=pl.Int64)]))
        self._rows, self._lines = [], []
