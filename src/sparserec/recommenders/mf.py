"""Matrix factorisation: a score is the inner product, or the cosine, of a user row and an item row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sparserec.recommenders.base import BLOCK, Batch, Served, row_norms
from sparserec.tables import Table


class MF:
    """Matrix factorisation over a user table and an item table of the same width.

    Source: Koren, Bell and Volinsky, "Matrix factorization techniques for recommender systems", 2009. The cosine is the
    form that Mao et al., "SimpleX" (arXiv 2109.12613), found better with losses over many negatives.

    Args:
        users: (n_users, dim) table.
        items: (n_items, dim) table.
        bias: (n_items, 1) table of what is added to an item's score whoever asks; None for none.
        similarity: "cosine" or "dot".
    """

    def __init__(
        self,
        users: Table,
        items: Table,
        bias: Table | None = None,
        similarity: Literal["cosine", "dot"] = "dot",
    ):
        self.tables: Mapping[str, Table] = {"users": users, "items": items}
        if bias is not None:
            self.tables = {**self.tables, "bias": bias}
        self._similarity = similarity

    def scores(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Scores of the positives (B,) and of the negatives (B, K), differentiable."""
        users = self._direction(self.tables["users"].lookup(batch.users))
        count = len(batch.positives)
        rows = torch.cat([batch.positives, batch.negatives.reshape(-1)])
        items = self._direction(self.tables["items"].lookup(rows))
        positive, negative = items[:count], items[count:]
        own = (users * positive).sum(1)
        if batch.negatives.dim() == 1:
            others = users @ negative.T
        else:
            others = torch.einsum("bd,bkd->bk", users, negative.view(*batch.negatives.shape, -1))
        if "bias" not in self.tables:
            return own, others
        bias = self.tables["bias"].lookup(rows)[:, 0]
        shape = (1, -1) if batch.negatives.dim() == 1 else batch.negatives.shape
        return own + bias[:count], others + bias[count:].view(shape)

    def _direction(self, rows: Tensor) -> Tensor:
        return F.normalize(rows, dim=1, eps=1e-8) if self._similarity == "cosine" else rows

    def scorer(self) -> MFScorer:
        """The model as it is now, for full ranking."""
        return MFScorer(self.served())

    def served(self) -> Served:
        """The model as it is now; with the cosine, rows are to be scaled to unit length."""
        users, items = self.tables["users"], self.tables["items"]
        bias = self.tables["bias"].values.numpy() if "bias" in self.tables else None
        if self._similarity == "dot":
            return Served(items, users, item_bias=bias)
        return Served(items, users, 1 / row_norms(items), 1 / row_norms(users), bias)


class MFScorer:
    """Scores of all items for blocks of users: inner products of scaled rows, items made dense a block at a time."""

    def __init__(self, served: Served):
        self._served = served
        self.n_items = served.items.n_rows

    @torch.no_grad()
    def score(self, users: np.ndarray) -> np.ndarray:
        """Users (B,) int64 -> scores (B, n_items) float32."""
        assert self._served.users is not None
        rows = self._served.users.lookup(torch.from_numpy(np.asarray(users, dtype=np.int64)))
        if self._served.user_scale is not None:
            rows = rows * torch.from_numpy(self._served.user_scale[users])[:, None]
        out = torch.empty(len(rows), self.n_items)
        for first in range(0, self.n_items, BLOCK):
            block = torch.arange(first, min(first + BLOCK, self.n_items))
            items = self._served.items.lookup(block)
            if self._served.item_scale is not None:
                items = items * torch.from_numpy(self._served.item_scale[first : first + len(block)])[:, None]
            out[:, first : first + len(block)] = rows @ items.T
        if self._served.item_bias is not None:
            out += torch.from_numpy(self._served.item_bias)
        return out.numpy()
