from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparserec.errors import SparserecError
from sparserec.objectives import NegativeSampler


def csr(histories):
    indptr = np.cumsum([0] + [len(h) for h in histories]).astype(np.int64)
    return indptr, np.array([i for h in histories for i in sorted(h)], dtype=np.int32)


histories = st.lists(st.sets(st.integers(0, 11), max_size=9), min_size=1, max_size=6)


@given(histories, st.integers(1, 20), st.sampled_from(["uniform", "popularity"]), st.integers(0, 100))
def test_shared_negatives_are_distinct_and_positives_are_forbidden_exactly(interactions, count, kind, seed):
    if kind == "popularity" and not any(interactions):
        return
    indptr, indices = csr(interactions)
    sampler = NegativeSampler(indptr, indices, 12, count=count, kind=kind)
    users = np.arange(len(interactions)).repeat(2)
    for number in range(3):  # other items each time, so that the later draws show that the scratch array was cleaned
        items, allowed = sampler.draw(users, np.random.default_rng(seed + number))
        assert (np.diff(items) > 0).all()
        expected = [[int(item) not in interactions[user] for item in items] for user in users]
        np.testing.assert_array_equal(allowed, np.array(expected).reshape(allowed.shape))


@given(histories, st.integers(1, 4), st.integers(0, 100))
def test_own_negatives_are_never_a_positive(interactions, count, seed):
    indptr, indices = csr(interactions)
    sampler = NegativeSampler(indptr, indices, 12, count=count, shared=False)
    users = np.arange(len(interactions))
    items, allowed = sampler.draw(users, np.random.default_rng(seed))
    assert items.shape == (len(users), count)
    for user in users:
        for item, counts in zip(items[user], allowed[user], strict=True):
            assert counts == (int(item) not in interactions[user])


def test_a_user_who_took_everything_gets_no_allowed_negative():
    indptr, indices = csr([set(range(5))])
    _, allowed = NegativeSampler(indptr, indices, 5, count=3, shared=False).draw(
        np.array([0]), np.random.default_rng(0)
    )
    assert not allowed.any()


def test_popularity_prefers_popular_items_and_never_draws_unseen_ones():
    indptr, indices = csr([{0}, {0}, {0, 1}, {0}])
    sampler = NegativeSampler(indptr, indices, 4, count=1, kind="popularity", power=1.0, shared=False)
    drawn = sampler._items(np.random.default_rng(0), 5000)
    counts = np.bincount(drawn, minlength=4)
    assert counts[2] == counts[3] == 0
    assert 0.77 < counts[0] / 5000 < 0.83  # 4 of 5 interactions


def test_the_same_generator_draws_the_same():
    indptr, indices = csr([{0, 3}, {2}])
    sampler = NegativeSampler(indptr, indices, 50, count=8)
    first, _ = sampler.draw(np.array([0, 1]), np.random.default_rng([7, 1]))
    second, _ = sampler.draw(np.array([0, 1]), np.random.default_rng([7, 1]))
    np.testing.assert_array_equal(first, second)


def test_count_must_be_positive():
    with pytest.raises(SparserecError, match="n_negatives must be at least 1"):
        NegativeSampler(*csr([{0}]), 4, count=0)


class Constant:
    """In the place of a generator: every number is the same."""

    def __init__(self, number):
        self._number = number

    def random(self, size):
        return np.full(size, self._number)


def drawn(sampler, count, seed=0):
    """Items drawn for users without interactions, each count of them."""
    items, allowed = sampler.draw(np.zeros(count, dtype=np.int64), np.random.default_rng(seed))
    assert allowed.all()
    return np.bincount(items.reshape(-1), minlength=5)


def test_uniform_negatives_are_every_item_alike():
    sampler = NegativeSampler(*csr([set(), {0}]), 5, count=4, shared=False)
    counts = drawn(sampler, 1000)
    assert len(counts) == 5
    # 800 each, with a standard deviation of about 25.
    assert np.abs(counts - 800).max() < 120


def test_popularity_is_the_degree_to_a_power():
    # Degrees 0, 16, 1, 0 and 16: to the power 0.75 they are 0, 8, 1, 0 and 8.
    interactions = [set()] + [{1, 4}] * 15 + [{1, 2, 4}]
    counts = drawn(NegativeSampler(*csr(interactions), 5, count=4, kind="popularity", shared=False), 4250)
    assert counts[0] == counts[3] == 0
    np.testing.assert_allclose(counts[[1, 2, 4]], [8000, 1000, 8000], rtol=0.1)


@pytest.mark.parametrize(("number", "item"), [(0.0, 1), (0.49, 1), (0.51, 2), (1.0, 3)])
def test_the_ends_of_popularity(number, item):
    """An item of no interactions is not drawn, however small the number; rounding leads to no item that isn't there."""
    indptr, indices = csr([set(), {1, 2}])
    sampler = NegativeSampler(indptr, indices, 4, count=2, kind="popularity")
    items, allowed = sampler.draw(np.array([0]), Constant(number))
    assert (items.tolist(), allowed.tolist()) == ([item], [[True]])


def test_shared_negatives_are_uniform_unless_told_otherwise():
    items, allowed = NegativeSampler(*csr([set(), {0}]), 5, count=200).draw(np.array([0, 1]), np.random.default_rng(0))
    assert items.tolist() == [0, 1, 2, 3, 4]
    assert allowed.tolist() == [[True] * 5, [False] + [True] * 4]


def test_own_negatives_are_drawn_again_until_none_is_a_positive():
    # Half of the items are positives, so that without another draw hardly any user would have four others.
    sampler = NegativeSampler(*csr([set(range(6)), set(range(6, 12))]), 12, count=4, shared=False)
    items, allowed = sampler.draw(np.arange(2).repeat(100), np.random.default_rng(0))
    assert allowed.all()
    assert set(items[:100].reshape(-1).tolist()) == set(range(6, 12))
    assert set(items[100:].reshape(-1).tolist()) == set(range(6))


@pytest.mark.parametrize("kind", ["uniform", "popularity"])
@pytest.mark.parametrize("count", [1, 7, 60])
def test_chances_are_how_often_items_are_drawn(kind, count):
    """So that the sum over a draw, each divided by its chance, is on average that over the catalogue."""
    indptr, indices = csr([{0, 1, 2, 3}, {0, 1, 2}, {0, 1}, {0}, {0}])
    sampler = NegativeSampler(indptr, indices, 6, count=count, kind=kind)
    random, draws, drawn = np.random.default_rng(0), 4000, np.zeros(6)
    for _ in range(draws):
        items, _ = sampler.draw(np.array([0]), random)
        drawn[items] += 1
    chances = np.exp(sampler.log_chances(np.arange(6)))
    np.testing.assert_allclose(drawn / draws, chances, atol=0.03)
    if kind == "popularity":  # of what nobody took there is no draw, and no division by nothing
        assert np.isfinite(np.log(chances)).all()
        weights = np.array([5, 3, 2, 1]) ** 0.75
        np.testing.assert_allclose(chances[:4], 1 - (1 - weights / weights.sum()) ** count, rtol=1e-5)
    else:
        np.testing.assert_allclose(chances, 1 - (5 / 6) ** count, rtol=1e-5)
