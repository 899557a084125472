"""The largest entries of each row of a matrix that never exists as a whole, and the mask that is chosen from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sparserec.errors import SparserecError
from sparserec.kernels import kernel
from sparserec.sparsity.masks import CsrMask, pointers

SLACK = 4
"""How many times its share of the budget a row may keep, since rows of long factors win more than their share."""


@dataclass(frozen=True)
class Entries:
    """Entries of the rows of a matrix (n, d), as many of each.

    Attributes:
        columns: (n, K) integers, ascending within a row.
        values: (n, K) float32.
        norms: (n,) float32, Euclidean, of the whole rows.
    """

    columns: np.ndarray
    values: np.ndarray
    norms: np.ndarray

    @classmethod
    def empty(cls, n_rows: int, kept: int, dim: int) -> Entries:
        """Room for `kept` entries of each row, of `dim` columns."""
        columns = np.empty((n_rows, kept), dtype=np.uint8 if dim <= 256 else np.uint16)
        return cls(columns, np.empty((n_rows, kept), np.float32), np.empty(n_rows, np.float32))

    def put(self, first: int, block: np.ndarray) -> None:
        """Take the entries of rows `first`, `first` + 1, ... from the whole rows `block` (b, d)."""
        rows, kept = slice(first, first + len(block)), self.columns.shape[1]
        chosen = np.argsort(-np.abs(block), axis=1, kind="stable")[:, :kept]
        chosen.sort(axis=1)
        self.columns[rows] = chosen
        self.values[rows] = np.take_along_axis(block, chosen, axis=1)
        self.norms[rows] = np.linalg.norm(block, axis=1)


def kept_in_a_row(budget: int, n_rows: int, dim: int) -> int:
    """How many entries of a row are enough to choose from: `SLACK` times its share of the budget, up to half a row.

    Of larger shares there is less to choose from, so less is kept beside them; a share of whole rows keeps all.
    """
    share = -(-budget // n_rows)
    if 2 * SLACK * share <= dim:
        return SLACK * share
    beyond = (share - dim / (2 * SLACK)) / (dim - dim / (2 * SLACK))
    return min(dim, max(share, math.ceil(dim / 2 * (1 + beyond))))


def masks_of_entries(
    parts: Sequence[Entries], budget: int, *, evenness: float = 0.0, per_table: bool = False
) -> list[CsrMask]:
    """The largest |entries| over several tables, every row keeping at least one, with their values.

    The same as `masks_of_factors` where rows keep all their entries. Beside the masks nothing of their size is made:
    the smallest entry that stays is found by counting the bits of scores.

    Args:
        parts: of each table.
        budget: active parameters over all tables together.
        evenness: entries compete after a division by their row's norm to this power.
        per_table: give each table its share of the budget by rows, instead of letting them compete.

    Raises:
        SparserecError: when there are more rows or fewer entries than the budget.
    """
    if per_table:
        rows = np.array([len(part.norms) for part in parts])
        shares = np.diff(np.floor(budget * np.cumsum(rows) / rows.sum()).astype(np.int64), prepend=0)
        return [
            masks_of_entries([part], int(share), evenness=evenness)[0]
            for part, share in zip(parts, shares, strict=True)
        ]
    n_rows, n_entries = sum(len(part.norms) for part in parts), sum(part.values.size for part in parts)
    if not n_rows <= budget <= n_entries:
        raise SparserecError(f"a budget of {budget:,} does not fit {n_rows:,} rows with {n_entries:,} entries")
    scales = [_scales(part, evenness) for part in parts]
    free = budget - n_rows
    high, above = _bound(parts, scales, free, None)
    low, between = _bound(parts, scales, free - above, high)
    bound, ties = np.uint32(high << 16 | low), free - above - between
    masks = []
    for part, scale in zip(parts, scales, strict=True):
        marks = np.zeros(part.values.shape, dtype=np.bool_)
        ties = _mark(part.values, scale, bound, ties, marks)
        masks.append(CsrMask(pointers(np.count_nonzero(marks, axis=1)), part.columns[marks], part.values[marks]))
    return masks


def _scales(part: Entries, evenness: float) -> np.ndarray:
    if not evenness:
        return np.ones_like(part.norms)
    return np.maximum(part.norms, np.float32(1e-12)) ** np.float32(evenness)


def _bound(parts: Sequence[Entries], scales: list[np.ndarray], count: int, high: int | None) -> tuple[int, int]:
    """The upper half of the bits of the `count`-th largest score; given that half, the lower; and how many lie above.

    The largest of each row takes no part.
    """
    counts = np.zeros(1 << 16, dtype=np.int64)
    for part, scale in zip(parts, scales, strict=True):
        _count(part.values, scale, -1 if high is None else high, counts)
    from_above = np.cumsum(counts[::-1])
    place = int(np.searchsorted(from_above, max(count, 1)))
    if place == len(counts):  # nothing but the largest of each row is there
        return len(counts) - 1, 0
    return len(counts) - 1 - place, int(from_above[place - 1]) if place else 0


@kernel()
def _best(values, row):
    """The first of the largest |entries| of a row."""
    best = 0
    for slot in range(1, values.shape[1]):
        if abs(values[row, slot]) > abs(values[row, best]):
            best = slot
    return best


@kernel()
def _count(values, scales, high, counts):
    """Count scores by the upper half of their bits, or by the lower where the upper is `high`; not the best of rows."""
    score = np.empty(1, np.float32)
    bits = score.view(np.uint32)
    for row in range(len(values)):
        best = _best(values, row)
        for slot in range(values.shape[1]):
            if slot != best:
                score[0] = abs(values[row, slot]) / scales[row]
                if high < 0:
                    counts[bits[0] >> 16] += 1
                elif bits[0] >> 16 == high:
                    counts[bits[0] & 0xFFFF] += 1


@kernel()
def _mark(values, scales, bound, ties, marks):
    """Mark the best of each row, scores above the bound and the first `ties` on it; how many ties are left."""
    score = np.empty(1, np.float32)
    bits = score.view(np.uint32)
    for row in range(len(values)):
        best = _best(values, row)
        for slot in range(values.shape[1]):
            score[0] = abs(values[row, slot]) / scales[row]
            if slot == best or bits[0] > bound:
                marks[row, slot] = True
            elif bits[0] == bound and ties > 0:
                marks[row, slot] = True
                ties -= 1
    return ties
