"""Rows that are dense made sparse within a budget, a block of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from sparserec.errors import SparserecError
from sparserec.protocols import EmbeddingRows
from sparserec.sparsity.initial import varimax
from sparserec.sparsity.masks import CsrMask, largest_of_blocks, pointers

BLOCK = 4096
"""Rows that are dense at a time."""
SAMPLE = 16_384
"""Rows that the rotation is found on."""


@torch.no_grad()
def made_sparse(tables: Sequence[EmbeddingRows], budget: int, *, seed: int = 0) -> list[CsrMask]:
    """The largest |entries| of dense rows after a rotation that concentrates each on few columns.

    One varimax rotation for all tables leaves their inner products as they are; then every row keeps its largest
    entry, and the largest of all rows fill the budget. Beside the result, whose size is that of the budget, `SAMPLE`
    and `BLOCK` rows are dense at a time.

    Args:
        tables: of one width.
        budget: entries over all tables together, at least one a row.
        seed: of the rows that the rotation is found on.

    Returns:
        mask and values of each table.
    """
    counts, dim = [table.n_rows for table in tables], tables[0].dim
    if not sum(counts) <= budget <= sum(counts) * dim:
        raise SparserecError(f"a budget of {budget:,} does not fit {sum(counts):,} rows of {dim} columns")
    rotation = varimax(_sample(tables, seed))
    keys = (_raised(np.abs(block @ rotation)) for _, block in _blocks(tables))
    chosen = np.split(chosen := largest_of_blocks(keys, budget), np.searchsorted(chosen, np.cumsum(counts)[:-1] * dim))
    return [
        _mask(table, entries - first * dim, rotation)
        for table, entries, first in zip(tables, chosen, np.cumsum([0, *counts[:-1]]), strict=True)
    ]


def _sample(tables: Sequence[EmbeddingRows], seed: int) -> np.ndarray:
    """Rows of all tables in proportion to their number, (m, dim)."""
    generator, total = np.random.default_rng([seed, 8]), sum(table.n_rows for table in tables)
    parts = []
    for table in tables:
        count = min(table.n_rows, -(-SAMPLE * table.n_rows // total))
        rows = np.sort(generator.choice(table.n_rows, count, replace=False))
        parts.append(table.lookup(torch.from_numpy(rows)).numpy())
    return np.vstack(parts)


def _blocks(tables: Sequence[EmbeddingRows]) -> Iterator[tuple[int, np.ndarray]]:
    for table in tables:
        for first in range(0, table.n_rows, BLOCK):
            rows = torch.arange(first, min(first + BLOCK, table.n_rows))
            yield first, table.lookup(rows).numpy()


def _raised(scores: np.ndarray) -> np.ndarray:
    """Scores (m, dim) with the largest of each row above all others; flat."""
    scores[np.arange(len(scores)), scores.argmax(axis=1)] = np.inf
    return scores.reshape(-1)


def _mask(table: EmbeddingRows, chosen: np.ndarray, rotation: np.ndarray) -> CsrMask:
    """The entries number `chosen`, ascending, of a table's rotated rows."""
    rows, columns = chosen // table.dim, chosen % table.dim
    values = np.empty(len(chosen), dtype=np.float32)
    for first, block in _blocks([table]):
        span = slice(*np.searchsorted(rows, [first, first + len(block)]))
        values[span] = (block @ rotation)[rows[span] - first, columns[span]]
    return CsrMask(pointers(np.bincount(rows, minlength=table.n_rows)), columns, values)
