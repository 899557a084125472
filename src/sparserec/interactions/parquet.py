"""Parquet files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from sparserec.errors import SparserecError
from sparserec.interactions.coding import NUMBER, Coded, Scan, read_scan
from sparserec.interactions.columns import Columns, find_columns
from sparserec.interactions.text import open_binary


def read_parquet(path: Path, columns: Columns) -> Coded:
    """Read the needed columns; ids are integers or text, dates become microseconds since 1970.

    Raises:
        SparserecError: not a Parquet file, a column that isn't there or has the wrong type, a missing id.
    """
    open_binary(path).close()
    frame = pl.scan_parquet(path, glob=False)
    try:
        schema = frame.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise SparserecError(f"{path}: not a readable Parquet file; write it again as Parquet") from error
    names = list(schema)
    places = find_columns(names, columns, path)
    scan = Scan(
        frame.select(pl.col(names[i]).alias(role) for role, i in places.items()),
        {role: names[i] for role, i in places.items()},
        path,
        lambda rows: _places(path, rows),
        lambda error: SparserecError(f"{path}: cannot be read: {str(error).splitlines()[0]}"),
    )
    _check_types(scan)
    return read_scan(scan, columns.min_rating)


def _check_types(scan: Scan) -> None:
    for role, kind in scan.frame.collect_schema().items():
        text = kind in (pl.String, pl.Categorical, pl.Enum)
        if role in ("user", "item"):
            fits, right = text or kind.is_integer(), "ids must be integers or text"
        elif role == "timestamp":
            fits = text or kind.is_numeric() or kind in (pl.Datetime, pl.Date)
            right = f"timestamps must be dates or {NUMBER}"
        else:
            fits, right = text or kind.is_numeric(), "min_rating needs numbers"
        if not fits:
            gaps = len(scan.rows_where(pl.col(role).is_null() | _is_nan(role, kind)))
            missing = f" ({gaps} missing or NaN)" if gaps else ""
            raise SparserecError(f"{scan.path}: column {scan.names[role]!r} is {kind}{missing}; {right}")


def _is_nan(role: str, kind: pl.DataType) -> pl.Expr:
    return pl.col(role).is_nan() if kind.is_float() else pl.lit(False)


def _places(path: Path, rows: Sequence[int]) -> list[str | None]:
    return [f"{path}, row {row + 1}" for row in rows]
