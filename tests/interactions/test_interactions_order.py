"""Histories in the order of time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparserec import SparserecError
from sparserec.interactions import Interactions
from sparserec.recommenders.sequences import Sequences
from sparserec.vocabulary import Vocabulary


def of(events: list[tuple[int, int, int]], n_users: int = 4, n_items: int = 9) -> Interactions:
    users, items, times = (np.array(column, dtype=np.int64) for column in zip(*events, strict=True))
    names = (Vocabulary.of(f"{kind}{n}" for n in range(count)) for kind, count in (("u", n_users), ("i", n_items)))
    return Interactions.of(users, items, *names, timestamps=times)


def test_worked_by_hand():
    data = of([(0, 5, 30), (0, 1, 10), (2, 3, 7), (0, 8, 20), (2, 0, 9), (0, 5, 5)])
    indptr, items = data.ordered()
    assert indptr.tolist() == [0, 3, 3, 5, 5]
    assert items.tolist() == [1, 8, 5, 3, 0]  # 5 stands where it was touched last
    assert items.dtype == np.int32


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 8), st.integers(-3, 3)), min_size=1, max_size=40),
    st.integers(0, 5),
)
def test_times_ascend_and_nothing_is_lost_and_sequences_agree(events, seed):
    data = replace(of(events), seed=seed)
    indptr, items = data.ordered()
    latest = {}
    for user, item, time in events:
        latest[user, item] = max(time, latest.get((user, item), time))
    for user in range(4):
        own = items[indptr[user] : indptr[user + 1]].tolist()
        assert sorted(own) == data.indices[data.indptr[user] : data.indptr[user + 1]].tolist()
        times = [latest[user, item] for item in own]
        assert times == sorted(times)
        last = Sequences(data).last(np.array([user]), 9)[0]
        assert [item for item in last.tolist() if item >= 0] == own


def test_histories_without_times_have_no_order():
    names = Vocabulary.of(["a"])
    with pytest.raises(SparserecError, match="needs timestamps"):
        Interactions.of(np.array([0]), np.array([0]), names, names).ordered()
