"""Interactions in memory: frames of pandas, Polars, Arrow, DuckDB and what else narwhals knows; sparse matrices."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import polars as pl

from sparserec.errors import SparserecError, option
from sparserec.interactions.coding import Coded
from sparserec.interactions.columnar import first_line, read_columns, unasked
from sparserec.interactions.columns import find_columns
from sparserec.interactions.conditions import columns_of
from sparserec.interactions.request import Request

_ANY = (Exception, pl.exceptions.PanicException)
"""What libraries raise that frames come from, and Polars where it knows no such column."""


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
    frame, unread = _polars(data, request, label)
    return read_columns(frame, label, request, unread=unread), label


def _polars(data: Any, request: Request, label: str) -> tuple[pl.LazyFrame, dict[str, str]]:
    """The needed columns as a Polars frame, and why columns nobody asked for cannot be read, by name.

    Other columns need not fit into a frame of Polars.
    """
    if isinstance(data, pl.LazyFrame):
        return data, {}
    if isinstance(data, pl.DataFrame):
        return data.lazy(), {}
    frame, names = _named(data, label)
    try:
        places = find_columns(names, request, label)
    except SparserecError as error:
        index = [repr(name) for name in getattr(getattr(data, "index", None), "names", []) if name is not None]
        if not index:
            raise
        raise SparserecError(f"{error}; reset_index() makes columns of the index ({', '.join(index)})") from None
    asked = columns_of(request.where, names, label) if request.where else []
    present = frame.collect_schema().names()
    needed = [name for at, name in enumerate(present) if at in places.values() or names[at] in asked]
    optional = [present[at] for role, at in places.items() if role in unasked(request) and names[at] not in asked]
    return _collected(frame, present, needed, optional, label)


def _collected(
    frame: Any, names: list[str], needed: list[str], optional: list[str], label: str
) -> tuple[pl.LazyFrame, dict[str, str]]:
    """All names, the columns that are not needed as nulls; and of the `optional` ones why they cannot be read."""
    unread: dict[str, str] = {}
    try:
        found = _table(frame, needed)
    except _ANY as error:
        for name in needed:
            try:
                _table(frame, [name])
            except _ANY as problem:
                why = f"{label}: column {name!r} cannot be read ({first_line(problem)})"
                if name not in optional:
                    raise SparserecError(f"{why}; its values must all be numbers or all be text") from problem
                unread[name] = why
        if not unread:
            raise SparserecError(f"{label}: cannot be read ({first_line(error)})") from error
        found = _table(frame, [name for name in needed if name not in unread])
    return found.lazy().select(
        pl.col(name) if name in found.columns else pl.lit(None, dtype=pl.String).alias(name) for name in names
    ), unread


def _table(frame: Any, columns: list[str]) -> pl.DataFrame:
    import pyarrow as pa

    table = frame.select(columns)
    arrow = (table.collect("pyarrow") if isinstance(table, nw.LazyFrame) else table).to_arrow()
    for column in arrow.schema:
        if pa.types.is_decimal256(column.type):  # Polars panics, and prints it
            raise TypeError(f"{column.type} is not known")
    found = pl.from_arrow(arrow)
    assert isinstance(found, pl.DataFrame)
    return found


def _named(data: Any, label: str) -> tuple[Any, list[str]]:
    """A frame of narwhals and the names of its columns, of which several may be one; in the frame they are not."""
    pandas = type(data).__module__.split(".")[0] == "pandas" and hasattr(data, "columns")
    try:
        if pandas:
            names = [str(name) for name in data.columns]
            apart = _apart(names)
            frame = nw.from_native(data if list(data.columns) == apart else data.set_axis(apart, axis=1))
        else:
            frame = nw.from_native(data)
            names = frame.collect_schema().names()
            if len(getattr(data, "columns", names)) != len(names):
                raise nw.exceptions.DuplicateError  # DuckDB tells of each name once
    except (TypeError, nw.exceptions.DuplicateError):
        if not hasattr(data, "__arrow_c_stream__") or isinstance(data, nw.Series | pl.Series):
            raise SparserecError(_other(data)) from None
        table = _arrow(data, label)
        names = list(table.column_names)
        frame = nw.from_native(table.rename_columns(_apart(names)))
    except Exception as error:  # of whatever library the frame comes from
        raise SparserecError(f"{label}: cannot be read ({first_line(error)})") from error
    return frame, names


def _apart(names: list[str]) -> list[str]:
    """The names, made different by blanks behind, which say nothing where usual names are looked for."""
    out: list[str] = []
    taken = set(names)
    for at, name in enumerate(names):
        other = name
        while name in names[:at] and other in taken:
            other += " "
        taken.add(other)
        out.append(other)
    return out


def _arrow(data: Any, label: str) -> Any:
    import pyarrow as pa

    try:
        own = getattr(data, "to_arrow_table", None)  # DuckDB's streams of before 1.2 take no schema
        return pa.table(data) if own is None else own()
    except Exception as error:  # of whatever stands behind the stream
        raise SparserecError(f"{label}: is no table ({first_line(error)})") from error


def _other(data: Any) -> str:
    kind = f"{type(data).__module__}.{type(data).__qualname__}".removeprefix("builtins.")
    return (
        "interactions are read from a path, a frame (pandas, Polars, Arrow, DuckDB) or a SciPy sparse matrix, not "
        f"from {kind}; make a frame with columns user and item of it"
    )
