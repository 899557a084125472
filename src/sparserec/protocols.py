"""What rooms ask of each other's objects, each said once: by shape, so that none has to know where they come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Histories(Protocol):
    """What users are known to have taken, in CSR; `sparserec.interactions.Interactions` is one."""

    @property
    def indptr(self) -> np.ndarray:
        """(n_users + 1,) int64."""
        ...

    @property
    def indices(self) -> np.ndarray:
        """(nnz,) integers, ascending within a user."""
        ...


class Scorer(Protocol):
    """A model frozen for full ranking."""

    n_items: int

    def score(self, users: np.ndarray) -> np.ndarray:
        """Users (B,) int64 -> scores of all items (B, n_items) float32, which the caller may write over."""
        ...


class EmbeddingRows(Protocol):
    """Rows that can be read; a table is one."""

    n_rows: int
    dim: int

    @property
    def device(self) -> torch.device:
        """Where the rows lie, and the numbers that ask for them."""
        ...

    def lookup(self, rows: Tensor) -> Tensor:
        """Rows (B,) int64 -> (B, dim) float32."""
        ...
