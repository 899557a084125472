"""Sparse matrices: SciPy's in memory, its .npz files, and MatrixMarket."""

from __future__ import annotations

import zipfile
import zlib
from typing import Any

import numpy as np
import polars as pl

from sparserec.errors import SparserecError, option
from sparserec.interactions.coding import Coded
from sparserec.interactions.columnar import first_line
from sparserec.interactions.request import Request
from sparserec.interactions.sources import Source, open_binary
from sparserec.interactions.tally import Tally

_DAMAGED = (
    *(OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, SyntaxError, OverflowError, MemoryError),
    *(RuntimeError, zipfile.BadZipFile, zlib.error),
)
"""What NumPy and SciPy raise for an archive that is none or damaged."""


def read_matrix(matrix: Any, label: str, request: Request) -> Coded:
    """Read a SciPy sparse matrix or array: rows are users, columns items, and their numbers, from 0, the ids.

    Values are ratings where a minimum is asked for; else all entries but those of 0 are interactions. Entries of one
    place are added up, as SciPy means them. Rows and columns without an interaction give no ids.

    Raises:
        SparserecError: options that a matrix has no use for, indices that do not fit its shape, or a value that is no
            finite number.
    """
    asked = [option(name) for name in request.of_tables() if name != "min_rating"]
    if asked:
        raise SparserecError(f"{label}: a matrix has no columns to name; leave out {', '.join(asked)}")
    if len(matrix.shape) != 2:
        raise SparserecError(f"{label}: must have two dimensions, users and items, not {len(matrix.shape)}")
    if matrix.dtype.kind not in "biuf":
        raise SparserecError(f"{label}: its values must be numbers, not {matrix.dtype}")
    entries, repeated = _entries(matrix, label)
    values = np.asarray(entries.data)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise SparserecError(f"{label}: a value is not a finite number; leave such entries out of the matrix")
    kept = values != 0 if request.min_rating is None else values >= request.min_rating
    hints: list[str] = []
    if repeated:
        hints.append(f"{repeated:,} entries of a place that has one before are added to it")
    negative = int(np.count_nonzero(values < 0)) if request.min_rating is None else 0
    if negative:
        hints.append(
            f"{negative:,} entries are below 0 and count as liked like all others; {option('min_rating', 1)} would "
            "leave them out"
        )
    left = len(values) - int(np.count_nonzero(kept))
    reason = "zeros" if request.min_rating is None else "rating"
    (users, user_ids), (items, item_ids) = (
        _numbered(np.asarray(at)[kept]) for at in (entries.coords if hasattr(entries, "coords") else _pair(entries))
    )
    empty = [matrix.shape[0] - len(user_ids), matrix.shape[1] - len(item_ids)]
    if any(empty):
        hints.append(
            f"{empty[0]:,} of {matrix.shape[0]:,} rows and {empty[1]:,} of {matrix.shape[1]:,} columns hold no "
            "interaction and give no user or item; ids are the numbers of rows and columns, from 0"
        )
    tally = Tally(rows=len(values), hints=tuple(hints), **{reason: left})
    return Coded(users, items, None, user_ids, item_ids, label, lambda name: f"{label}, row {name}", tally)


def _entries(matrix: Any, label: str) -> tuple[Any, int]:
    """The entries as coordinates, those of one place added up, and how many these were; the matrix is left as it is."""
    try:
        if hasattr(matrix, "check_format"):
            matrix.check_format(full_check=True)
        single = getattr(matrix, "has_canonical_format", False)
        entries = matrix.tocoo(copy=not single)
        stored = len(entries.data)
        if not single:
            entries.sum_duplicates()
    except (ValueError, IndexError, TypeError, OverflowError) as error:
        raise SparserecError(f"{label}: is no valid matrix ({first_line(error)})") from None
    return entries, stored - len(entries.data)


def read_npz(source: Source, request: Request) -> Coded:
    """Read what `scipy.sparse.save_npz` wrote; nothing is unpickled.

    Raises:
        SparserecError: not such a file, or indices that do not fit its shape.
    """
    from scipy.sparse import load_npz

    try:
        with open_binary(source) as raw:  # NumPy leaves a file open whose archive is damaged
            with np.load(raw, allow_pickle=False) as file:
                kind = bytes(file["format"].item()).decode() if "format" in file else ""
            raw.seek(0)
            matrix = load_npz(raw) if kind in ("csr", "csc", "coo") else None
        if matrix is None:
            raise SparserecError(
                f"{source.label}: holds no sparse matrix in rows, columns or coordinates; write it with "
                "scipy.sparse.save_npz(path, matrix.tocsr())"
            )
        if kind != "coo":
            matrix.check_format(full_check=True)
    except _DAMAGED as error:
        raise SparserecError(
            f"{source.label}: not a sparse matrix as scipy.sparse.save_npz writes it ({first_line(error)})"
        ) from None
    return read_matrix(matrix, source.label, request)


def read_mtx(source: Source, request: Request) -> Coded:
    """Read a MatrixMarket file; ids count rows and columns from 0, as in the matrix that SciPy reads from it.

    Raises:
        SparserecError: not such a file, or a dense one.
    """
    from scipy.io import mmread
    from scipy.sparse import issparse

    try:
        matrix = mmread(str(source.path))
    except (OSError, ValueError, TypeError, OverflowError, EOFError) as error:
        raise SparserecError(f"{source.label}: not a readable MatrixMarket file ({first_line(error)})") from None
    if not issparse(matrix):
        raise SparserecError(f"{source.label}: holds a dense matrix; write it in coordinate format")
    return read_matrix(matrix, source.label, request)


def _pair(entries: Any) -> tuple[np.ndarray, np.ndarray]:
    return entries.row, entries.col


def _numbered(at: np.ndarray) -> tuple[np.ndarray, pl.Series]:
    """Codes (n,) int32 of indices, and the indices that occur, as text in their order."""
    present, codes = np.unique(at, return_inverse=True)
    return codes.astype(np.int32), pl.Series("id", present.astype(np.int64)).cast(pl.String)
