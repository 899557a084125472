"""How many bytes a file will have, and how many values fit a number of bytes. Raw ids are counted apart."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable

from sparserec.artefact.codecs import (
    AGE_DECAY,
    CODECS,
    HISTORY_FACTORS,
    EncoderShape,
    ValuesCodec,
    alternatives,
    named_codec,
)
from sparserec.artefact.gaps import most_bytes
from sparserec.artefact.schema import HEADER_ALLOWANCE
from sparserec.errors import SparserecError

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
    values_dtype: str,
    history_factors: bool = False,
    age_decay: int = 0,
    encoder: EncoderShape | None = None,
) -> int:
    """The bytes that a file with sparse tables takes, not counting the raw ids.

    Without history factors they are the most, however the values are spread, unless the codec of the values says that
    its sizes are estimates, as "coded" does. Those, and those of history factors, are what to expect: of "coded" 3.75
    bits a value, spread evenly over the cells, and a header of `HEADER_EXPECTED`; of a history factor 5 bits. `write`
    keeps a budget with "coded" exactly, by its step.

    Args:
        n_items: rows of the item table.
        n_users: rows of the user table, 0 when none is shipped.
        nnz: values over both tables, from one a row to dim a row.
        dim: columns.
        values_dtype: how the values are stored, a name of `CODECS`.
        history_factors: whether each item has one.
        age_decay: how many numbers say what age does, 0 to 2.
        encoder: of the encoder, where there is one.
    """
    codec, cells = named_codec(values_dtype), (n_items + n_users) * dim
    beside = _tables(codec, n_users, dim) + AGE_DECAY.bytes_of(age_decay)
    beside += HISTORY_FACTORS.bytes_of(n_items) if history_factors else 0
    beside += 0 if encoder is None else encoder.bytes_of(dim)
    if codec.estimated:
        return HEADER_EXPECTED + beside + math.ceil((nnz * codec.value_bits + gaps_bits(cells, nnz)) / 8)
    gaps = most_bytes(cells, nnz) + (SECOND_TABLE if n_users else 0)
    return HEADER_ALLOWANCE + beside + _values(codec, n_users, nnz) + gaps


def dense_file_bytes(
    *, n_items: int, n_users: int = 0, dim: int, values_dtype: str, encoder: EncoderShape | None = None
) -> int:
    """The most bytes that a file with dense tables takes, not counting the raw ids; arguments as for sparse ones.

    Raises:
        SparserecError: for values that dense tables can't have, such as "coded".
    """
    codec = named_codec(values_dtype)
    if not codec.dense:
        others = alternatives(other.name for other in CODECS.values() if other.dense)
        raise SparserecError(f"only values of sparse tables can be {codec.name}; a dense table takes {others}")
    beside = 0 if encoder is None else encoder.bytes_of(dim)
    return HEADER_ALLOWANCE + beside + _tables(codec, n_users, dim) + _values(codec, n_users, (n_items + n_users) * dim)


def nnz_for_budget(
    budget: int,
    *,
    n_items: int,
    n_users: int = 0,
    dim: int,
    values_dtype: str,
    history_factors: bool = False,
    age_decay: int = 0,
    encoder: EncoderShape | None = None,
) -> int:
    """The most values whose file `sparse_file_bytes` puts within `budget` bytes, not counting the raw ids.

    Where that is no estimate, the file is sure to stay within the budget. With "coded" values, hand the same budget to
    `write`, whose step then keeps it.

    Raises:
        SparserecError: when not even one value a row fits. Where more would fit than a table has cells, it has all.
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
            age_decay=age_decay,
            encoder=encoder,
        )

    least = file_bytes(rows)
    if budget < least:
        beside = "" if encoder is None else f" and the transformer, {encoder.bytes_of(dim):,} bytes of it,"
        raise SparserecError(
            f"a budget of {budget:,} bytes is too small: {rows:,} rows with one value each{beside} take {least:,} "
            f"bytes ({least / n_items:.1f} B/item)"
        )
    return nnz_within(budget, rows, dim, file_bytes)


def nnz_within(budget: int, rows: int, dim: int, file_bytes: Callable[[int], int]) -> int:
    """The most values, from one a row to all `dim`, whose file is within `budget` bytes; one a row where none is.

    Args:
        budget: bytes.
        rows: over all tables.
        dim: columns.
        file_bytes: of a number of values -> bytes, which never fall from one number to the next: the gaps take at least
            as many bits, so rounded up to bytes at most one byte less, and the value itself takes one; an estimate
            grows by over 3 bits.
    """
    counts = range(rows, rows * dim + 1)
    return counts[max(bisect_right(counts, budget, key=file_bytes), 1) - 1]


def table_bytes(
    *, n_items: int, n_users: int, nnz: int, dim: int, values_dtype: str, value_bits: float | None = None
) -> int:
    """The bytes that sparse tables can be expected to take: their values, and structure spread evenly over the cells.

    Args:
        n_items, n_users, nnz, dim, values_dtype: as for `sparse_file_bytes`.
        value_bits: of a value, where its codec leaves a choice; None for what it expects.
    """
    codec, cells = named_codec(values_dtype), (n_items + n_users) * dim
    bits = codec.value_bits if value_bits is None else value_bits
    return _tables(codec, n_users, dim) + math.ceil((nnz * bits + gaps_bits(cells, nnz)) / 8)


def gaps_bits(cells: int, nnz: int) -> float:
    """Bits that gaps can be expected to take: where lengths are geometric, log2(cells / nnz) + 1.5, to within 0.05."""
    return nnz * (math.log2(cells / nnz) + 1.5)


def _tables(codec: ValuesCodec, n_users: int, dim: int) -> int:
    """Bytes of what the values of a table take however many they are, for one table or two."""
    return (2 if n_users else 1) * (codec.column_bytes * dim + codec.table_bytes)


def _values(codec: ValuesCodec, n_users: int, nnz: int) -> int:
    """The most bytes of values, in two tables one more where they are no whole bytes each."""
    return math.ceil(nnz * codec.value_bits / 8) + (1 if n_users and codec.value_bits % 8 else 0)
