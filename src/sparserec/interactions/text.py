"""Scanning of delimited text with a header line, shared by CSV, TSV and RecBole files."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from sparserec.errors import SparserecError
from sparserec.interactions.coding import Scan


def read_header(path: Path, separators: str) -> tuple[list[str], str]:
    """Names in the first line, and the separator: the candidate that stands in it most often.

    Raises:
        SparserecError: the file cannot be read, is empty, is not UTF-8, or its first line is no header.
    """
    with open_binary(path) as file:
        raw = file.readline(1 << 20)
    try:
        line = raw.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise not_utf8(path, 1) from error
    if not line.strip():
        raise SparserecError(f"{path}:1: the first line is blank; it must hold the column names")
    separator = max(separators, key=line.count)  # the first of equals
    names = next(csv.reader([line], delimiter=separator))
    if all(_is_number(name) for name in names):
        raise SparserecError(
            f"{path}:1: the first line holds numbers; a header with column names is needed, such as userId,itemId"
        )
    return names, separator


def scan_text(path: Path, names: Sequence[str], separator: str, places: dict[str, int]) -> Scan:
    """Scan the columns at `places` (position by role) below the header line, all as text.

    One column more than the header has is declared: whatever lands there marks an overlong line.
    """
    schema = {f"c{i}": pl.String() for i in range(len(names) + 1)}
    frame = pl.scan_csv(
        path,
        separator=separator,
        has_header=False,
        skip_lines=1,
        schema=schema,
        glob=False,
        missing_columns="insert",
    )
    picks = [pl.col(f"c{i}").alias(role) for role, i in places.items()]
    return Scan(
        frame.select(*picks, pl.col(f"c{len(names)}").alias("overlong")),
        {role: names[i] for role, i in places.items()},
        path,
        lambda rows: _lines_of(path, separator, rows),
        lambda error: _explain(path, separator, error),
    )


def open_binary(path: Path):
    """Open a file for reading bytes, or say in one sentence why that fails."""
    try:
        file = path.open("rb")
        if path.stat().st_size == 0:
            file.close()
            raise SparserecError(f"{path}: the file is empty; it must hold interactions")
    except OSError as error:
        raise SparserecError(f"{path}: cannot be read: {error.strerror or error}") from error
    return file


def not_utf8(path: Path, line: int) -> SparserecError:
    """The sentence for a file in another encoding."""
    return SparserecError(f"{path}:{line}: the line is not UTF-8 text; save the file as UTF-8")


def _records(path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Records below the header with the line each starts on; slow, for messages only."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=separator, strict=True)
        next(reader)
        start = reader.line_num + 1
        for record in reader:
            yield start, record
            start = reader.line_num + 1


def _lines_of(path: Path, separator: str, rows: Sequence[int]) -> list[str | None]:
    places: list[str | None] = []
    asked = iter(rows)
    row = next(asked, None)
    for number, (line, record) in enumerate(_records(path, separator)):
        if row is None:
            break
        if number == row:
            places.append(f"{path}:{line}" if any(field.strip() for field in record) else None)
            row = next(asked, None)
    return places


def _explain(path: Path, separator: str, error: Exception) -> SparserecError:
    """Find the line that could not be parsed."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    line.decode()
                except UnicodeDecodeError:
                    return not_utf8(path, number)
        start = 2
        try:
            for line, record in _records(path, separator):
                start = line + 1 + sum(field.count("\n") for field in record)
        except csv.Error as problem:
            return SparserecError(f"{path}:{start}: the line is malformed ({problem}); check its quotes and separators")
    except OSError as problem:
        error = problem
    return SparserecError(f"{path}: cannot be read: {str(error).splitlines()[0]}")


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
