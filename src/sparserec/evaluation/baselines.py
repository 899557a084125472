"""What needs no training."""

from __future__ import annotations

import numpy as np

from sparserec.protocols import Histories


class Popularity:
    """Ranks items by how many users took them; the same list for everybody.

    Args:
        interactions: the training interactions.
        n_items: size of the catalogue.
    """

    def __init__(self, interactions: Histories, n_items: int):
        self.n_items = n_items
        self._degrees = np.bincount(interactions.indices, minlength=n_items).astype(np.float32)

    def score(self, users: np.ndarray) -> np.ndarray:
        """Users (B,) int64 -> the degrees of all items, once for each user, (B, n_items) float32."""
        return np.tile(self._degrees, (len(users), 1))
