"""How many bytes a file will have, and how many values fit a number of bytes. Raw ids are counted apart."""

from __future__ import annotations

from typing import Literal

from sparserec.artefact.schema import HEADER_ALLOWANCE
from sparserec.errors import SparserecError

ValueType = Literal["int8", "float16"]


def sparse_file_bytes(*, n_items: int, n_users: int, nnz: int, dim: int, values_dtype: ValueType) -> int:
    """The most bytes that a file with sparse tables takes, raw ids apart.

    Args:
        n_items: rows of the item table.
        n_users: rows of the user table, 0 when none is shipped.
        nnz: values over both tables.
        dim: columns.
        values_dtype: "int8" (with a scale for each column of each table) or "float16".
    """
    return _fixed(n_items, n_users, dim, values_dtype) + nnz * _entry(dim, values_dtype)


def dense_file_bytes(*, n_items: int, n_users: int, dim: int, values_dtype: ValueType) -> int:
    """The most bytes that a file with dense tables takes, raw ids apart; arguments as for `sparse_file_bytes`."""
    return HEADER_ALLOWANCE + _scales(n_users, dim, values_dtype) + (n_items + n_users) * dim * _value(values_dtype)


def nnz_for_budget(budget: int, *, n_items: int, n_users: int, dim: int, values_dtype: ValueType) -> int:
    """The most values whose file is sure to stay within `budget` bytes, raw ids apart.

    Raises:
        SparserecError: when not even one value a row fits, or when every value of a dense table would.
    """
    rows = n_items + n_users
    fixed, entry = _fixed(n_items, n_users, dim, values_dtype), _entry(dim, values_dtype)
    least = fixed + rows * entry
    if budget < least:
        raise SparserecError(
            f"a budget of {budget:,} bytes is too small: {rows:,} rows with one value each take {least:,} bytes "
            f"({least / n_items:.1f} B/item)"
        )
    nnz = (budget - fixed) // entry
    if nnz > rows * dim:
        dense = dense_file_bytes(n_items=n_items, n_users=n_users, dim=dim, values_dtype=values_dtype)
        raise SparserecError(
            f"a budget of {budget:,} bytes is larger than needed: a dense table of {dim} columns takes {dense:,} bytes "
            f"({dense / n_items:.1f} B/item); choose a smaller budget, more columns, or method dense"
        )
    return nnz


def _value(values_dtype: ValueType) -> int:
    return 1 if values_dtype == "int8" else 2


def _entry(dim: int, values_dtype: ValueType) -> int:
    return _value(values_dtype) + (1 if dim <= 256 else 2)


def _scales(n_users: int, dim: int, values_dtype: ValueType) -> int:
    return (4 * dim * (2 if n_users else 1)) if values_dtype == "int8" else 0


def _fixed(n_items: int, n_users: int, dim: int, values_dtype: ValueType) -> int:
    lengths = (n_items + n_users) * (1 if dim <= 255 else 2)
    return HEADER_ALLOWANCE + _scales(n_users, dim, values_dtype) + lengths
