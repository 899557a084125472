"""How many bytes a file will have, and how many values fit a number of bytes. Raw ids are counted apart."""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import Literal

from sparserec.artefact.gaps import most_bytes
from sparserec.artefact.rice import bytes_of
from sparserec.artefact.schema import HEADER_ALLOWANCE
from sparserec.errors import SparserecError

ValueType = Literal["int8", "float16", "coded"]

CODED_BITS = 3.75
"""Bits that a coded value is expected to take.

Normally distributed ones take 3.71 with a step of 0.43 mean absolute values.
"""
HISTORY_BITS = 5
"""Bits that a history factor is expected to take."""
HISTORY_SCALE = 8
"""Bytes of the scale of history factors."""
HEADER_EXPECTED = 2560
"""Bytes that the header is expected to take where a size is an estimate and no bound."""

SECOND_TABLE = 3
"""Bytes that the gaps of two tables may take beyond `most_bytes` of one table with the rows and values of both.

In bits, the most for one table is the least of 31 functions that are linear in (cells, values), rounded down. Such a
least is concave and doubles when both arguments do, so that of two tables never adds up to more than that of the joint
one, F bits. Two tables are rounded up to whole bytes four times, by 7 bits at most each, so they take at most
(F + 28) // 8 bytes. The joint table takes at least ceil(F / 8), and that is never more than 3 bytes less.
"""


def sparse_file_bytes(
    *,
    n_items: int,
    n_users: int = 0,
    nnz: int,
    dim: int,
    values_dtype: ValueType,
    history_factors: bool = False,
) -> int:
    """The bytes that a file with sparse tables takes, raw ids apart.

    For "int8" and "float16" without history factors they are the most, however the values are spread. For "coded", and
    for history factors, they are an estimate: 3.75 bits a value and 5 bits a history factor, with "coded" values spread
    evenly over the cells and a header of `HEADER_EXPECTED`. `write` keeps a budget with "coded" exactly, by its step.

    Args:
        n_items: rows of the item table.
        n_users: rows of the user table, 0 when none is shipped.
        nnz: values over both tables, from one a row to dim a row.
        dim: columns.
        values_dtype: "int8" (with a scale for each column of each table), "float16", or "coded" (with a step for each
            table).
        history_factors: whether each item has one.
    """
    cells = (n_items + n_users) * dim
    history = bytes_of(HISTORY_BITS * n_items) + HISTORY_SCALE if history_factors else 0
    if values_dtype == "coded":
        # Rice codes of gaps whose lengths are geometric take log2(cells / nnz) + 1.5 bits each, to within 0.05.
        gaps_bits = nnz * (math.log2(cells / nnz) + 1.5)
        steps = 8 if n_users else 4
        return HEADER_EXPECTED + steps + math.ceil((nnz * CODED_BITS + gaps_bits) / 8) + history
    gaps = most_bytes(cells, nnz) + (SECOND_TABLE if n_users else 0)
    return HEADER_ALLOWANCE + _scales(n_users, dim, values_dtype) + nnz * _value(values_dtype) + gaps + history


def dense_file_bytes(*, n_items: int, n_users: int = 0, dim: int, values_dtype: ValueType) -> int:
    """The most bytes that a file with dense tables takes, raw ids apart; arguments as for `sparse_file_bytes`.

    Raises:
        SparserecError: for "coded", which dense tables can't be.
    """
    if values_dtype == "coded":
        raise SparserecError("only values of sparse tables can be coded; a dense table takes int8 or float16")
    return HEADER_ALLOWANCE + _scales(n_users, dim, values_dtype) + (n_items + n_users) * dim * _value(values_dtype)


def nnz_for_budget(
    budget: int,
    *,
    n_items: int,
    n_users: int = 0,
    dim: int,
    values_dtype: ValueType,
    history_factors: bool = False,
) -> int:
    """The most values whose file `sparse_file_bytes` puts within `budget` bytes, raw ids apart.

    Where that is no estimate, the file is sure to stay within the budget. With "coded" values, hand the same budget to
    `write`, whose step then keeps it.

    Raises:
        SparserecError: when not even one value a row fits, or when more would fit than a table has cells.
    """
    rows = n_items + n_users

    def file_bytes(nnz: int) -> int:
        return sparse_file_bytes(
            n_items=n_items,
            n_users=n_users,
            nnz=nnz,
            dim=dim,
            values_dtype=values_dtype,
            history_factors=history_factors,
        )

    least, most = file_bytes(rows), file_bytes(rows * dim)
    if budget < least:
        raise SparserecError(
            f"a budget of {budget:,} bytes is too small: {rows:,} rows with one value each take {least:,} bytes "
            f"({least / n_items:.1f} B/item)"
        )
    if budget > most:
        if values_dtype == "coded":
            raise SparserecError(
                f"a budget of {budget:,} bytes is larger than needed: {rows:,} rows with all of {dim} columns take "
                f"about {most:,} bytes ({most / n_items:.1f} B/item); choose a smaller budget or more columns"
            )
        dense = dense_file_bytes(n_items=n_items, n_users=n_users, dim=dim, values_dtype=values_dtype)
        raise SparserecError(
            f"a budget of {budget:,} bytes is larger than needed: a dense table of {dim} columns takes {dense:,} bytes "
            f"({dense / n_items:.1f} B/item); choose a smaller budget, more columns, or method dense"
        )
    # The bytes never fall from one number of values to the next: the gaps take at least as many bits, so rounded up to
    # bytes at most one byte less, and the value itself takes one; an estimate grows by over 3 bits.
    counts = range(rows, rows * dim + 1)
    return counts[bisect_right(counts, budget, key=file_bytes) - 1]


def _value(values_dtype: ValueType) -> int:
    return 1 if values_dtype == "int8" else 2


def _scales(n_users: int, dim: int, values_dtype: ValueType) -> int:
    return (4 * dim * (2 if n_users else 1)) if values_dtype == "int8" else 0
