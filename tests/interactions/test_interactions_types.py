from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparserec.errors import SparserecError
from sparserec.interactions import Interactions, Split
from sparserec.vocabulary import Vocabulary


def ids(prefix: str, n: int) -> Vocabulary:
    return Vocabulary.of(f"{prefix}{i}" for i in range(n))


def small(timestamps=(5, 9, 7, 1, 2)) -> Interactions:
    users, items = np.array([1, 0, 1, 1, 0]), np.array([2, 1, 2, 0, 0])
    times = None if timestamps is None else np.array(timestamps)
    return Interactions.of(users, items, ids("u", 3), ids("i", 4), times)


def test_pairs_are_sorted_and_a_repeated_pair_keeps_its_latest_timestamp():
    data = small()
    assert data.indptr.tolist() == [0, 2, 4, 4]
    assert data.indices.tolist() == [0, 1, 0, 2]
    assert data.timestamps is not None
    assert data.timestamps.tolist() == [2, 9, 1, 7]
    assert data.duplicates == 1
    assert (data.indptr.dtype, data.indices.dtype, data.timestamps.dtype) == (np.int64, np.int32, np.int64)


def test_counts_and_views():
    data = small(None)
    assert (data.n_users, data.n_items, data.nnz) == (3, 4, 4)
    assert data.timestamps is None
    assert data.user_degrees().tolist() == [2, 2, 0]
    assert data.item_degrees().tolist() == [2, 1, 1, 0]
    assert data.rows().tolist() == [0, 0, 1, 1]
    assert data.csr().dtype == np.float32
    assert data.csr().toarray().tolist() == [[1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]


def test_where_keeps_vocabularies_and_timestamps():
    part = small().where(np.array([False, True, True, False]))
    assert part.indptr.tolist() == [0, 1, 2, 2]
    assert part.indices.tolist() == [1, 0]
    assert part.timestamps is not None
    assert part.timestamps.tolist() == [9, 1]
    assert (part.n_users, part.n_items) == (3, 4)


def test_no_pairs_at_all():
    none = np.zeros(0, dtype=np.int64)
    for times in (None, none):
        data = Interactions.of(none, none, ids("u", 2), ids("i", 0), times)
        assert data.indptr.tolist() == [0, 0, 0]
        assert data.nnz == 0


@pytest.mark.parametrize(
    ("users", "items", "times", "message"),
    [
        ([0, 1], [0], None, "one length"),
        ([0], [0], [1, 2], "one length"),
        ([3], [0], None, "users must hold indices from 0 to 2"),
        ([0], [-1], None, "items must hold indices from 0 to 3"),
    ],
)
def test_wrong_arrays_are_refused(users, items, times, message):
    times = None if times is None else np.array(times)
    with pytest.raises(SparserecError, match=message):
        Interactions.of(np.array(users), np.array(items), ids("u", 3), ids("i", 4), times)


def test_fingerprint_depends_on_pairs_and_ids_alone():
    base = small().fingerprint()
    assert len(base) == 64
    assert int(base, 16) >= 0
    assert small(None).fingerprint() == base
    changes = (
        {"indices": np.array([0, 1, 0, 3], dtype=np.int32)},
        {"indptr": np.array([0, 1, 4, 4])},
        {"users": ids("v", 3)},
        {"items": ids("j", 4)},
        {"items": Vocabulary.of(["i", "0i1", "i2", "i3"])},  # the same bytes, cut elsewhere
    )
    prints = {dataclasses.replace(small(), **change).fingerprint() for change in changes}
    assert len(prints | {base}) == 6


def test_history_and_fingerprint_of_a_split():
    data = small()
    mask = np.array([True, False, True, False])
    split = Split(data.where(mask), data.where(~mask), data.where(~mask), "given", 0)
    assert split.history("valid") is split.train
    joined = split.history("test")
    assert joined.fingerprint() == data.fingerprint()
    assert joined.timestamps is not None
    assert joined.timestamps.tolist() == [2, 9, 1, 7]
    with pytest.raises(SparserecError, match="'valid' or 'test'"):
        split.history("train")
    turned = Split(split.valid, split.train, split.test, "given", 0)
    assert turned.fingerprint() != split.fingerprint()


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5), st.integers(-9, 9)), max_size=40), st.randoms())
def test_the_order_of_the_pairs_changes_nothing(pairs, random):
    latest: dict[tuple[int, int], int] = {}
    for user, item, time in pairs:
        latest[user, item] = max(time, latest.get((user, item), time))
    shuffled = random.sample(pairs, len(pairs))
    columns = [np.array([pair[i] for pair in shuffled], dtype=np.int64) for i in range(3)]
    data = Interactions.of(*columns[:2], ids("u", 5), ids("i", 6), columns[2])
    assert data.timestamps is not None
    found = zip(data.rows().tolist(), data.indices.tolist(), data.timestamps.tolist(), strict=True)
    assert [((u, i), t) for u, i, t in found] == sorted(latest.items())
    assert data.duplicates == len(pairs) - len(latest)
    rows = itertools.pairwise(data.indptr.tolist())
    assert all((np.diff(data.indices[a:b]) > 0).all() for a, b in rows)
