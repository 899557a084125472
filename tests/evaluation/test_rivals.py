"""Popularity and neighbours beside a model: worked by hand, tuned on validation alone, bounded."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from sparserec.evaluation import Popularity, evaluate, rivals
from sparserec.evaluation.neighbours import Neighbours, as_matrix, nearest, products
from sparserec.evaluation.rivals import within


class Csr(NamedTuple):
    indptr: np.ndarray
    indices: np.ndarray


def csr(*rows: list[int]) -> Csr:
    lengths = [len(row) for row in rows]
    return Csr(
        np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
        np.array([item for row in rows for item in row], dtype=np.int32),
    )


TAKEN = csr([0, 1], [0, 1], [0, 2], [3], [])


def test_similarities_by_hand():
    """Items 0 and 1 have two of three and two users in common, 0 and 2 one of three and one."""
    found, values = nearest(TAKEN, 5, 2, (0.0, 1.0), 0.0)
    assert found[0].tolist() == [[1, 2], [0, -1], [0, -1], [-1, -1], [-1, -1]]
    np.testing.assert_allclose(values[0, 0], [2 / np.sqrt(6), 1 / np.sqrt(3)], rtol=1e-6)
    np.testing.assert_allclose(values[1, 0], [2 / (np.sqrt(6) + 1), 1 / (np.sqrt(3) + 1)], rtol=1e-6)
    # With damping 1 each of two items of a user counts half.
    _, damped = nearest(TAKEN, 5, 1, (0.0,), 1.0)
    np.testing.assert_allclose(damped[0, 0], [1 / np.sqrt(1.5 * 1)], rtol=1e-6)


@pytest.mark.parametrize("count", [1, 3, 40])
def test_similarities_are_those_of_a_dense_cosine(count):
    generator = np.random.default_rng(count)
    matrix = generator.random((60, 40)) < 0.15
    users, items = np.nonzero(matrix)
    taken = Csr(np.concatenate(([0], np.cumsum(np.bincount(users, minlength=60)))), items.astype(np.int32))
    common = matrix.T.astype(float) @ matrix
    sizes = np.sqrt(np.diag(common))
    expected = common / (np.outer(sizes, sizes) + 2)
    np.fill_diagonal(expected, 0)
    found, values = nearest(taken, 40, count, (2.0,), 0.0)
    for item in range(40):
        order = np.lexsort((np.arange(40), -expected[item].astype(np.float32)))
        order = order[expected[item][order] > 0][:count]
        assert found[0, item, : len(order)].tolist() == order.tolist()
        np.testing.assert_allclose(values[0, item, : len(order)], expected[item][order], rtol=1e-6)
    kept = np.zeros((40, 40))
    for item in range(40):
        there = found[0, item] >= 0
        kept[found[0, item][there], item] = values[0, item][there]
    scores = Neighbours(as_matrix(found[0], values[0], count), taken).score(np.arange(60))
    np.testing.assert_allclose(scores, matrix.astype(float) @ kept, rtol=1e-5, atol=1e-6)


def test_who_took_the_one_took_the_other():
    """Ten pairs of items; five users took both of a pair, one its first alone."""
    history = csr(
        *([2 * pair, 2 * pair + 1] for pair in range(10) for _ in range(5)), *([2 * pair] for pair in range(10))
    )
    relevant = csr(*([[]] * 50), *([2 * pair + 1] for pair in range(10)))
    found = rivals(history, relevant, train=history, valid=relevant, learned=history, n_items=20, ks=(1, 5))
    assert list(found) == ["popularity", "neighbours"]
    assert found["neighbours"]["recall@1"] == 1
    assert found["popularity"]["recall@1"] < 0.2
    assert "chosen on the validation part" in found["neighbours"].note
    expected = evaluate(Popularity(history, 20), history, relevant, ks=(1, 5))
    assert found["popularity"].as_dict() == expected.as_dict()


def test_without_validation_and_beyond_the_limit_it_says_so():
    nothing = csr(*([[]] * 5))
    relevant = csr([2], [], [1], [], [])
    note = rivals(TAKEN, relevant, train=TAKEN, valid=nothing, learned=TAKEN, n_items=5)["neighbours"].note
    assert "100 neighbours, shrinkage 5, not tuned, as there is no validation part" in note
    note = rivals(TAKEN, relevant, train=TAKEN, valid=nothing, learned=TAKEN, n_items=5, limit=9)["neighbours"].note
    assert "of the histories of" in note
    assert "of 4 users, as all would take too long" in note


@pytest.mark.parametrize("limit", [0, 1, 5, 9, 12, 13])
def test_sampled_histories_stay_within_the_limit(limit):
    assert products(TAKEN) == 13
    kept = within(TAKEN, limit)
    assert products(kept) <= limit
    assert kept.users == np.count_nonzero(np.diff(kept.indptr))
    if limit >= 13:
        np.testing.assert_array_equal(kept.indices, TAKEN.indices)
    for user in range(5):
        row = kept.indices[kept.indptr[user] : kept.indptr[user + 1]].tolist()
        assert row in ([], TAKEN.indices[TAKEN.indptr[user] : TAKEN.indptr[user + 1]].tolist())


def test_the_test_part_chooses_nothing():
    generator = np.random.default_rng(5)
    parts = [
        csr(*(sorted(generator.choice(30, size, replace=False).tolist()) for _ in range(50))) for size in (6, 2, 2, 2)
    ]
    train, valid, test, other = parts
    notes = {
        rivals(train, part, train=train, valid=valid, learned=train, n_items=30)["neighbours"].note
        for part in (test, other)
    }
    assert len(notes) == 1


def test_items_of_the_history_are_ranked_where_asked():
    history, relevant = csr([0, 1], [0]), csr([0], [2])
    scorer = Popularity(csr([0, 1], [0, 2]), 3)
    assert evaluate(scorer, history, relevant, ks=(1,), exclude_history=False)["recall@1"] == 0.5
    assert evaluate(scorer, history, relevant, ks=(1,))["recall@1"] == 0.0
