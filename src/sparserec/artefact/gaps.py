"""The structure of a sparse table as Rice-coded gaps between its values.

The value in row r and column c of a table of `dim` columns has the position r * dim + c. Positions ascend over the
whole table, and a gap is the number of positions without a value between one that has a value and the next. It has a
Rice code, which is Golomb's with a power of two as divisor: the low bits as they are, what is above them in unary. Low
and unary parts lie in two streams of bits, as in the Elias-Fano code, so that both can be read in blocks.

S. W. Golomb, "Run-length encodings", IEEE Transactions on Information Theory 12 (1966); R. F. Rice, "Some practical
universal noiseless coding techniques", JPL 79-22 (1979); P. Elias, "Efficient storage and retrieval by content and
address of static files", Journal of the ACM 21 (1974). docs/artefact-format.md has the code bit by bit.
"""

from __future__ import annotations

import numpy as np

from sparserec.errors import SparserecError

MAX_SHIFT = 30
"""The most low bits that a gap may have."""

_VALUES = 1 << 16
"""Values that are coded at a time: a multiple of 8, so that the low bits of a block end with a byte."""
_BYTES = 1 << 14
"""Bytes of the unary parts that are decoded at a time."""
_ONES = np.array([bin(byte).count("1") for byte in range(256)], dtype=np.uint8)
"""One bits of each byte."""


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
    return _bytes(nnz * shift) + _bytes(nnz + ((cells - nnz) >> shift))


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
    n, nnz = len(indptr) - 1, len(columns)
    cells = n * dim
    shift = shift_of(cells, nnz)
    low = np.zeros(_bytes(nnz * shift), dtype=np.uint8)
    high = np.zeros(_bytes(nnz + ((cells - nnz) >> shift)), dtype=np.uint8)
    position, bit = -1, -1  # of the value before the block, and of its one bit
    for first in range(0, nnz, _VALUES):
        last = min(first + _VALUES, nnz)
        positions = _row_of_each(indptr, first, last) * dim + columns[first:last].astype(np.int64)
        gaps = np.diff(positions, prepend=position) - 1
        if shift:
            bits = np.unpackbits(_as_bytes(gaps), axis=1, count=shift, bitorder="little")
            packed = np.packbits(bits, bitorder="little")
            low[first // 8 * shift : first // 8 * shift + len(packed)] = packed
        ones = bit + np.cumsum((gaps >> shift) + 1)
        where = ones >> 3
        starts = np.flatnonzero(np.diff(where, prepend=-1))
        high[where[starts]] |= np.bitwise_or.reduceat((1 << (ones & 7)).astype(np.uint8), starts)
        position, bit = int(positions[-1]), int(ones[-1])
    return low, high[: _bytes(bit + 1)].copy()


def decode(low: np.ndarray, high: np.ndarray, n_rows: int, dim: int, nnz: int) -> tuple[np.ndarray, np.ndarray]:
    """The inverse of `encode`; accepts just what that gives, and takes no memory before the bytes bear out the sizes.

    Args:
        low: (bytes,) uint8.
        high: (bytes,) uint8.
        n_rows: number of rows.
        dim: number of columns, 1 to 65,536.
        nnz: number of values.

    Returns:
        indptr (n_rows + 1,) int64 and columns (nnz,), uint8 up to 256 columns, uint16 beyond.

    Raises:
        SparserecError: when the bytes are not the code of a table of these sizes with a value in every row.
    """
    cells = n_rows * dim
    if not 1 <= n_rows <= nnz <= cells:
        raise SparserecError(f"{nnz} values can't fill {n_rows} rows of {dim} columns, at least one a row")
    shift = shift_of(cells, nnz)
    _check(low, high, cells, nnz, shift)
    indptr = np.zeros(n_rows + 1, dtype=np.int64)
    columns = np.empty(nnz, dtype=np.uint8 if dim <= 256 else np.uint16)
    first, row, lows = 0, -1, 0  # values, last row and sum of low parts before the block
    for start in range(0, len(high), _BYTES):
        ones = np.flatnonzero(np.unpackbits(high[start : start + _BYTES], bitorder="little")).astype(np.int64)
        if len(ones) == 0:
            continue
        last = first + len(ones)
        # Before the one bit of value i lie i other ones, and zeros: the sum of the high parts up to it.
        values = np.arange(first, last, dtype=np.int64)
        low_sums = lows + np.cumsum(_low_parts(low, first, last, shift))
        positions = ((ones + (8 * start) - values) << shift) + low_sums + values
        if positions[-1] >= cells:
            raise SparserecError("the gaps go beyond the last row")
        rows = positions // dim
        steps = np.diff(rows, prepend=row)
        if steps.max() > 1:
            raise SparserecError(f"row {int(rows[np.argmax(steps > 1)]) - 1} is empty")
        columns[first:last] = positions - rows * dim
        starts = np.flatnonzero(steps)
        indptr[row + 1 : row + 1 + len(starts)] = first + starts
        first, row, lows = last, int(rows[-1]), int(low_sums[-1])
    if row != n_rows - 1:
        raise SparserecError(f"row {row + 1} is empty")
    indptr[-1] = nnz
    return indptr, columns


def _check(low: np.ndarray, high: np.ndarray, cells: int, nnz: int, shift: int) -> None:
    """What can be said of the bytes without decoding them; leaves sums that fit an int64."""
    bits = nnz * shift
    if len(low) != _bytes(bits):
        raise SparserecError(f"'gaps_low' has {len(low)} bytes; {nnz} gaps of {shift} low bits take {_bytes(bits)}")
    if bits % 8 and int(low[-1]) >> bits % 8:
        raise SparserecError("'gaps_low' has bits set after the last gap")
    ones = sum(int(_ONES[high[start : start + _BYTES]].sum()) for start in range(0, len(high), _BYTES))
    if ones != nnz:
        raise SparserecError(f"'gaps_high' has {ones} one bits, but there are {nnz} values")
    if high[-1] == 0:
        raise SparserecError("'gaps_high' goes on after the last gap")
    zeros = 8 * (len(high) - 1) + int(high[-1]).bit_length() - nnz
    most = (cells - nnz) >> shift
    if zeros > most:
        raise SparserecError(
            f"'gaps_high' has {zeros} zero bits before its last one; in this table {most} are possible"
        )


def _row_of_each(indptr: np.ndarray, first: int, last: int) -> np.ndarray:
    """The rows (last - first,) int64 of the values from `first` to `last`, exclusive."""
    begin = int(np.searchsorted(indptr, first, side="right")) - 1
    end = int(np.searchsorted(indptr, last, side="left"))
    counts = np.diff(np.clip(indptr[begin : end + 1], first, last))
    return np.repeat(np.arange(begin, end, dtype=np.int64), counts)


def _low_parts(low: np.ndarray, first: int, last: int, shift: int) -> np.ndarray:
    """The low parts (last - first,) int64 of the gaps from `first` to `last`, exclusive. Eight of them fill bytes."""
    if shift == 0:
        return np.zeros(last - first, dtype=np.int64)
    begin, end = first // 8, _bytes(last)
    count = 8 * (end - begin)
    bits = np.unpackbits(low[begin * shift : end * shift], count=count * shift, bitorder="little")
    packed = np.packbits(bits.reshape(count, shift), axis=1, bitorder="little")
    wide = np.zeros((count, 4), dtype=np.uint8)
    wide[:, : packed.shape[1]] = packed
    return wide.view("<u4")[first - 8 * begin : last - 8 * begin, 0].astype(np.int64)


def _as_bytes(gaps: np.ndarray) -> np.ndarray:
    """The low 32 bits of gaps (n,) as bytes (n, 4), lowest first."""
    return (gaps & 0xFFFFFFFF).astype("<u4").view(np.uint8).reshape(len(gaps), 4)


def _bytes(bits: int) -> int:
    return -(-bits // 8)
