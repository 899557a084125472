from __future__ import annotations

import time

import numpy as np
import pytest

from sparserec.errors import SparserecError
from sparserec.interactions import describe, split, synthetic


def test_shape_ids_and_titles():
    started = time.perf_counter()
    dataset, titles = synthetic()
    assert time.perf_counter() - started < 2
    data = dataset.interactions
    assert (data.n_users, data.n_items, len(titles)) == (2000, 1500, 1500)
    assert (data.users[7], data.items[42]) == ("u0007", "i0042")
    assert data.user_degrees().min() >= 5
    assert 27 < data.user_degrees().mean() < 33
    assert data.duplicates == 0
    assert dataset.timestamped
    assert dataset.test is None
    assert len(set(titles)) == 1500
    assert all(title.startswith("The ") and title.endswith(")") for title in titles)


@pytest.mark.parametrize(("items", "clusters"), [(9000, 24), (3000, 1), (500, 400), (50, 75)])
def test_titles_are_distinct_at_any_size(items, clusters):
    _, titles = synthetic(n_users=2, n_items=items, interactions_per_user=5, n_clusters=clusters)
    assert len(set(titles)) == items


def test_the_seed_decides():
    def fingerprint(seed):
        data, titles = synthetic(100, 80, 8, 4, seed)
        return data.interactions.fingerprint(), data.interactions.timestamps.tolist(), titles  # type: ignore[union-attr]

    assert fingerprint(3) == fingerprint(3)
    assert fingerprint(3)[0] != fingerprint(4)[0]


def test_popularity_is_long_tailed():
    found = describe(synthetic()[0])
    assert 0.3 < found["gini_items"] < 0.7
    assert found["top_1_percent_items_share"] > 0.04


def test_a_collaborative_model_clearly_beats_popularity():
    cut = split(synthetic()[0], kind="random", valid_users=0)
    train, relevant = cut.train.csr().toarray(), cut.test.csr().toarray()
    popularity = cut.train.item_degrees()
    weights = 1 / np.sqrt(np.maximum(popularity, 1))
    similar = (train.T @ train) * weights[:, None] * weights
    np.fill_diagonal(similar, 0)

    def recall(scores):
        top = np.argsort(np.where(train > 0, -np.inf, scores), axis=1)[:, -20:]
        hits = np.take_along_axis(relevant, top, axis=1).sum(axis=1)
        return (hits / relevant.sum(axis=1)).mean()

    popular, neighbours = recall(np.broadcast_to(popularity, train.shape)), recall(train @ similar)
    assert 0.05 < popular < 0.2
    assert neighbours > 2 * popular


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_users": 0}, "n_users must be at least 1, not 0"),
        ({"n_items": 9}, "n_items must be at least 10"),
        ({"interactions_per_user": 4}, "interactions_per_user must be at least 5 and at most 750, not 4"),
        ({"interactions_per_user": 751}, "at most 750, not 751"),
        ({"n_clusters": 0}, "n_clusters must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(SparserecError, match=message):
        synthetic(**options)
