"""Masks: exact budgets, and which parameters to drop and to grow. Pure functions.

Wherever scores tie, the lower index goes first; so a count is exact, and the same input gives the same mask.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from sparserec.errors import SparserecError

CELLS, ROWS = 1 << 17, 1 << 14
"""Grow scores looked at in one go: temporaries stay small beside the scores themselves."""


@dataclass(frozen=True)
class CsrMask:
    """Active coordinates of one table, and values for them where the mask came from a factorisation.

    Attributes:
        indptr: (n_rows + 1,) int64.
        columns: (nnz,) integers, ascending within a row.
        values: (nnz,) float32; zeros when there are none.
    """

    indptr: np.ndarray
    columns: np.ndarray
    values: np.ndarray


def budget_of(density: float, n_rows: int, dim: int) -> int:
    """floor(density * n_rows * dim), exactly: the density is taken as the decimal number that was written.

    Raises:
        SparserecError: when that is less than one active parameter a row, or more than a dense table has.
    """
    if not 0 < density <= 1:
        raise SparserecError(f"density must lie in (0, 1], not {density}")
    budget = int(Fraction(repr(float(density))) * n_rows * dim)
    if budget < n_rows:
        raise SparserecError(
            f"density {density} gives {budget:,} active parameters for {n_rows:,} rows of {dim} columns; every row "
            f"needs one, so the density must be at least {1 / dim:.6g}"
        )
    return budget


def largest(scores: np.ndarray, budget: int) -> tuple[np.ndarray, np.ndarray]:
    """The `budget` largest entries of a matrix, every row keeping at least its largest one.

    Args:
        scores: (n, d) float, >= 0.
        budget: between n and n * d.

    Returns:
        indptr (n + 1,) int64 and columns (budget,) int64, ascending within a row.
    """
    n, d = scores.shape
    if not n <= budget <= n * d:
        raise SparserecError(
            f"a budget of {budget:,} does not fit {n:,} rows of {d} columns: at least one, at most all"
        )
    raised = np.array(scores, dtype=np.float32)
    raised[np.arange(n), raised.argmax(axis=1)] = np.inf
    mask = np.zeros(n * d, dtype=bool)
    mask[smallest_indices(-raised.reshape(-1), budget)] = True
    rows, columns = np.nonzero(mask.reshape(n, d))
    return pointers(np.bincount(rows, minlength=n)), columns


def smallest_indices(values: np.ndarray, count: int) -> np.ndarray:
    """Indices of the `count` smallest values (m,), ascending; among equal values the lowest indices."""
    if count <= 0:
        return np.zeros(0, dtype=np.int64)
    if count >= len(values):
        return np.arange(len(values))
    bound = np.partition(values, count - 1)[count - 1]
    chosen = values < bound
    chosen[np.flatnonzero(values == bound)[: count - np.count_nonzero(chosen)]] = True
    return np.flatnonzero(chosen)


def droppable(indptr: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Which active parameters may be dropped: all but the first largest of each row; (nnz,) bool."""
    may = np.ones(len(scores), dtype=bool)
    for first in range(0, len(indptr) - 1, ROWS):
        bounds = indptr[first : first + ROWS + 1]
        part = scores[bounds[0] : bounds[-1]]
        best = np.maximum.reduceat(part, bounds[:-1] - bounds[0])
        is_best = np.flatnonzero(part == np.repeat(best, np.diff(bounds))) + bounds[0]
        row = np.searchsorted(bounds, is_best, side="right") - 1
        may[is_best[np.flatnonzero(np.diff(row, prepend=-1))]] = False
    return may


def smallest_droppable(indptrs: Sequence[np.ndarray], scores: Iterable[np.ndarray], count: int) -> list[np.ndarray]:
    """Mark the `count` droppable parameters with the smallest scores over several tables.

    Args:
        indptrs: row pointers of each table.
        scores: (nnz,) float32 of each table, finite; taken one at a time, and written over.
        count: how many to drop; fewer are marked when fewer may be dropped.

    Returns:
        a (nnz,) bool array for each table, True where to drop.
    """
    lengths = [int(indptr[-1]) for indptr in indptrs]

    def candidates() -> Iterator[np.ndarray]:
        for indptr, part in zip(indptrs, scores, strict=True):
            np.copyto(part, np.inf, where=~droppable(indptr, part))
            yield part

    drop = np.zeros(sum(lengths), dtype=bool)
    drop[_smallest(candidates(), count, np.inf)] = True
    return np.split(drop, np.cumsum(lengths)[:-1])


