"""What every recommender offers: a batch in, scores out; and how it is scored and served once trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from sparserec.tables import Table


@dataclass(frozen=True)
class Batch:
    """One training batch.

    Attributes:
        users: (B,) int64.
        positives: (B,) int64 items, `positives[b]` an interaction of `users[b]`.
        negatives: (K,) int64 items shared by the whole batch, or (B, K) when each user has their own.
    """

    users: Tensor
    positives: Tensor
    negatives: Tensor


class Rows(Protocol):
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


@dataclass(frozen=True)
class Served:
    """What a device needs of a trained recommender.

    Attributes:
        items: the item table, or rows that are to be made one.
        users: the user table, or None for a recommender that works from histories.
        item_scale: (n_items,) float32, multiplied into the item rows before they are written; None for ones.
        user_scale: (n_users,) float32, likewise for the user rows.
        history_weights: (n_items,) float32 > 0, multiplied into the rows of a history before they are summed.
    """

    items: Rows
    users: Rows | None = None
    item_scale: np.ndarray | None = None
    user_scale: np.ndarray | None = None
    history_weights: np.ndarray | None = None


class History(Protocol):
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
    """A trained recommender frozen for full ranking."""

    n_items: int

    def score(self, users: np.ndarray) -> np.ndarray:
        """Users (B,) int64 -> scores of all items (B, n_items) float32."""
        ...


class Recommender(Protocol):
    """A model over named tables. It knows nothing of masks, budgets, losses and files."""

    tables: Mapping[str, Table]

    def scores(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Scores of the positives (B,) and of the negatives (B, K), differentiable."""
        ...

    def scorer(self, history: History) -> Scorer:
        """The model as it is now, for full ranking of users with these histories."""
        ...

    def served(self) -> Served:
        """The model as it is now, for export."""
        ...


BLOCK = 8192
"""Rows of a table made dense at a time outside training: bounds the temporary at BLOCK x dim numbers."""


@torch.no_grad()
def row_norms(table: Table) -> np.ndarray:
    """Euclidean norm of every row, (n_rows,) float32, computed in blocks; at least 1e-12."""
    norms = np.empty(table.n_rows, dtype=np.float32)
    for first in range(0, table.n_rows, BLOCK):
        rows = torch.arange(first, min(first + BLOCK, table.n_rows), device=table.device)
        norms[first : first + len(rows)] = torch.linalg.vector_norm(table.lookup(rows), dim=1).cpu().numpy()
    return np.maximum(norms, 1e-12)
