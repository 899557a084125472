"""Sequences: by time, and those of one time in an order drawn from the seed of the split."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sparserec.interactions import Dataset, Interactions, split
from sparserec.recommenders.sequences import Sequences
from sparserec.ties import scattered
from sparserec.vocabulary import Vocabulary

N_USERS, N_ITEMS = 200, 30


def tied(seed: int = 0) -> Interactions:
    """All users took the same thirty items at one time."""
    users, items = np.divmod(np.arange(N_USERS * N_ITEMS), N_ITEMS)
    names = (Vocabulary.of(f"{kind}{n}" for n in range(count)) for kind, count in (("u", N_USERS), ("i", N_ITEMS)))
    return replace(Interactions.of(users, items, *names, timestamps=np.zeros(len(users))), seed=seed)


def test_ties_are_in_no_order_of_the_items():
    orders = Sequences(tied()).last(np.arange(N_USERS), N_ITEMS)
    assert all(sorted(order) == list(range(N_ITEMS)) for order in orders.tolist())
    mean = orders.mean(0)  # of a random order each place has about the same mean; of item order 0 to 29
    assert np.abs(mean - (N_ITEMS - 1) / 2).max() < 3
    assert len({tuple(order) for order in orders.tolist()}) == N_USERS  # each user has one of their own


def test_the_order_of_ties_is_that_of_the_seed():
    users = np.arange(N_USERS)
    one, again, other = (Sequences(tied(seed)).last(users, N_ITEMS) for seed in (3, 3, 4))
    assert (one == again).all()
    assert (one != other).mean() > 0.9


def test_a_part_has_the_order_of_the_whole():
    whole = tied(5)
    part = whole.where(np.arange(whole.nnz) % 3 > 0)
    assert part.seed == 5
    kept = Sequences(part).last(np.array([7]), 20)[0]
    order = Sequences(whole).last(np.array([7]), N_ITEMS)[0]
    assert kept.tolist() == [item for item in order.tolist() if item in set(kept.tolist())]


def test_times_decide_before_chance():
    names = Vocabulary.of(["u"]), Vocabulary.of("abc")
    data = Interactions.of(np.zeros(3, int), np.arange(3), *names, timestamps=np.array([30, 10, 20]))
    assert Sequences(data).last(np.array([0]), 4).tolist() == [[-1, 1, 2, 0]]


def test_a_split_hands_its_seed_on():
    dataset = Dataset(tied(), None, "made", True)
    for kind in ("random", "leave-last"):
        parts = split(dataset, kind=kind, seed=11)
        assert {part.seed for part in (parts.train, parts.valid, parts.test, parts.history("test"))} == {11}


def test_scattered_numbers_look_random():
    drawn = scattered(np.repeat(np.arange(300), 300), np.tile(np.arange(300), 300), 0)
    assert len(np.unique(drawn)) == len(drawn)
    bits = (drawn[:, None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)
    assert np.abs(bits.mean(0) - 0.5).max() < 0.01
