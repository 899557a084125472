"""Averages of teachers, of which some score few items of a catalogue."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from sparserec.teachers import AverageScorer, LocalEase, OfHistories, Raised, best_means
from sparserec.teachers.average import sparse_means

N_ITEMS = 60


def histories(n_users=30, seed=0, density=0.2):
    """Binary; the first user has taken nothing, the last all but three items."""
    taken = np.random.default_rng(seed).random((n_users, N_ITEMS)) < density
    taken[0], taken[-1] = False, np.arange(N_ITEMS) >= 3
    return sp.csr_array(taken.astype(np.float32))


def weights(seed=1, density=0.1, lowest=-0.5):
    """An item-item matrix with few numbers, of both signs."""
    generator = np.random.default_rng(seed)
    full = np.where(generator.random((N_ITEMS, N_ITEMS)) < density, generator.uniform(lowest, 1, (N_ITEMS, N_ITEMS)), 0)
    return sp.csr_array(full.astype(np.float32))


class Dense:
    """Scores of all items that are given."""

    def __init__(self, scores):
        self._scores, self.n_items = scores.astype(np.float32), scores.shape[1]

    def score(self, users):
        return self._scores[users].copy()


class Hidden:
    """A teacher of histories that does not tell that it scores few items."""

    def __init__(self, teacher):
        self._teacher, self.n_items = teacher, teacher.n_items

    def score_histories(self, some):
        return self._teacher.score_histories(some)


def parts_of(history, teacher, exponent=1.0, share=0.4):
    first = Dense(np.random.default_rng(2).random((history.shape[0], N_ITEMS)))
    return [(first, 1 - share), (Raised(OfHistories(teacher, history), exponent), share)]


@pytest.mark.parametrize("density", [0.02, 0.3, 1.0])
@pytest.mark.parametrize("exponent", [1.0, 3.0])
def test_a_teacher_that_scores_few_items_counts_as_one_that_scores_all(density, exponent):
    history, teacher = histories(), LocalEase(weights(density=density), 1.0)
    users = np.array([0, 3, 4, 17, 29])
    plain = AverageScorer(parts_of(history, Hidden(teacher), exponent), history).score(users)
    scores = AverageScorer(parts_of(history, teacher, exponent), history).score(users)
    new = history[users].toarray() == 0
    np.testing.assert_array_equal(np.isneginf(scores), ~new)
    np.testing.assert_allclose(scores[new], plain[new], rtol=1e-5, atol=1e-7)


def test_an_average_is_the_weighted_sum_of_scores_on_one_scale():
    history, teacher = histories(), LocalEase(weights(), 1.0)
    average, users = AverageScorer(parts_of(history, teacher), history), np.arange(30)
    expected = sum(scores * weight for scores, weight in zip(average.scaled(users), (0.6, 0.4), strict=True))
    new = history.toarray() == 0
    np.testing.assert_allclose(average.score(users)[new], expected[new], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("seed", range(5))
def test_means_of_the_best_are_those_of_new_items_whether_scores_are_sparse_or_not(seed):
    history = histories(seed=seed)
    scores = sp.csr_array(history @ weights(seed, lowest=0))
    dense = scores.toarray()
    expected = []
    for row, taken in zip(dense, history.toarray(), strict=True):
        best = np.sort(row[taken == 0])[::-1][:20]
        expected.append(max(best.mean(), 1e-12))
    np.testing.assert_allclose(best_means(dense, history), expected, rtol=1e-5)
    np.testing.assert_allclose(sparse_means(scores, history), expected, rtol=1e-5)
    assert not scores.toarray()[history.toarray() > 0].any()


def test_what_a_sparse_teacher_gives_is_not_below_0_where_it_is_raised():
    history, teacher = histories(), LocalEase(weights(), 1.0)
    users = np.arange(30)
    raised = Raised(OfHistories(teacher, history), 1.0)
    found = raised.sparse(users)
    assert found is not None
    np.testing.assert_allclose(found.toarray(), raised.score(users), rtol=1e-6)
    assert (teacher.score_histories(history) < 0).any()
    assert Raised(OfHistories(teacher, history), 3.0).sparse(users) is None
    assert Raised(OfHistories(Hidden(teacher), history), 1.0).sparse(users) is None
    assert Raised(Dense(np.ones((30, N_ITEMS))), 1.0).sparse(users) is None
