"""Several teachers as one: an average on a scale that they share for each user."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
from numba import prange

from sparserec.evaluation import mask_history, top_k
from sparserec.kernels import kernel
from sparserec.protocols import Scorer
from sparserec.teachers.base import HistoryTeacher, SparseTeacher

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


def sparse_means(scores: sp.csr_array, histories: sp.csr_array) -> np.ndarray:
    """The same of sparse scores; those of histories become 0, and all that are left are >= 0."""
    n_users, n_items = (int(side) for side in histories.shape or ())
    means = np.empty(n_users, dtype=np.float32)
    _sparse_means(
        *(scores.indptr, scores.indices, scores.data, histories.indptr, histories.indices, n_items),
        *(BEST, means),
    )
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

    def sparse(self, users: np.ndarray) -> sp.csr_array | None:
        """Users (B,) int64 -> their scores as far as they are not 0 (B, n_items) float32; None of a dense teacher."""
        teacher = self._teacher
        return teacher.sparse_scores(self._history[users]) if isinstance(teacher, SparseTeacher) else None


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

    def sparse(self, users: np.ndarray) -> sp.csr_array | None:
        """The same as far as it is not 0; None of a teacher whose scores are dense."""
        known = self._scorer.sparse(users) if self._exponent == 1 and isinstance(self._scorer, OfHistories) else None
        if known is not None:
            np.maximum(known.data, 0, out=known.data)
        return known


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
        histories, total, first = self._history[users], None, None
        for scorer, weight in self._parts:
            sparse = scorer.sparse(users) if total is not None and isinstance(scorer, Raised) else None
            scores = scorer.score(users) if sparse is None else sparse
            means = best_means(scores, histories) if isinstance(scores, np.ndarray) else sparse_means(scores, histories)
            first = means if first is None else first
            factors = (weight * first / means).astype(np.float32)
            if total is None:
                total = np.multiply(scores, factors[:, None], out=scores)
            elif isinstance(scores, np.ndarray):
                total += np.multiply(scores, factors[:, None], out=scores)
            else:
                _add_sparse(scores.indptr, scores.indices, scores.data, factors, total)
        assert total is not None
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


@kernel(parallel=True)
def _add_sparse(indptr, indices, data, factors, out):
    """Add rows of a sparse matrix, each times its factor, to a dense one."""
    for row in prange(len(factors)):
        for e in range(indptr[row], indptr[row + 1]):
            out[row, indices[e]] += factors[row] * data[e]


@kernel(parallel=True)
def _sparse_means(indptr, indices, data, taken_indptr, taken, n_items, count, means):
    """See `sparse_means`. Items that are not stored score 0; there may be fewer new items than are counted."""
    for row in prange(len(means)):
        first, last = indptr[row], indptr[row + 1]
        own = taken[taken_indptr[row] : taken_indptr[row + 1]]
        seen = set(own)
        best = np.zeros(count, dtype=np.float32)
        for e in range(first, last):
            if indices[e] in seen:
                data[e] = 0
            elif data[e] > best[count - 1]:
                at = count - 1
                while at > 0 and best[at - 1] < data[e]:
                    best[at] = best[at - 1]
                    at -= 1
                best[at] = data[e]
        means[row] = best.sum() / max(1, min(count, n_items - len(own)))
