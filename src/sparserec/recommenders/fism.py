"""FISM: a user is the weighted sum of the item rows of their history, so nobody needs a row of their own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from sparserec.protocols import Histories
from sparserec.recommenders.base import Batch, RecommenderKind, Served
from sparserec.recommenders.histories import rows_of
from sparserec.tables import Table
from sparserec.tables.ops import large


class FISM:
    """Factored item similarity model: score(u, j) = <sum over the history of w_i * y_i, y_j>.

    One table serves both sides. The weights w are learned as their logarithms. An output factor for each item, the
    other half of the published form, is part of the row y_j here: w_i takes it back on the side of the history.

    Source: Kabbur, Ning and Karypis, "FISM: factored item similarity models for top-N recommender systems", 2013.

    Args:
        items: (n_items, dim) table.
        weights: (n_items, 1) table of the logarithms of the history weights.
        history: what each user is known to have taken while the model is trained.
    """

    def __init__(self, items: Table, weights: Table, history: Histories):
        self.tables: Mapping[str, Table] = {"items": items, "weights": weights}
        self._history = history
        self._every = torch.arange(items.n_rows)

    def scores(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Scores of the positives (B,) and of the negatives (B, K), the positive taken out of the history."""
        items, weights = self.tables["items"], self.tables["weights"]
        positives = items.lookup(batch.positives)
        taken = torch.from_numpy(_taken(self._history, batch.users.numpy(), batch.positives.numpy()))
        share = weights.lookup(batch.positives).exp() * taken[:, None]
        users = self.users(batch.users) - share * positives
        if batch.negatives.dim() == 1:
            negative = items.product(batch.negatives, users).T
        else:
            rows = items.lookup(batch.negatives.reshape(-1)).view(*batch.negatives.shape, -1)
            negative = torch.einsum("bd,bkd->bk", users, rows)
        return (users * positives).sum(1), negative

    def users(self, users: Tensor) -> Tensor:
        """Vectors (B, dim) of users (B,) from their training histories, differentiable."""
        return self._pool(*rows_of(self._history, users.numpy()))

    def catalogue_scores(self, users: Tensor) -> Tensor:
        """Scores (n_items, B) of the whole catalogue for users (B,), differentiable; the work is B x nnz."""
        return self.tables["items"].product(self._every, self.users(users))

    def _pool(self, offsets: np.ndarray, rows: np.ndarray) -> Tensor:
        entries = torch.from_numpy(rows)
        weights = self.tables["weights"].lookup(entries).squeeze(1).exp()
        return self.tables["items"].pool(entries, torch.from_numpy(offsets), weights)

    def scorer(self, history: Histories) -> FISMScorer:
        """The model as it is now, for full ranking of users with these histories."""
        return FISMScorer(self, history)

    def served(self) -> Served:
        """The model as it is now."""
        weights = self.tables["weights"].values.detach().exp().numpy()
        return Served(self.tables["items"], history_weights=weights)


class FISMScorer:
    """Scores of all items for blocks of users, from their histories."""

    def __init__(self, model: FISM, history: Histories):
        self._model, self._history = model, history
        self.n_items = model.tables["items"].n_rows

    @torch.no_grad()
    def score(self, users: np.ndarray) -> np.ndarray:
        """Users (B,) int64 -> scores (B, n_items) float32."""
        vectors = self._model._pool(*rows_of(self._history, np.asarray(users)))
        every = torch.arange(self.n_items)
        scores = large(len(vectors), self.n_items)
        return scores.copy_(self._model.tables["items"].product(every, vectors).T).numpy()


def _taken(history: Histories, users: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Whether each item (B,) is in the history of the user (B,) beside it, as float32 ones and zeros."""
    offsets, rows = rows_of(history, users)
    hits = (rows == np.repeat(items, np.diff(offsets))).astype(np.float32)
    return np.add.reduceat(np.append(hits, 0), offsets[:-1]).astype(np.float32) * (np.diff(offsets) > 0)


KIND = RecommenderKind(
    make=lambda tables, history, settings: FISM(tables["items"], tables["weights"], history),
    tables={"items": "items"},
    learns_lists=True,
    from_histories=True,
    summary="inner product of an item's row with the weighted sum of the rows of a history",
)
