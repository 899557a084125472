"""Closed-form graph filters over the items: nothing is trained."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

BLOCK = 512
"""Users whose neighbourhood is summed at a time: its sparse product can fill up."""


class GraphFilter:
    """Scores from the normalised item-item graph: a low-pass part of rank `dim`, and a share of the graph itself.

    With r the normalised history of a user, V and S the spectrum and R~ the normalised interactions, the scores are
    D^1/2 (V S^(2 power) V^T + neighbours R~^T R~) r. Power 0 without neighbours is the ideal low-pass filter, power 1
    the truncated graph; a mixture of the low-pass filter and the graph is GF-CF.

    Source: Shen et al., "How powerful is graph convolution for recommendation?" (arXiv 2108.07567).

    Args:
        matrix: (n_users, n_items) normalised interactions, D_u^-1/2 R D_i^-1/2.
        singular: (dim,) float32 and
        items: (n_items, dim) float32, their spectrum.
        degrees: (n_items,) interactions of each item.
        power: exponent of the singular values, >= 0.
        neighbours: weight of the graph itself, >= 0; it is what a long-tailed catalogue needs beyond any rank.
    """

    def __init__(
        self,
        matrix: sp.csr_array,
        singular: np.ndarray,
        items: np.ndarray,
        degrees: np.ndarray,
        *,
        power: float = 0.0,
        neighbours: float = 0.0,
    ):
        root = np.sqrt(np.maximum(degrees, 1)).astype(np.float32)
        self.n_items = len(root)
        self.power, self.rank, self.neighbours = power, len(singular), neighbours
        self._into = sp.diags_array(1 / root)
        self._items, self._spread = items, np.float32(1) * singular ** np.float32(2 * power)
        self._matrix, self._root = matrix, root

    def score_histories(self, histories: sp.csr_array) -> np.ndarray:
        """Binary histories (B, n_items) -> scores of all items (B, n_items) float32."""
        known = sp.csr_array(histories @ self._into, dtype=np.float32)
        scores = ((known @ self._items) * self._spread) @ self._items.T
        if self.neighbours:
            alike = known @ self._matrix.T
            for first in range(0, len(scores), BLOCK):
                part = alike[first : first + BLOCK] @ self._matrix
                scores[first : first + BLOCK] += self.neighbours * part.toarray()
        scores *= self._root
        return scores

    def scorer(self, history: sp.csr_array) -> FilterScorer:
        """The filter for full ranking of users with these histories (n_users, n_items)."""
        return FilterScorer(self, history)


class FilterScorer:
    """A filter and the histories of users: scores by user."""

    def __init__(self, teacher: GraphFilter, history: sp.csr_array):
        self._teacher, self._history = teacher, history
        self.n_items = teacher.n_items

    def score(self, users: np.ndarray) -> np.ndarray:
        """Users (B,) int64 -> scores (B, n_items) float32."""
        return self._teacher.score_histories(self._history[users])
