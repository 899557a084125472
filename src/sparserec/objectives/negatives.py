"""Negative items: which the positives of a batch are compared with. Never an interaction of that user."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numba import prange

from sparserec.errors import SparserecError
from sparserec.kernels import kernel


class NegativeSampler:
    """Draws negatives, uniformly or by popularity.

    With `shared`, one set of distinct items serves the whole batch, and `allowed` marks, user by user, those that are
    interactions of theirs. Without, each user gets items of their own, redrawn until they are no interaction.

    Args:
        indptr: (n_users + 1,) int64 and
        indices: (nnz,) int32, the training interactions, items ascending within a user.
        n_items: size of the catalogue.
        count: negatives a batch (shared) or a user (own), at least 1.
        kind: "uniform", or "popularity": proportional to degree ** `power`.
        shared: one set a batch, or a set a user.
        power: exponent of the degree for "popularity".
    """

    def __init__(
        self,
        indptr: np.ndarray,
        indices: np.ndarray,
        n_items: int,
        *,
        count: int,
        kind: Literal["uniform", "popularity"] = "uniform",
        shared: bool = True,
        power: float = 0.75,
    ):
        if count < 1:
            raise SparserecError(f"n_negatives must be at least 1, not {count}")
        self._indptr, self._indices, self._n_items = indptr, indices, n_items
        self._count, self._shared = count, shared
        self._position = np.full(n_items, -1, dtype=np.int32)
        self._cumulative: np.ndarray | None = None
        if kind == "popularity":
            weight = np.bincount(indices, minlength=n_items).astype(np.float64) ** power
            self._cumulative = np.cumsum(weight) / weight.sum()

    def draw(self, users: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Negatives for a batch.

        Args:
            users: (B,) int64.
            generator: the source of randomness.

        Returns:
            items, (K,) int64 ascending and distinct when shared (K may be below `count`, since repeats are folded) or
            (B, count) int64, and `allowed` (B, K) bool.
        """
        if not self._shared:
            return self._draw_each(users, generator)
        items = np.unique(self._items(generator, self._count))
        self._position[items] = np.arange(len(items), dtype=np.int32)
        allowed = np.ones((len(users), len(items)), dtype=np.bool_)
        _forbid(users, self._indptr, self._indices, self._position, allowed)
        self._position[items] = -1
        return items, allowed

    def log_chances(self, items: np.ndarray) -> np.ndarray:
        """The logarithm of the chance that a shared draw has each of items (K,), (K,) float32.

        Of `count` draws with repeats folded, an item of probability q is in the set with a chance of 1 - (1 - q)^count.
        """
        if self._cumulative is None:
            each = np.full(len(items), 1 / self._n_items)
        else:
            each = self._cumulative[items] - np.where(items > 0, self._cumulative[items - 1], 0)
        each = np.clip(each, 1e-12, 1 - 1e-12)
        return np.log(-np.expm1(self._count * np.log1p(-each))).astype(np.float32)

    def _draw_each(self, users: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        items = self._items(generator, len(users) * self._count).reshape(len(users), self._count)
        for _ in range(20):
            taken = is_interaction(users, items, self._indptr, self._indices)
            if not taken.any():
                break
            items[taken] = self._items(generator, int(taken.sum()))
        return items, ~is_interaction(users, items, self._indptr, self._indices)

    def _items(self, generator: np.random.Generator, size: int) -> np.ndarray:
        if self._cumulative is None:
            return generator.integers(0, self._n_items, size)
        drawn = np.searchsorted(self._cumulative, generator.random(size), side="right")
        return np.minimum(drawn, self._n_items - 1).astype(np.int64)


@kernel(parallel=True)
def _forbid(users, indptr, indices, position, allowed):
    for b in prange(len(users)):
        for j in range(indptr[users[b]], indptr[users[b] + 1]):
            k = position[indices[j]]
            if k >= 0:
                allowed[b, k] = False


@kernel()
def is_interaction(users, items, indptr, indices):
    """Whether (users[b], items[b, k]) is a training interaction; (B, K) bool, by binary search."""
    matches = np.zeros(items.shape, dtype=np.bool_)
    for b in range(len(users)):
        low, high = indptr[users[b]], indptr[users[b] + 1]
        row = indices[low:high]
        for k in range(items.shape[1]):
            at = np.searchsorted(row, items[b, k])
            matches[b, k] = at < len(row) and row[at] == items[b, k]
    return matches
