"""What the explorers need of a table, and nothing more."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor


class Revisable(Protocol):
    """A table whose active parameters can be watched, dropped and grown; `sparserec.tables.SparseTable` is one."""

    n_rows: int
    dim: int

    @property
    def nnz(self) -> int:
        """Number of active parameters."""
        ...

    @property
    def device(self) -> torch.device:
        """Where the table and the gradients of watched rows lie."""
        ...

    def structure(self) -> tuple[np.ndarray, np.ndarray]:
        """Row pointers (n_rows + 1,) int64 and columns (nnz,), ascending within a row."""
        ...

    def magnitudes(self) -> np.ndarray:
        """|w| of the active parameters, (nnz,) float32; an array of its own, which the caller may write over."""
        ...

    def watch(self, rows: np.ndarray) -> None:
        """Ask for full gradients of these rows, (S,) int64 ascending and distinct; an empty array for none."""
        ...

    def watched_gradients(self) -> tuple[Tensor, Tensor]:
        """After backward: positions (W,) into the watched rows, ascending, and their gradients (W, dim) float32."""
        ...

    def revise(self, keep: np.ndarray, grow_rows: np.ndarray, grow_columns: np.ndarray) -> None:
        """Drop where `keep` (nnz,) is False and grow the coordinates, sorted by row, then column, at value 0."""
        ...
