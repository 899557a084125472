"""Matrix factorisation: a score is the inner product, or the cosine, of a user row and an item row."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from sparserec.protocols import Histories
from sparserec.recommenders.base import ROWS, Batch, RecommenderKind, Served, row_norms
from sparserec.recommenders.product import ProductScorer
from sparserec.recommenders.settings import ProductSettings, Similarity
from sparserec.tables import Table


class MF:
    """Matrix factorisation over a user table and an item table of the same width.

    Source: Koren, Bell and Volinsky, "Matrix factorization techniques for recommender systems", 2009. The cosine is the
    form that Mao et al., "SimpleX" (arXiv 2109.12613), found better with losses over many negatives.

    Args:
        users: (n_users, dim) table.
        items: (n_items, dim) table.
        similarity: "cosine" or "dot".
    """

    def __init__(self, users: Table, items: Table, similarity: Similarity = "cosine"):
        self.tables: Mapping[str, Table] = {"users": users, "items": items}
        self._similarity = similarity

    def scores(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Scores of the positives (B,) and of the negatives (B, K), differentiable."""
        users, count = self.tables["users"].lookup(batch.users), len(batch.positives)
        rows = torch.cat([batch.positives, batch.negatives.reshape(-1)])
        items = self._direction(self.tables["items"].lookup(rows))
        positive, negative = items[:count], items[count:]
        if batch.negatives.dim() == 1:
            others = self.tables["users"].product(batch.users, negative)
            if self._similarity == "cosine":
                others = others / torch.linalg.vector_norm(users, dim=1, keepdim=True).clamp(min=1e-8)
        else:
            rows_of_users = negative.view(*batch.negatives.shape, -1)
            others = torch.einsum("bd,bkd->bk", self._direction(users), rows_of_users)
        return (self._direction(users) * positive).sum(1), others

    def _direction(self, rows: Tensor) -> Tensor:
        return F.normalize(rows, dim=1, eps=1e-8) if self._similarity == "cosine" else rows

    def scorer(self, history: Histories) -> ProductScorer:
        """The model as it is now, for full ranking; users have rows of their own, whatever their histories."""
        return ProductScorer(self.served())

    def served(self) -> Served:
        """The model as it is now; with the cosine, rows are to be scaled to unit length."""
        users, items = self.tables["users"], self.tables["items"]
        if self._similarity == "dot":
            return Served(items, users)
        return Served(items, users, 1 / row_norms(items), 1 / row_norms(users))


KIND = RecommenderKind(
    make=lambda tables, history, settings: MF(tables["users"], tables["items"], settings.similarity),
    tables=ROWS,
    settings=ProductSettings,
    on_gpu=True,
    summary="inner product or cosine of a user's and an item's row",
)
