"""Reasons: what each item of the history adds."""

from __future__ import annotations

import numpy as np
import pytest
from catalogues import Catalogue, catalogues
from hypothesis import given
from hypothesis import strategies as st

from sparserec import SparserecError
from sparserec.device import Recommendation


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("explain") / "model"


@given(catalogues(), st.data())
def test_parts_are_those_of_each_item_alone_and_add_up(path, catalogue, data):
    recommender = catalogue.open(path)
    history = data.draw(st.lists(st.integers(0, len(catalogue.items) - 1), min_size=1, max_size=4))
    explained = recommender.recommend(history, k=5, explain=True)
    assert [(one.item, one.score) for one in explained] == recommender.recommend(history, k=5)
    for one in explained:
        alone = {str(i): float(catalogue.scores([i])[int(one.item)]) for i in dict.fromkeys(history)}
        np.testing.assert_allclose([part for _, part in one.because], [alone[item] for item, _ in one.because])
        assert sorted(item for item, _ in one.because) == sorted(alone)
        parts = [part for _, part in one.because]
        assert parts == sorted(parts, reverse=True)
        assert sum(parts) == pytest.approx(one.score, rel=1e-5, abs=1e-5)


def test_worked_by_hand(path):
    """Item 2 shares column 0 with the first item of the history and, negatively, column 1 with the second."""
    items = np.array([[2, 0], [0, 1], [3, -0.5]], dtype=np.float32)
    recommender = Catalogue(items, None, np.array([1, 1, 2]), None, False, "float16").open(path)
    assert recommender.recommend(["1", "0", "1"], explain=True) == [
        Recommendation("2", 11.0, (("0", 12.0), ("1", -1.0)))
    ]


def test_a_user_of_the_table_has_no_reasons(path):
    recommender = Catalogue(np.ones((3, 2)), np.ones((1, 2)), None, None, False, "float16").open(path)
    with pytest.raises(SparserecError, match="give a history alone"):
        recommender.recommend(user="user 0", explain=True)
