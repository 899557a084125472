"""The structure of a sparse table as Rice-coded gaps between its values.

The value in row r and column c of a table of `dim` columns has the position r * dim + c. Positions ascend over the
whole table, and a gap is the number of positions without a value between one that has a value and the next.
docs/artefact-format.md has the code bit by bit.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sparserec.artefact import rice
from sparserec.errors import SparserecError

MAX_SHIFT = 30
"""The most low bits that a gap may have."""
NAMES = rice.Names("gaps", "gap")
ITEM_NAMES = rice.Names("item_gaps", "item gap")
"""Of the gaps of item columns, where a table has others too."""


def shift_of(cells: int, nnz: int) -> int:
    """How many low bits a gap has in a table of so many cells and values: what makes the longest code shortest.

    Args:
        cells: rows times columns.
        nnz: values, at most `cells`.

    Returns:
        the m in 0..30 with the least nnz * (1 + m) + ((cells - nnz) >> m), which no code has more bits than; of several
        the lowest.
    """
    return min(range(MAX_SHIFT + 1), key=lambda shift: nnz * (1 + shift) + ((cells - nnz) >> shift))


def most_bytes(cells: int, nnz: int) -> int:
    """The most bytes that `encode` gives, both parts together, over all tables of so many cells and values.

    Gaps add up to cells - nnz at most, so their high parts add up to (cells - nnz) >> m at most; a table whose cells
    without values all lie together reaches that.
    """
    shift = shift_of(cells, nnz)
    return rice.bytes_of(nnz * shift) + rice.bytes_of(nnz + ((cells - nnz) >> shift))


def encode(indptr: np.ndarray, columns: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Code where the values of a table are.

    Args:
        indptr: (n + 1,) integers, row pointers from 0 to nnz.
        columns: (nnz,) integers from 0 to dim - 1, strictly ascending within a row.
        dim: number of columns.

    Returns:
        low (ceil(nnz * m / 8),) uint8, the low bits of each gap, and high (bytes,) uint8, for each gap as many zero
        bits as its high part says and a one bit; both begin with bit 0 of byte 0 and end in zero bits.
    """
    nnz = len(columns)
    cells = (len(indptr) - 1) * dim
    shift = shift_of(cells, nnz)
    return rice.encode(_gaps(indptr, columns, dim), nnz, shift, (cells - nnz) >> shift)


def decode(
    low: np.ndarray,
    high: np.ndarray,
    n_rows: int,
    dim: int,
    nnz: int,
    *,
    names: rice.Names = NAMES,
    empty_rows: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """The inverse of `encode`; accepts just what that gives, and takes no memory before the bytes bear out the sizes.

    Args:
        low: (bytes,) uint8.
        high: (bytes,) uint8.
        n_rows: number of rows.
        dim: number of columns, at least 1.
        nnz: number of values.
        names: for messages.
        empty_rows: whether rows may be empty; then `n_rows` must have been borne out already.

    Returns:
        indptr (n_rows + 1,), int32 up to 2^31 - 1 values, int64 beyond, and columns (nnz,), uint8 up to 256 columns,
        uint16 up to 65,536, int32 beyond.

    Raises:
        SparserecError: when the bytes are not the code of a table of these sizes, with a value in every row unless rows
            may be empty.
    """
    cells = n_rows * dim
    if empty_rows and nnz == 0 == len(low) + len(high):
        return np.zeros(n_rows + 1, dtype=np.int32), np.empty(0, dtype=np.uint8)
    if not 1 <= (1 if empty_rows else n_rows) <= nnz <= cells or cells >= 1 << 62:
        raise SparserecError(f"{nnz} values can't fill {n_rows} rows of {dim} columns, at least one a row")
    shift = shift_of(cells, nnz)
    # Leaves sums that fit an int64.
    rice.check(low, high, nnz, shift, (cells - nnz) >> shift, names)
    indptr = np.zeros(n_rows + 1, dtype=np.int32 if nnz < 1 << 31 else np.int64)
    columns = np.empty(nnz, dtype=np.uint8 if dim <= 256 else np.uint16 if dim <= 1 << 16 else np.int32)
    first, row, position = 0, -1, -1  # values before the block, and row and position of the last of them
    for gaps in rice.decode(low, high, shift):
        positions = position + np.cumsum(gaps + 1)
        if positions[-1] >= cells:
            raise SparserecError(f"the {names.number}s go beyond the last row")
        rows = positions // dim
        steps = np.diff(rows, prepend=row)
        if not empty_rows and steps.max() > 1:
            raise SparserecError(f"row {int(rows[np.argmax(steps > 1)]) - 1} is empty")
        last = first + len(positions)
        columns[first:last] = positions - rows * dim
        starts = np.flatnonzero(steps)
        # Of a row, and of empty ones before it, where its first value is.
        indptr[row + 1 : int(rows[-1]) + 1] = np.repeat(first + starts, steps[starts])
        first, row, position = last, int(rows[-1]), int(positions[-1])
    if not empty_rows and row != n_rows - 1:
        raise SparserecError(f"row {row + 1} is empty")
    indptr[row + 1 :] = nnz
    return indptr, columns


def _gaps(indptr: np.ndarray, columns: np.ndarray, dim: int) -> Iterator[np.ndarray]:
    """The gaps of a table, in blocks (rice.BLOCK,) int64, the last of which may be shorter."""
    position = -1
    for first in range(0, len(columns), rice.BLOCK):
        last = min(first + rice.BLOCK, len(columns))
        positions = _row_of_each(indptr, first, last) * dim + columns[first:last].astype(np.int64)
        yield np.diff(positions, prepend=position) - 1
        position = int(positions[-1])


def _row_of_each(indptr: np.ndarray, first: int, last: int) -> np.ndarray:
    """The rows (last - first,) int64 of the values from `first` to `last`, exclusive."""
    begin = int(np.searchsorted(indptr, first, side="right")) - 1
    end = int(np.searchsorted(indptr, last, side="left"))
    counts = np.diff(np.clip(indptr[begin : end + 1], first, last))
    return np.repeat(np.arange(begin, end, dtype=np.int64), counts)
