"""A sparse table as arrays."""

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
