from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from sparserec.sparsity.residual import RIDGE, Residual
from sparserec.teachers import TeacherLists

EMPHASIS = 6.0


def problem(n_users=40, n_items=15, seed=0, length=6):
    """A history, a teacher's lists for some users, scores of a table, and three candidates of each item."""
    generator = np.random.default_rng(seed)
    taken = generator.random((n_users, n_items)) < 0.25
    taken[:, 0] |= ~taken.any(axis=1)
    teacher = generator.random((n_users, n_items)).astype(np.float32) + 0.5
    scores = (teacher + generator.normal(0, 0.3, teacher.shape)).astype(np.float32)
    users = np.flatnonzero(generator.random(n_users) < 0.8)
    ranked = np.argsort(-np.where(taken, -np.inf, teacher)[users], axis=1, kind="stable")[:, :length]
    lists = TeacherLists(users, ranked.astype(np.int32), np.take_along_axis(teacher[users], ranked, axis=1))
    nearest = np.array([generator.permutation(np.delete(np.arange(n_items), item))[:3] for item in range(n_items)])
    nearest[3, 1:] = -1
    nearest[5] = -1
    return sp.csr_array(taken.astype(np.float32)), lists, scores, nearest.astype(np.int32)


def normal(history, lists, scores, candidates, item):
    """The normal equations of one item's candidates, user by user: system and right side."""
    taken = history.toarray() > 0
    system, right = np.zeros((len(candidates),) * 2), np.zeros(len(candidates))
    for place, user in enumerate(lists.users):
        if taken[user, item]:
            continue
        scale = 1 / lists.scores[place, :20].mean(dtype=np.float64) ** 2
        listed = np.flatnonzero(lists.items[place] == item)
        weight, error = scale, min(lists.scores[place, -1] - scores[user, item], 0)
        if len(listed):
            asked = lists.scores[place, listed[0]]
            weight = scale * (1 + EMPHASIS * asked / lists.scores[place, 0])
            error = asked - scores[user, item]
        row = taken[user, candidates].astype(float)
        system += weight * np.outer(row, row)
        right += weight * error * row
    system[np.diag_indices_from(system)] *= 1 + RIDGE
    return system, right


def plain(*about):
    """Weights of one item's candidates by the normal equations."""
    return np.linalg.lstsq(*normal(*about), rcond=None)[0]


def residual(seed=0, block=None, monkeypatch=None):
    history, lists, scores, nearest = problem(seed=seed)
    if block is not None:
        monkeypatch.setattr("sparserec.sparsity.residual.BLOCK", block)
    return Residual(history, nearest, lists, lambda users: scores[users].T.copy(), emphasis=EMPHASIS, relative_to=20), (
        history,
        lists,
        scores,
        nearest,
    )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("block", [1, 7, 512])
def test_weights_are_those_of_weighted_least_squares(seed, block, monkeypatch):
    found, (history, lists, scores, nearest) = residual(seed, block, monkeypatch)
    weights = found.weights(nearest.size).toarray()
    for item, candidates in enumerate(nearest):
        known = candidates[candidates >= 0]
        assert weights[item, known] == pytest.approx(plain(history, lists, scores, known, item), abs=1e-4)
        assert np.count_nonzero(weights[item]) <= len(known)


@pytest.mark.parametrize("count", [0, 1, 9, 30])
def test_so_many_weights_stay_and_are_fitted_to_one_another(count):
    found, (history, lists, scores, nearest) = residual()
    weights = found.weights(count)
    assert weights.nnz <= count
    assert weights.nnz >= 0.8 * count
    for item in range(len(nearest)):
        known = weights.indices[weights.indptr[item] : weights.indptr[item + 1]]
        assert set(known) <= set(nearest[item])
        expected = plain(history, lists, scores, known, item) if len(known) else []
        assert weights.toarray()[item, known] == pytest.approx(expected, abs=1e-4)


def test_weights_that_stay_are_those_that_gain_most():
    found, (history, lists, scores, nearest) = residual(2)
    worth = {}
    for item, candidates in enumerate(nearest):
        known = candidates[candidates >= 0]
        system, weights = normal(history, lists, scores, known, item)[0], plain(history, lists, scores, known, item)
        worth |= {(item, other): w * w * s for other, w, s in zip(known, weights, np.diag(system), strict=True)}
    best = sorted(worth, key=lambda pair: -worth[pair])[:5]
    few = found.weights(5).tocoo()
    assert set(zip(*(part.tolist() for part in few.coords), strict=True)) == {(i, int(j)) for i, j in best}


def test_the_number_of_threads_changes_no_weights(on_threads):
    one, two = on_threads(lambda: residual(1)[0].weights(20))
    assert np.array_equal(one.data, two.data)
    assert np.array_equal(one.indices, two.indices)
