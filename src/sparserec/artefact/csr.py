"""A sparse table as arrays, and what sparse and dense ones have in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class TableData:
    """A sparse table in CSR.

    Attributes:
        indptr: (n + 1,) int64.
        columns: (nnz,) integers, strictly ascending within a row.
        values: (nnz,) float32.
        dim: number of columns.
    """

    indptr: np.ndarray
    columns: np.ndarray
    values: np.ndarray
    dim: int


Table = TableData | np.ndarray
"""A table to be written: a sparse one, or a dense one (n, dim) float32."""


def row_count(table: Table) -> int:
    """How many rows a table has."""
    return len(table) if isinstance(table, np.ndarray) else len(table.indptr) - 1


def column_count(table: Table) -> int:
    """How many columns a table has."""
    return table.shape[1] if isinstance(table, np.ndarray) else table.dim


def flat_values(table: Table) -> np.ndarray:
    """The values of a table, row by row, (nnz,) float32."""
    return np.asarray(table if isinstance(table, np.ndarray) else table.values, dtype=np.float32).reshape(-1)


def flat_columns(table: Table) -> np.ndarray:
    """The column of each of `flat_values`, (nnz,) integers."""
    if isinstance(table, np.ndarray):
        return np.tile(np.arange(table.shape[1]), len(table))
    return np.asarray(table.columns)
