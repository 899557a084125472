"""Several teachers as one: an average on a scale that they share for each user."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp

from sparserec.evaluation import mask_history, top_k
from sparserec.protocols import Scorer
from sparserec.teachers.base import HistoryTeacher

BEST = 20
"""Each teacher's scores of a user are divided by the mean of its best scores of new items, this many."""


def best_means(scores: np.ndarray, histories: sp.csr_array) -> np.ndarray:
    """The mean of each user's best scores of new items, by which scores of several teachers are made comparable.

    Args:
        scores: (B, n_items) float32; becomes -inf at items of the histories.
        histories: (B, n_items) binary.

    Returns:
        (B,) float32, above 0.
    """
    mask_history(scores, histories.indptr, histories.indices, np.arange(len(scores)))
    best = top_k(scores, BEST)
    best_scores = np.take_along_axis(scores, np.maximum(best, 0).astype(np.int64), axis=1)
    means = np.where(best >= 0, best_scores, 0).sum(axis=1) / np.maximum((best >= 0).sum(axis=1), 1)
    return np.maximum(means, 1e-12)


class OfHistories:
    """A teacher's scores by user.

    Args:
        teacher: scores from histories.
        history: (n_users, n_items) binary, of every user.
    """

    def __init__(self, teacher: HistoryTeacher, history: sp.csr_array):
        self._teacher, self._history, self.n_items = teacher, history, teacher.n_items

    def score(self, users: np.ndarray) -> np.ndarray:
        """Users (B,) int64 -> scores (B, n_items) float32."""
        return self._teacher.score_histories(self._history[users])


class Raised:
    """A scorer's scores s as max(s, 0) ** exponent: cosines then fall as steeply as a filter's scores do.

    Args:
        scorer: whose scores are bounded, as cosines are.
        exponent: > 0.
    """

    def __init__(self, scorer: Scorer, exponent: float):
        self._scorer, self._exponent = scorer, exponent
        self.n_items = scorer.n_items

    def score(self, users: np.ndarray) -> np.ndarray:
        """Users (B,) int64 -> scores (B, n_items) float32, none below 0."""
        scores = np.maximum(self._scorer.score(users), 0)
        if self._exponent == 1:
            return scores
        if self._exponent == 3:  # sixteen times as fast as `power`, which was a fifth of all the time of a teacher
            return np.multiply(scores, scores * scores, out=scores)
        return np.power(scores, np.float32(self._exponent), out=scores)


class AverageScorer:
    """The weighted mean of teachers for full ranking; items of a user's history score -inf.

    A user's scores are on the scale that the first teacher has for them. A student that sums a history scores longer
    histories higher, as a filter does: it could not follow an average that is as large for everybody.

    Args:
        parts: scorers of teachers and their weights, each above 0.
        history: (n_users, n_items) binary, of every user.
    """

    def __init__(self, parts: list[tuple[Scorer, float]], history: sp.csr_array):
        self._parts, self._history = parts, history
        self.n_items = parts[0][0].n_items

    def score(self, users: np.ndarray) -> np.ndarray:
        """Users (B,) int64 -> scores (B, n_items) float32."""
        total = np.zeros((len(users), self.n_items), dtype=np.float32)
        for scores, (_, weight) in zip(self.scaled(users), self._parts, strict=True):
            total += np.multiply(scores, np.float32(weight), out=scores)
        return total

    def scaled(self, users: np.ndarray) -> Iterator[np.ndarray]:
        """Scores (B, n_items) float32 of each teacher for users (B,) on the scale of the first, of which `score` is the
        weighted sum."""
        histories, first = self._history[users], None
        for teacher, _ in self._parts:
            scores = teacher.score(users)
            scale = best_means(scores, histories)
            first = scale if first is None else first
            scores *= (first / scale)[:, None].astype(np.float32)
            yield scores
