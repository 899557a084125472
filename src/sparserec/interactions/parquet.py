"""Parquet files."""

from __future__ import annotations

import polars as pl

from sparserec.errors import SparserecError
from sparserec.interactions.coding import Coded
from sparserec.interactions.columnar import read_columns
from sparserec.interactions.request import Request
from sparserec.interactions.sources import Source


def read_parquet(source: Source, request: Request) -> Coded:
    """Read the needed columns; ids are integers or text, dates become microseconds since 1970.

    Columns that the names of folders give, as in `day=2024-05-01/part.parquet`, are there beside those of the file.

    Raises:
        SparserecError: not a Parquet file, a column that isn't there or has the wrong type, a missing id.
    """
    frame = pl.scan_parquet(source.path, glob=False, hive_partitioning=False)
    try:
        present = frame.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise SparserecError(f"{source.label}: not a readable Parquet file; write it again as Parquet") from error
    given = {name: value for name, value in source.constants if name not in present}
    return read_columns(frame, source.label, request, folders=given)
