"""Scores that are inner products of rows: the scorer of every recommender whose users and items have rows."""

from __future__ import annotations

import numpy as np
import torch

from sparserec.recommenders.base import BLOCK, Served


class ProductScorer:
    """Scores of all items for blocks of users: inner products of scaled rows, items made dense a block at a time.

    Args:
        served: with a user table.
    """

    def __init__(self, served: Served):
        self._served = served
        self.n_items = served.items.n_rows

    @torch.no_grad()
    def score(self, users: np.ndarray) -> np.ndarray:
        """Users (B,) int64 -> scores (B, n_items) float32."""
        assert self._served.users is not None
        device = self._served.users.device
        rows = self._served.users.lookup(torch.from_numpy(np.asarray(users, dtype=np.int64)).to(device))
        if self._served.user_scale is not None:
            rows = rows * torch.from_numpy(self._served.user_scale[users]).to(device)[:, None]
        out = torch.empty(len(rows), self.n_items, device=device)
        for first in range(0, self.n_items, BLOCK):
            block = torch.arange(first, min(first + BLOCK, self.n_items), device=device)
            items = self._served.items.lookup(block)
            if self._served.item_scale is not None:
                scale = torch.from_numpy(self._served.item_scale[first : first + len(block)])
                items = items * scale.to(device)[:, None]
            out[:, first : first + len(block)] = rows @ items.T
        return out.cpu().numpy()
