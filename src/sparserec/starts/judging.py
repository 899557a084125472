"""How alternatives are judged before training: validation NDCG@20 for a sample of users."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sparserec.errors import SparserecError
from sparserec.evaluation import evaluate
from sparserec.interactions import Split
from sparserec.protocols import Scorer
from sparserec.settings import RunConfig
from sparserec.starts import thresholds
from sparserec.teachers import GraphFilter, best_means, scores_of_all
from sparserec.training.samples import at_most


def judged_users(config: RunConfig, split: Split) -> np.ndarray:
    """Users of the validation part on whom choices are made before training, ascending."""
    return at_most(np.flatnonzero(split.valid.user_degrees()), thresholds.JUDGED_USERS, config.seed, 6)


def taught_users(config: RunConfig, split: Split) -> np.ndarray:
    """Users who learn from the teacher's lists, ascending: all, but for those who leave no place for a list.

    Of very many a sample of those with a history, as `config.lesson_numbers` has it.
    """
    degrees, n_items = split.train.user_degrees(), split.train.n_items
    room = min(config.teacher.length, max(1, n_items // 2))  # else one user of everything leaves short lists to all
    fitting = degrees <= n_items - room
    users = np.flatnonzero(fitting if fitting.any() else degrees < n_items)
    if not len(users):
        raise SparserecError("every user has taken every item, so a teacher has nothing to rank for them")
    most = max(thresholds.FEWEST_TAUGHT, config.lesson_numbers // n_items)
    return users if len(users) <= most else at_most(users[degrees[users] > 0], most, config.seed, 10)


def candidates(asked: float | None, values: tuple[float, ...], judges: bool = True) -> tuple[float, ...]:
    """The value that was asked for, else all where they can be judged, else the first."""
    if asked is not None:
        return (asked,)
    return values if judges else values[:1]


def quality(scorer: Scorer, split: Split, users: np.ndarray) -> float:
    """Validation NDCG@20 for these users."""
    return evaluate(scorer, split.train, split.valid, users=users)["ndcg@20"]


def qualities(
    filters: Sequence[GraphFilter], split: Split, users: np.ndarray, beside: Scorer | None = None
) -> list[float]:
    """Validation NDCG@20 for these users of each of several filters of one spectrum.

    Args:
        filters: what is judged.
        split: the interactions.
        users: ascending, with a validation part.
        beside: judge the average of each filter with this teacher, half and half, instead of the filter alone.
    """
    history, totals = split.train.csr(), [0.0] * len(filters)
    for first in range(0, len(users), thresholds.JUDGED_BLOCK):
        block = users[first : first + thresholds.JUDGED_BLOCK]
        histories = history[block]
        other = None if beside is None else beside.score(block)
        if other is not None:
            other /= best_means(other, histories)[:, None]
        for place, scores in scores_of_all(filters, histories):
            if other is not None:
                np.divide(scores, best_means(scores, histories)[:, None], out=scores)
                np.add(scores, other, out=scores)
            totals[place] += quality(KnownScores(block, scores), split, block) * len(block)
    return [total / len(users) for total in totals]


class KnownScores:
    """Scores (users, n_items) that are there already, of users ascending."""

    def __init__(self, users: np.ndarray, scores: np.ndarray):
        self._users, self._scores, self.n_items = users, scores, scores.shape[1]

    def score(self, users: np.ndarray) -> np.ndarray:
        """Users (B,) int64, all among those known -> scores (B, n_items)."""
        return self._scores[np.searchsorted(self._users, users)]
