"""Interactions in memory: frames of pandas, Polars, Arrow, DuckDB and what else narwhals knows; sparse matrices."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import polars as pl

from sparserec.errors import SparserecError, option
from sparserec.interactions.coding import Coded
from sparserec.interactions.columnar import first_line, read_columns
from sparserec.interactions.columns import find_columns
from sparserec.interactions.conditions import columns_of
from sparserec.interactions.request import Request


def read_memory(data: Any, request: Request) -> tuple[Coded, str]:
    """Read what is no path; returns the interactions and what to call the source.

    Raises:
        SparserecError: neither a frame nor a sparse matrix, or as `read_columns` and `read_matrix`.
    """
    if request.format is not None:
        raise SparserecError(f"{option('format')} is for files; leave it out")
    label = f"the {type(data).__module__.split('.')[0]} {type(data).__name__}"
    if label.startswith("the scipy ") and hasattr(data, "tocoo"):
        from sparserec.interactions.matrices import read_matrix

        return read_matrix(data, label, request), label
    return read_columns(_polars(data, request, label), label, request), label


def _polars(data: Any, request: Request, label: str) -> pl.LazyFrame:
    """The needed columns as a Polars frame; other columns need not fit into one."""
    if isinstance(data, pl.LazyFrame):
        return data
    if isinstance(data, pl.DataFrame):
        return data.lazy()
    try:
        frame = nw.from_native(_with_text_names(data, label))
    except TypeError:
        if not hasattr(data, "__arrow_c_stream__") or isinstance(data, nw.Series | pl.Series):
            raise SparserecError(_other(data)) from None
        frame = nw.from_native(_arrow(data, label))
    names = frame.collect_schema().names()
    places = find_columns(names, request, label)
    asked = columns_of(request.where, names, label) if request.where else []
    needed = [name for at, name in enumerate(names) if at in places.values() or name in asked]
    # Columns are found again in what is kept, by name: numbers would be others there.
    return _collected(frame, names, needed, label)


def _collected(frame: Any, names: list[str], needed: list[str], label: str) -> pl.LazyFrame:
    """All names, the columns that are not needed as nulls."""
    try:
        table = frame.select(needed)
        arrow = (table.collect("pyarrow") if isinstance(table, nw.LazyFrame) else table).to_arrow()
        found = pl.from_arrow(arrow)
    except Exception as error:  # of whatever library the frame comes from
        raise SparserecError(
            f"{label}: its columns {', '.join(map(repr, needed))} cannot be read ({first_line(error)}); ids must all "
            "be integers or all be text"
        ) from error
    assert isinstance(found, pl.DataFrame)
    return found.lazy().select(
        pl.col(name) if name in needed else pl.lit(None, dtype=pl.String).alias(name) for name in names
    )


def _with_text_names(data: Any, label: str) -> Any:
    """A pandas frame whose columns have numbers or other things for names, with these as text."""
    if type(data).__module__.split(".")[0] != "pandas" or not hasattr(data, "columns"):
        return data
    names = [str(name) for name in data.columns]
    if len(set(names)) != len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise SparserecError(f"{label}: has several columns {repeated!r}; give each a name of its own")
    return data if all(isinstance(name, str) for name in data.columns) else data.set_axis(names, axis=1)


def _arrow(data: Any, label: str) -> Any:
    import pyarrow as pa

    try:
        return pa.table(data)
    except Exception as error:  # of whatever stands behind the stream
        raise SparserecError(f"{label}: is no table ({first_line(error)})") from error


def _other(data: Any) -> str:
    kind = f"{type(data).__module__}.{type(data).__qualname__}".removeprefix("builtins.")
    return (
        "interactions are read from a path, a frame (pandas, Polars, Arrow, DuckDB) or a SciPy sparse matrix, not "
        f"from {kind}; make a frame with columns user and item of it"
    )
