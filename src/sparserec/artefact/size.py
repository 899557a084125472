"""How many bytes a file will have, and how many values fit a number of bytes. Raw ids are counted apart."""

from __future__ import annotations

from bisect import bisect_right
from typing import Literal

from sparserec.artefact.gaps import most_bytes
from sparserec.artefact.schema import HEADER_ALLOWANCE
from sparserec.errors import SparserecError

ValueType = Literal["int8", "float16"]

SECOND_TABLE = 3
"""Bytes that the gaps of two tables may take beyond `most_bytes` of one table with the rows and values of both.

In bits, the most for one table is the least of 31 functions that are linear in (cells, values), rounded down. Such a
least is concave and doubles when both arguments do, so that of two tables never adds up to more than that of the joint
one, F bits. Two tables are rounded up to whole bytes four times, by 7 bits at most each, so they take at most
(F + 28) // 8 bytes. The joint table takes at least ceil(F / 8), and that is never more than 3 bytes less.
"""


def sparse_file_bytes(*, n_items: int, n_users: int, nnz: int, dim: int, values_dtype: ValueType) -> int:
    """The most bytes that a file with sparse tables takes, raw ids apart, however the values are spread.

    Args:
        n_items: rows of the item table.
        n_users: rows of the user table, 0 when none is shipped.
        nnz: values over both tables, from one a row to dim a row.
        dim: columns.
        values_dtype: "int8" (with a scale for each column of each table) or "float16".
    """
    gaps = most_bytes((n_items + n_users) * dim, nnz) + (SECOND_TABLE if n_users else 0)
    return HEADER_ALLOWANCE + _scales(n_users, dim, values_dtype) + nnz * _value(values_dtype) + gaps


def dense_file_bytes(*, n_items: int, n_users: int, dim: int, values_dtype: ValueType) -> int:
    """The most bytes that a file with dense tables takes, raw ids apart; arguments as for `sparse_file_bytes`."""
    return HEADER_ALLOWANCE + _scales(n_users, dim, values_dtype) + (n_items + n_users) * dim * _value(values_dtype)


def nnz_for_budget(budget: int, *, n_items: int, n_users: int, dim: int, values_dtype: ValueType) -> int:
    """The most values whose file is sure to stay within `budget` bytes, raw ids apart.

    Raises:
        SparserecError: when not even one value a row fits, or when more would fit than a table has cells.
    """
    rows = n_items + n_users

    def bytes_of(nnz: int) -> int:
        return sparse_file_bytes(n_items=n_items, n_users=n_users, nnz=nnz, dim=dim, values_dtype=values_dtype)

    least, most = bytes_of(rows), bytes_of(rows * dim)
    if budget < least:
        raise SparserecError(
            f"a budget of {budget:,} bytes is too small: {rows:,} rows with one value each take {least:,} bytes "
            f"({least / n_items:.1f} B/item)"
        )
    if budget > most:
        dense = dense_file_bytes(n_items=n_items, n_users=n_users, dim=dim, values_dtype=values_dtype)
        raise SparserecError(
            f"a budget of {budget:,} bytes is larger than needed: a dense table of {dim} columns takes {dense:,} bytes "
            f"({dense / n_items:.1f} B/item); choose a smaller budget, more columns, or method dense"
        )
    # The bytes never fall from one number of values to the next: the gaps take at least as many bits, so rounded up to
    # bytes at most one byte less, and the value itself takes one.
    counts = range(rows, rows * dim + 1)
    return counts[bisect_right(counts, budget, key=bytes_of) - 1]


def _value(values_dtype: ValueType) -> int:
    return 1 if values_dtype == "int8" else 2


def _scales(n_users: int, dim: int, values_dtype: ValueType) -> int:
    return (4 * dim * (2 if n_users else 1)) if values_dtype == "int8" else 0
