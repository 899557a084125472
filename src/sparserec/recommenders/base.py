"""What every recommender offers: a batch in, scores out; and how it is scored and served once trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from sparserec.protocols import EmbeddingRows, Histories, Scorer
from sparserec.section import NoSettings, Settings
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


@dataclass(frozen=True)
class Served:
    """What a device needs of a trained recommender.

    Attributes:
        items: the item table, or rows that are to be made one.
        users: the user table, or None for a recommender that works from histories.
        item_scale: (n_items,) float32, multiplied into the item rows before they are written; None for ones.
        user_scale: (n_users,) float32, likewise for the user rows.
        history_weights: (n_items,) float32 > 0, multiplied into the rows of a history before they are summed; None for
            ones.
        age_decay: one or two numbers in (0, 1], what an item of a history counts for each newer one: of its row, and of
            its item column where the last n_items columns are such; None where age does nothing.
        encoder: matrices (length + 5 * blocks * dim, dim) and vectors (6 * blocks + 2, dim), float32, of a transformer
            that makes users of histories, in the order of the file format; None where users are sums of rows.
    """

    items: EmbeddingRows
    users: EmbeddingRows | None = None
    item_scale: np.ndarray | None = None
    user_scale: np.ndarray | None = None
    history_weights: np.ndarray | None = None
    age_decay: tuple[float, ...] | None = None
    encoder: tuple[np.ndarray, np.ndarray] | None = None


class Recommender(Protocol):
    """A model over named tables. It knows nothing of masks, budgets, losses and files."""

    tables: Mapping[str, Table]

    def scores(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Scores of the positives (B,) and of the negatives (B, K), differentiable."""
        ...

    def scorer(self, history: Histories) -> Scorer:
        """The model as it is now, for full ranking of users with these histories."""
        ...

    def served(self) -> Served:
        """The model as it is now, for export."""
        ...


@runtime_checkable
class RanksCatalogue(Protocol):
    """What a loss over a teacher's lists needs of a recommender, besides its tables."""

    def catalogue_scores(self, users: Tensor) -> Tensor:
        """Users (B,) int64 -> scores (n_items, B) of the whole catalogue, differentiable."""
        ...


@runtime_checkable
class RanksByProducts(Protocol):
    """A recommender whose scores of the catalogue are products, so that a loss need not have all of them at once."""

    def catalogue(self, users: Tensor) -> tuple[Table, Tensor]:
        """Users (B,) int64 -> the table of items, and vectors (B, dim), differentiable."""
        ...


Drop = Callable[[Tensor], Tensor]
"""What sets a share of the numbers of a tensor to 0 in training."""


@runtime_checkable
class RanksNext(Protocol):
    """What a loss over what comes next needs of a recommender, besides its tables.

    Attributes:
        length: newest items of a sequence that it looks at.
        dropout: share of the numbers that training sets to 0 wherever it calls `drop`.
    """

    length: int
    dropout: float

    def next_scores(self, sequences: Tensor, negatives: Tensor, drop: Drop) -> tuple[Tensor, Tensor]:
        """Scores of what came next at every place of sequences, and of negatives there.

        Args:
            sequences: (B, T) int64, the newest item last, -1 before the oldest.
            negatives: (K,) int64 shared by all P places of `sequences.places(sequences)`, or (P, K).
            drop: applied wherever a network drops numbers in training.

        Returns:
            (P,) and (P, K), differentiable.
        """
        ...


Side = Literal["users", "items"]
ROWS: dict[str, Side] = {"users": "users", "items": "items"}
"""One table for users and one for items."""


def no_matrices(settings: Any, dim: int, generator: np.random.Generator) -> dict[str, np.ndarray]:
    """For recommenders that have nothing but their tables."""
    return {}


@dataclass(frozen=True)
class RecommenderKind:
    """How a recommender is put together, and what it can do.

    Attributes:
        make: the recommender over its tables, the training histories and its settings.
        tables: its embedding tables by name, and whose rows each holds. The budget spans them all.
        settings: the class of its settings.
        matrices: small dense matrices (rows, columns) by name at their initial values, of its settings, the columns of
            its tables and a generator, such as layers of a network; they become tables of the recommender beside the
            others, which every step updates and no explorer moves.
        needs_history: whether a trained model needs the training histories to score, as that of a graph does.
        exports: whether a file for devices can hold it; `served` is an error where not.
        next_item: whether it learns what comes next in a history, and not which items are in it (`RanksNext`).
        learns_lists: whether it can learn from a teacher's lists (`RanksCatalogue`).
        from_histories: whether users are sums of the rows of their histories, by weights that are its table "weights".
        encoder: of a recommender whose file has a transformer, its settings -> the newest items that it looks at, and
            its blocks.
        on_gpu: whether it can be trained on a CUDA device: all that it makes itself lies where its tables lie.
        summary: a few words, for the lists of kinds.
    """

    make: Callable[[Mapping[str, Table], Histories, Any], Recommender]
    tables: Mapping[str, Side]
    settings: type[Settings] = NoSettings
    matrices: Callable[[Any, int, np.random.Generator], dict[str, np.ndarray]] = no_matrices
    needs_history: bool = False
    exports: bool = True
    next_item: bool = False
    learns_lists: bool = False
    from_histories: bool = False
    encoder: Callable[[Any], tuple[int, int]] | None = None
    on_gpu: bool = False
    summary: str = ""


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
