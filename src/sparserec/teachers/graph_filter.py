"""Closed-form graph filters over the items: nothing is trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

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
        known = self._scaled(histories)
        scores = ((known @ self._items) * self._spread) @ self._items.T
        if self.neighbours:
            for first, part in self._graph(known):
                scores[first : first + len(part)] += self.neighbours * part
        scores *= self._root
        return scores

    def _scaled(self, histories: sp.csr_array) -> sp.csr_array:
        return sp.csr_array(histories @ self._into, dtype=np.float32)

    def _graph(self, known: sp.csr_array) -> Iterator[tuple[int, np.ndarray]]:
        """What the graph itself says about scaled histories, `BLOCK` of them at a time: the first one, scores."""
        alike = known @ self._matrix.T
        for first in range(0, alike.shape[0], BLOCK):
            yield first, (alike[first : first + BLOCK] @ self._matrix).toarray()

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


def scores_of_all(filters: Sequence[GraphFilter], histories: sp.csr_array) -> Iterator[tuple[int, np.ndarray]]:
    """Scores of several filters of one spectrum, for far less work than one after the other takes.

    Of filters of one power, a wider one adds its columns to the scores of the narrower; the graph is looked at once.

    Args:
        filters: each of the first columns of the same matrix of item vectors, with the same interactions.
        histories: (B, n_items) binary.

    Yields:
        the place of a filter in `filters`, in no certain order, and its scores (B, n_items) float32, which may be
        changed. They differ from those of `score_histories` by no more than the order of a sum does.
    """
    widest = max(filters, key=lambda one: one.rank)
    known = widest._scaled(histories)
    inside, graph = known @ widest._items, None
    if any(one.neighbours for one in filters):
        graph = np.concatenate([part for _, part in widest._graph(known)])
    order = sorted(range(len(filters)), key=lambda place: (filters[place].power, filters[place].rank))
    for _, places in groupby(order, key=lambda place: filters[place].power):
        low_pass, done = np.zeros((inside.shape[0], widest.n_items), dtype=np.float32), 0
        for place in places:
            one = filters[place]
            if one.rank > done:
                part = slice(done, one.rank)
                low_pass += (inside[:, part] * one._spread[part]) @ one._items[:, part].T
                done = one.rank
            scores = low_pass.copy() if graph is None else low_pass + np.float32(one.neighbours) * graph
            scores *= one._root
            yield place, scores
