"""Closed-form graph filters over the items: nothing is trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import scipy.sparse as sp

from sparserec.teachers.neighbourhood import Neighbourhood

IDEAL = 512
"""Singular vectors at most that the ideal part of a response counts once more."""


@dataclass(frozen=True)
class Response:
    """What a filter makes of the parts of a history, by the eigenvalue of the item-item graph that they have.

    With singular values s of the normalised interactions the eigenvalues are s^2, and x = s^2 / (the largest of them).

    A **power** response is s^(2 power) on the vectors that are known, plus `neighbours` times the graph, whole. Power 0
    without neighbours is the ideal low-pass filter, power 1 the truncated graph, a mixture GF-CF.

    A **plateau** rises from 0 at x = 0 to 1 at x = 1 and is flat around the middle: with `steepness` t it is
    1/2 - |1 - 2x|^t / 2 below x = 1/2 and 1/2 + |1 - 2x|^t / 2 beyond. Of the vectors that are not known it takes a
    line through 0 instead, `neighbours` times x: near 0 the plateau is one. So the whole spectrum counts, for one look
    at the graph.

    Source: Shen et al., "How powerful is graph convolution for recommendation?" (arXiv 2108.07567); the plateau and the
    exponent of the degrees are those of ChebyCF, "Graph spectral filtering with Chebyshev interpolation for
    recommendation", SIGIR 2025, which has a polynomial where this has known vectors and a line.

    Attributes:
        power: exponent of the eigenvalues, >= 0; without meaning for a plateau.
        neighbours: weight of the graph, >= 0.
        steepness: of a plateau, >= 1; 0 for a power response.
        ideal: what a plateau has more on the first `IDEAL` vectors, >= 0.
        exponent: of the interactions of an item, by which its column is divided before and multiplied after.
    """

    power: float = 0.0
    neighbours: float = 0.0
    steepness: float = 0.0
    ideal: float = 0.0
    exponent: float = 0.5

    def of_vectors(self, singular: np.ndarray) -> np.ndarray:
        """Weights (dim,) float32 of known vectors beside the graph, from their singular values (dim,), descending."""
        if not self.steepness:
            return np.float32(1) * singular ** np.float32(2 * self.power)
        level = singular.astype(np.float64) ** 2 / self._largest(singular)
        away = np.abs(1 - 2 * level) ** self.steepness / 2
        plateau = np.where(level <= 0.5, 0.5 - away, 0.5 + away)
        plateau[:IDEAL] += self.ideal
        return (plateau - self.neighbours * level).astype(np.float32)

    def of_graph(self, singular: np.ndarray) -> np.float32:
        """Weight of the graph itself."""
        return np.float32(self.neighbours / self._largest(singular) if self.steepness else self.neighbours)

    def _largest(self, singular: np.ndarray) -> float:
        return float(singular[0]) ** 2 if len(singular) else 1.0


class GraphFilter:
    """Scores from the normalised item-item graph.

    With r the history of a user, D the interactions of items to the power `exponent`, V and S the spectrum and R~ the
    normalised interactions, the scores are D (V diag(weights) V^T + weight R~^T R~) D^-1 r, with the weights of the
    response.

    Args:
        matrix: (n_users, n_items) normalised interactions, D_u^-1/2 R D_i^-1/2.
        singular: (dim,) float32 and
        items: (n_items, dim) float32, their spectrum.
        degrees: (n_items,) interactions of each item.
        response: what is made of the spectrum.
    """

    def __init__(
        self,
        matrix: sp.csr_array,
        singular: np.ndarray,
        items: np.ndarray,
        degrees: np.ndarray,
        response: Response = Response(),  # frozen
    ):
        self.response, self.rank, self.n_items = response, len(singular), len(degrees)
        counted = np.maximum(degrees, 1)
        root = np.sqrt(counted) if response.exponent == 0.5 else counted**response.exponent
        self._out = root.astype(np.float32)
        self._into = sp.diags_array(1 / self._out)
        self._items, self._weights = items, response.of_vectors(singular)
        self._graph_weight = response.of_graph(singular)
        self._graph = Neighbourhood(matrix)

    def score_histories(self, histories: sp.csr_array) -> np.ndarray:
        """Binary histories (B, n_items) -> scores of all items (B, n_items) float32."""
        known = self._scaled(histories)
        scores = ((known @ self._items) * self._weights) @ self._items.T
        if self._graph_weight:
            self._graph.add(known, self._graph_weight, scores)
        scores *= self._out
        return scores

    def _scaled(self, histories: sp.csr_array) -> sp.csr_array:
        return sp.csr_array(histories @ self._into, dtype=np.float32)

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

    The graph is looked at once for filters of one exponent. Of power responses of one power, a wider one adds its
    columns to the scores of the narrower.

    Args:
        filters: each of the first columns of the same matrix of item vectors, with the same interactions.
        histories: (B, n_items) binary.

    Yields:
        the place of a filter in `filters`, in no certain order, and its scores (B, n_items) float32, which may be
        changed. They differ from those of `score_histories` by no more than the order of a sum does.
    """

    def family(place: int) -> tuple[float, float, float, float]:
        response = filters[place].response
        if not response.steepness:
            return response.exponent, 0.0, response.power, 0.0
        return response.exponent, response.steepness, response.neighbours, response.ideal

    order = sorted(range(len(filters)), key=lambda place: (family(place), filters[place].rank))
    for _, same_exponent in groupby(order, key=lambda place: filters[place].response.exponent):
        group = list(same_exponent)
        widest = max((filters[place] for place in group), key=lambda one: one.rank)
        known = widest._scaled(histories)
        inside, graph = known @ widest._items, None
        if any(filters[place]._graph_weight for place in group):
            graph = np.zeros((inside.shape[0], widest.n_items), dtype=np.float32)
            widest._graph.add(known, np.float32(1), graph)
        for _, places in groupby(group, key=family):
            low_pass, done = np.zeros((inside.shape[0], widest.n_items), dtype=np.float32), 0
            for place in places:
                one = filters[place]
                if one.rank > done:
                    part = slice(done, one.rank)
                    low_pass += (inside[:, part] * one._weights[part]) @ one._items[:, part].T
                    done = one.rank
                scores = low_pass.copy() if graph is None else low_pass + one._graph_weight * graph
                scores *= one._out
                yield place, scores
