"""FISM: a user is the weighted sum of the item rows of their history, so nobody needs a row of their own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from sparserec.protocols import Histories
from sparserec.recommenders.base import Batch, RecommenderKind, Served
from sparserec.recommenders.histories import Ordered, rows_of
from sparserec.spans import fading
from sparserec.tables import Table
from sparserec.tables.ops import large


class FISM:
    """Factored item similarity model: score(u, j) = <sum over the history of w_i * y_i, y_j>.

    One table serves both sides. The weights w are learned as their logarithms. An output factor for each item, the
    other half of the published form, is part of the row y_j here: w_i takes it back on the side of the history.

    Where order counts, an item of age a, which so many of the history are newer than, counts decay^a times its weight.
    A table may then have item columns, the last n_items ones: item i of a history adds decay^a, with a decay of their
    own, to column i of the user's vector, and no more than its other columns by its row. A table of nothing else is a
    sparse item-item model.

    Source: Kabbur, Ning and Karypis, "FISM: factored item similarity models for top-N recommender systems", 2013.

    Args:
        items: (n_items, dim) table.
        weights: (n_items, 1) table of the logarithms of the history weights; None for a table of item columns alone.
        history: what each user is known to have taken while the model is trained.
        ages: (1, 1) or (2, 1) table of decays in (0, 1], which is not trained: that of rows, and that of item columns
            where the table has them; None where order does not count. With one below 1, histories need timestamps.
    """

    def __init__(self, items: Table, weights: Table | None, history: Histories, ages: Table | None = None):
        self.tables: Mapping[str, Table] = {"items": items} if weights is None else {"items": items, "weights": weights}
        self.age_decay: tuple[float, ...] | None = None
        self._rows = items.dim
        if ages is not None:
            self.tables = {**self.tables, "ages": ages}
            self.age_decay = tuple(ages.values.tolist())
            self._rows -= items.n_rows * (len(self.age_decay) > 1)
        self._history = self.in_order(history)
        self._every = torch.arange(items.n_rows)

    def in_order(self, history: Histories) -> Histories:
        """Histories as the model reads them: oldest first where order counts."""
        return history if self.age_decay is None or min(self.age_decay) == 1 else Ordered.of(history)

    def scores(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Scores of the positives (B,) and of the negatives (B, K), the positive taken out of the history."""
        items = self.tables["items"]
        positives = items.lookup(batch.positives)
        users = self._without(batch.users.numpy(), batch.positives.numpy())
        if batch.negatives.dim() == 1:
            negative = items.product(batch.negatives, users).T
        else:
            rows = items.lookup(batch.negatives.reshape(-1)).view(*batch.negatives.shape, -1)
            negative = torch.einsum("bd,bkd->bk", users, rows)
        return (users * positives).sum(1), negative

    def users(self, users: Tensor) -> Tensor:
        """Vectors (B, dim) of users (B,) from their training histories, differentiable."""
        return self.pool(*rows_of(self._history, users.numpy()))

    def catalogue(self, users: Tensor) -> tuple[Table, Tensor]:
        """The table of items, and vectors (B, dim) of users (B,), whose products are the scores of all items."""
        return self.tables["items"], self.users(users)

    def catalogue_scores(self, users: Tensor) -> Tensor:
        """Scores (n_items, B) of the whole catalogue for users (B,), differentiable; the work is B x nnz."""
        return self.tables["items"].product(self._every, self.users(users))

    def pool(self, offsets: np.ndarray, rows: np.ndarray) -> Tensor:
        """Vectors (B, dim) of histories one after the other, as `rows_of` has them, differentiable."""
        entries, bounds = torch.from_numpy(rows), torch.from_numpy(offsets)
        if not self._rows:  # of item columns alone
            return self._item_columns(offsets, rows)
        weights = self.tables["weights"].lookup(entries).squeeze(1).exp()
        if self.age_decay is not None:
            weights = weights * torch.from_numpy(fading(offsets, self.age_decay[0]))
        pooled = self.tables["items"].pool(entries, bounds, weights)
        if self._rows == self.tables["items"].dim:
            return pooled
        return torch.cat([pooled[:, : self._rows], self._item_columns(offsets, rows)], dim=1)

    def _item_columns(self, offsets: np.ndarray, rows: np.ndarray) -> Tensor:
        assert self.age_decay is not None
        vectors = np.zeros((len(offsets) - 1, self.tables["items"].n_rows), dtype=np.float32)
        who = np.repeat(np.arange(len(vectors)), np.diff(offsets))
        vectors[who, rows] = fading(offsets, self.age_decay[-1])
        return torch.from_numpy(vectors)

    def _without(self, users: np.ndarray, positives: np.ndarray) -> Tensor:
        """Vectors (B, dim) of users from what is left of their histories without an item each."""
        offsets, rows = rows_of(self._history, users)
        other = rows != np.repeat(positives, np.diff(offsets))
        counts = np.concatenate(([0], np.cumsum(other)))[offsets]
        return self.pool(counts, rows[other])

    def scorer(self, history: Histories) -> FISMScorer:
        """The model as it is now, for full ranking of users with these histories."""
        return FISMScorer(self, self.in_order(history))

    def served(self) -> Served:
        """The model as it is now."""
        weights = self.tables["weights"].values.detach().exp().numpy() if self._rows else None
        return Served(self.tables["items"], history_weights=weights, age_decay=self.age_decay)


class FISMScorer:
    """Scores of all items for blocks of users, from their histories."""

    def __init__(self, model: FISM, history: Histories):
        self._model, self._history = model, history
        self.n_items = model.tables["items"].n_rows

    @torch.no_grad()
    def score(self, users: np.ndarray) -> np.ndarray:
        """Users (B,) int64 -> scores (B, n_items) float32."""
        vectors = self._model.pool(*rows_of(self._history, np.asarray(users)))
        every = torch.arange(self.n_items)
        scores = large(len(vectors), self.n_items)
        return scores.copy_(self._model.tables["items"].product(every, vectors).T).numpy()


KIND = RecommenderKind(
    make=lambda tables, history, settings: FISM(tables["items"], tables.get("weights"), history, tables.get("ages")),
    tables={"items": "items"},
    learns_lists=True,
    from_histories=True,
    summary="inner product of an item's row with the weighted sum of the rows of a history",
)