def _smallest(parts: Iterable[np.ndarray], count: int, below: float, sign: int = 1) -> np.ndarray:
    """Indices, ascending, of the `count` smallest values over several arrays laid end to end.

    Of the size of `count`, not of the arrays, are the temporaries: they are looked at a block at a time.

    Args:
        parts: arrays (m,), taken one at a time.
        count: how many; fewer are found when fewer are eligible.
        below: only values under this are eligible.
        sign: -1 looks at the negatives of the values, for the largest ones.
    """
    room = count + max(count // 4, CELLS)
    best, where = np.empty(room + CELLS, dtype=np.float32), np.empty(room + CELLS, dtype=np.int64)
    filled, start = 0, 0
    for part in parts:
        for first in range(0, len(part), CELLS):
            block = sign * part[first : first + CELLS]
            # Strictly below: on a tie with the last one kept, the lower index is in already.
            near = np.flatnonzero(block < below)
            best[filled : filled + len(near)] = block[near]
            where[filled : filled + len(near)] = near + (start + first)
            filled += len(near)
            if filled > room:
                survivors = smallest_indices(best[:filled], count)
                filled = len(survivors)
                best[:filled], where[:filled] = best[survivors], where[survivors]
                below = best[:filled].max(initial=-np.inf)
        start += len(part)
    return where[smallest_indices(best[:filled], count)]


def largest_of_blocks(blocks: Iterable[np.ndarray], count: int) -> np.ndarray:
    """Indices, ascending, of the `count` largest values over arrays laid end to end, taken one at a time.

    Args:
        blocks: arrays (m,) float32; infinity may be among the values.
        count: how many, at most all there are.
    """
    return _smallest(blocks, count, np.inf, sign=-1)


def forget_active(scores: np.ndarray, rows: np.ndarray, indptr: np.ndarray, columns: np.ndarray) -> None:
    """Write -1 into the grow scores (S, dim) of the rows (S,) at their active coordinates: those can't be grown."""
    for first in range(0, len(rows), ROWS):
        part = rows[first : first + ROWS]
        length = indptr[part + 1] - indptr[part]
        position = np.repeat(np.arange(len(part)), length)
        slot = np.repeat(indptr[part] - (np.cumsum(length) - length), length) + np.arange(len(position))
        scores[first + position, columns[slot].astype(np.int64)] = -1


def largest_growable(scores: Sequence[np.ndarray], count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The `count` coordinates with the largest positive scores over several tables.

    Args:
        scores: (S, dim) of each table; coordinates that can't be grown have a score <= 0.
        count: how many to grow; fewer are found when fewer scores are positive.

    Returns:
        for each table the positions among its rows, (K,) int64, and the columns, (K,) int32, sorted by position, then
        column.
    """
    chosen = _smallest((part.reshape(-1) for part in scores), count, 0.0, sign=-1)
    growth, start = [], 0
    for part in scores:
        cells = chosen[(chosen >= start) & (chosen < start + part.size)] - start
        columns = (cells % part.shape[1]).astype(np.int32)
        cells //= part.shape[1]
        growth.append((cells, columns))
        start += part.size
    return growth


@dataclass(frozen=True)
class Growth:
    """Inactive coordinates of one table that are to grow, or may.

    Attributes:
        rows: (K,) int64.
        columns: (K,) int32.
        scores: (K,) float32, > 0; what is to grow for certain needs none.
    """

    rows: np.ndarray
    columns: np.ndarray
    scores: np.ndarray

    def ordered(self) -> Growth:
        """The same by row, then column."""
        order = np.lexsort((self.columns, self.rows))
        return Growth(self.rows[order], self.columns[order], self.scores[order])


def best_growth(known: Sequence[Growth], more: Sequence[Growth], count: int) -> list[Growth]:
    """The `count` coordinates with the largest scores of two choices over several tables, none in both.

    Args:
        known: a choice, for each table.
        more: another.
        count: how many are left at most.

    Returns:
        for each table what is left of both, those of the first before the others; among equal scores the first.
    """
    both = [Growth(*map(np.concatenate, _fields(a, b))) for a, b in zip(known, more, strict=True)]
    chosen = largest_of_blocks((part.scores for part in both), count)
    ends = np.cumsum([len(part.scores) for part in both])
    places = np.split(chosen, np.searchsorted(chosen, ends[:-1]))
    starts = [0, *ends[:-1]]
    return [
        Growth(part.rows[own - start], part.columns[own - start], part.scores[own - start])
        for part, own, start in zip(both, places, starts, strict=True)
    ]


def _fields(*parts: Growth) -> list[list[np.ndarray]]:
    """Their rows, their columns, their scores."""
    return [[part.rows for part in parts], [part.columns for part in parts], [part.scores for part in parts]]


def pointers(counts: np.ndarray) -> np.ndarray:
    """Row pointers (n + 1,) int64 from row lengths (n,)."""
    out = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=out[1:])
    return out
