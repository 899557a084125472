"""Leaving out the smallest values of a table, so that a budget of bytes holds the others more finely."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from sparserec.artefact.codes import Code, relative_error
from sparserec.artefact.csr import Table, TableData
from sparserec.errors import SparserecError

SHARES = (0.0, 0.04, 0.08, 0.12, 0.16, 0.2, 0.25, 0.3, 0.4)
"""Shares of the values that are tried to be left out."""
BETWEEN = (0.02, 0.06, 0.1, 0.14, 0.18)
"""Shares that are tried too where the best of `SHARES` leaves an error above `COARSE`."""
PARTS = 1 << 14
"""Steps between nothing and all that can be left out."""
COARSE = 0.005
"""Squared error, relative to the squares of the values, from which the share matters to the ranking."""


def thinned(
    tables: Mapping[str, TableData], codes_of: Callable[[Mapping[str, TableData]], Mapping[str, Code]]
) -> tuple[Mapping[str, TableData], Mapping[str, Code]]:
    """The tables without the share of their smallest values that leaves the least squared error, and their codes.

    A value that is left out counts with its square, one that is coded with what coding changes; every table counts
    relative to its sum of squares. The error falls and then rises with the share, so the first rise ends the search.
    It does so only roughly, for a step that suits the small values by chance is good for all: where much is lost, as
    with few bytes an item, more shares are tried.

    Args:
        tables: by side.
        codes_of: tables -> the code of each side with the finest steps whose file is within the budget; a
            SparserecError when there is none.

    Raises:
        SparserecError: when no share makes the tables fit; the error is that of whole tables.
    """
    best, least, first = None, math.inf, None

    def tried(share: float) -> bool:
        """Whether this share is the best so far; False too where it does not fit."""
        nonlocal best, least, first
        masks = {side: _remaining(table, int(share * len(table.values))) for side, table in tables.items()}
        few = {side: _without(table, masks[side]) for side, table in tables.items()}
        try:
            codes = codes_of(few)
        except SparserecError as error:
            first = first or error
            return False
        lost = sum(_lost(tables[side].values, masks[side], codes[side]) for side in tables)
        better = lost < least
        if better:
            best, least = (few, codes), lost
        return better

    for share in SHARES:
        if not tried(share) and best is not None:
            break
    if best is None:
        assert first is not None
        raise first
    if least > COARSE:
        for share in BETWEEN:
            tried(share)
    return best


def fewest_left_out(
    tables: Mapping[str, Table], bytes_with: Callable[[Mapping[str, Table]], int], limit: int
) -> Mapping[str, Table]:
    """The tables without as many of their smallest values as it takes for a file of `limit` bytes.

    Each table goes without the same share of its values; the first largest of each row stays.

    Args:
        tables: by side.
        bytes_with: tables -> the bytes of their file, not counting the raw ids.
        limit: bytes.

    Raises:
        SparserecError: when it takes more without all that can go; or when a table is dense, of which nothing can.
    """
    size = bytes_with(tables)
    if size <= limit:
        return tables
    sparse = {side: table for side, table in tables.items() if isinstance(table, TableData)}
    if len(sparse) < len(tables):
        raise SparserecError(
            f"a budget of {limit:,} bytes is too small: dense tables take {size:,} bytes, raw ids apart"
        )

    def without(share: int) -> dict[str, TableData]:
        masks = {side: _remaining(table, share * len(table.values) // PARTS) for side, table in sparse.items()}
        return {side: _without(table, masks[side]) for side, table in sparse.items()}

    least = bytes_with(without(PARTS))
    if least > limit:
        raise SparserecError(
            f"a budget of {limit:,} bytes is {least - limit:,} too small: "
            f"even with one value a row the file takes {least:,} bytes, raw ids apart"
        )
    too_many, fits = 0, PARTS
    while fits - too_many > 1:
        middle = (too_many + fits) // 2
        if bytes_with(without(middle)) <= limit:
            fits = middle
        else:
            too_many = middle
    return without(fits)


def first_largest(values: np.ndarray, indptr: np.ndarray) -> np.ndarray:
    """Which values (nnz,) are the first largest of their row, by size; (nnz,) bool. No row may be empty."""
    sizes = np.abs(values)
    largest = np.repeat(np.maximum.reduceat(sizes, indptr[:-1]), np.diff(indptr))
    places = np.flatnonzero(sizes == largest)
    rows = np.searchsorted(indptr, places, side="right") - 1
    first = np.zeros(len(sizes), dtype=bool)
    first[places[np.flatnonzero(np.diff(rows, prepend=-1))]] = True
    return first


def _remaining(table: TableData, count: int) -> np.ndarray:
    """Which values stay, (nnz,) bool, when the `count` smallest go; the first largest of each row stays always."""
    sizes = np.where(first_largest(table.values, table.indptr), np.inf, np.abs(table.values))
    remaining = np.ones(len(sizes), dtype=bool)
    order = np.argsort(sizes, kind="stable")[:count]
    remaining[order[np.isfinite(sizes[order])]] = False
    return remaining


def _without(table: TableData, remaining: np.ndarray) -> TableData:
    if remaining.all():
        return table
    indptr = np.concatenate(([0], np.cumsum(remaining, dtype=np.int64)))[table.indptr]
    return replace(table, indptr=indptr, columns=np.asarray(table.columns)[remaining], values=table.values[remaining])


def _lost(values: np.ndarray, remaining: np.ndarray, code: Code) -> float:
    """Squared error relative to the squares of all values."""
    exact = np.abs(values).astype(np.float64)
    return relative_error(values, np.where(remaining, exact - code.middle(values), exact))
