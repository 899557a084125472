"""Lists of pairs, one after another: a sparse table by row, and the same by column."""

from __future__ import annotations

import numpy as np

from sparserec.artefact.reader import Rows
from sparserec.spans import spans

BLOCK = 1 << 14
"""Pairs that are moved at a time while lists are made, so that what is only needed meanwhile stays small."""
SHORT = 64
"""Pairs a list, on average, below which lists are gathered pair by pair."""


class Lists:
    """Pairs of a key and a code, in lists one after another.

    Key and code lie side by side, so that a list is one slice. Keys never go beyond an int32, and starts are intp: what
    NumPy takes as indices and counts on 32-bit machines too.

    Args:
        pairs: (nnz, 2) uint16, or int32 where a key or code needs it; a code is stored by its bits.
        starts: (lists + 1,) intp; list `i` is `pairs[starts[i]:starts[i + 1]]`.
        kind: type of the codes, as wide as a key: int16, int32 or float32.
    """

    def __init__(self, pairs: np.ndarray, starts: np.ndarray, kind: np.dtype):
        self.pairs, self.starts, self.kind = pairs, starts, kind
        self._packed = pairs.view(np.dtype(f"u{2 * pairs.itemsize}")).reshape(-1)
        self._bytes = self._packed.view(np.uint8).data

    @property
    def nbytes(self) -> int:
        """Memory in bytes."""
        return self.pairs.nbytes + self.starts.nbytes

    def between(self, first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Keys and codes (pairs,) of the slices from `first` (m,) to `last` (m,), intp, one after another."""
        if int((last - first).sum()) < SHORT * len(first):
            joined = self._packed.take(spans(first, last))
        else:
            # Joining bytes is the cheapest way to copy long slices: less for each slice than np.concatenate takes.
            size, data = self._packed.itemsize, self._bytes
            slices = zip((first * size).tolist(), (last * size).tolist(), strict=True)
            joined = np.frombuffer(b"".join([data[a:b] for a, b in slices]), dtype=self._packed.dtype)
        keys = joined.view(self.pairs.dtype)
        return keys[::2], keys[1::2].view(self.kind)

    def of(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Keys and codes (pairs,) of lists (m,), one after another, and the lengths of the lists (m,) intp."""
        first, last = self.starts.take(chosen), self.starts.take(chosen + 1)
        keys, codes = self.between(first, last)
        last -= first
        return keys, codes, last


def norms(rows: Rows) -> np.ndarray:
    """Length of each row's codes as a vector, (n,) float32, never below the true one."""
    assert rows.indptr is not None
    out = np.empty(rows.n, dtype=np.float32)
    for first, last in _blocks(rows.indptr):
        begin = int(rows.indptr[first])
        codes = rows.values[begin : int(rows.indptr[last])].astype(np.float64)
        codes *= codes
        # Every row has a value, so no two starts are equal.
        squares = np.add.reduceat(codes, (rows.indptr[first:last] - begin).astype(np.intp))
        out[first:last] = np.sqrt(squares) * (1 + 1e-6)
    return out


def by_row(rows: Rows, order: np.ndarray) -> Lists:
    """A list for each row of a sparse table, keys its columns, ascending.

    Args:
        rows: the table.
        order: (n,) integers, rows in the order of their lists.
    """
    assert rows.indptr is not None
    assert rows.columns is not None
    lengths = np.diff(rows.indptr).astype(np.intp)[order]
    starts = np.zeros(rows.n + 1, dtype=np.intp)
    np.cumsum(lengths, out=starts[1:])
    kind, key = _types(rows)
    pairs = np.empty((len(rows.columns), 2), dtype=key)
    codes = pairs[:, 1].view(kind)
    for first, last in _blocks(starts):
        begin, end = int(starts[first]), int(starts[last])
        # Where each value of the block is in the table: its row's start there, and its place in the row.
        moved = rows.indptr[order[first:last]].astype(np.intp) - starts[first:last]
        source = np.repeat(moved, lengths[first:last])
        source += np.arange(begin, end, dtype=np.intp)
        pairs[begin:end, 0] = rows.columns[source]
        codes[begin:end] = rows.values[source]
    return Lists(pairs, starts, kind)


def by_column(table: Lists, dim: int) -> Lists:
    """A list for each column of a table in lists by row; keys are the numbers of these lists, ascending."""
    columns = table.pairs[:, 0]
    starts = np.zeros(dim + 1, dtype=np.intp)
    np.cumsum(counts(table, len(columns), dim), out=starts[1:])
    of_each = np.repeat(np.arange(len(table.starts) - 1, dtype=table.pairs.dtype), np.diff(table.starts))
    pairs = np.empty_like(table.pairs)
    first = 0
    while first < dim:
        # As many columns as fit a block, at least one.
        last = max(int(np.searchsorted(starts, starts[first] + BLOCK, side="right")) - 1, first + 1)
        chosen = np.flatnonzero((columns >= first) & (columns < last))
        chosen = chosen[np.argsort(columns[chosen], kind="stable")]
        begin, end = int(starts[first]), int(starts[last])
        pairs[begin:end, 0] = of_each[chosen]
        pairs[begin:end, 1] = table.pairs[chosen, 1]
        first = last
    return Lists(pairs, starts, table.kind)


def counts(table: Lists, pairs: int, dim: int) -> np.ndarray:
    """How often each key from 0 to dim - 1 is among the first `pairs` of a table, (dim,) intp."""
    found = np.zeros(dim, dtype=np.intp)
    for first in range(0, pairs, BLOCK):
        found += np.bincount(table.pairs[first : min(first + BLOCK, pairs), 0], minlength=dim)
    return found


def _types(rows: Rows) -> tuple[np.dtype, np.dtype]:
    """Types of the codes and of the keys of a table's lists."""
    if rows.values.dtype == np.float16:
        return np.dtype(np.float32), np.dtype(np.int32)
    if rows.n > 1 << 16 or rows.values.dtype.itemsize > 2:
        return np.dtype(np.int32), np.dtype(np.int32)
    return np.dtype(np.int16), np.dtype(np.uint16)


def _blocks(starts: np.ndarray) -> list[tuple[int, int]]:
    """Lists in blocks, each the first and the last, exclusive, of lists with about `BLOCK` pairs."""
    n = len(starts) - 1
    cuts = np.unique(np.searchsorted(starts, np.arange(0, int(starts[-1]), BLOCK), side="right") - 1).tolist()
    return [(a, b) for a, b in zip(cuts, [*cuts[1:], n], strict=True) if a < b]
