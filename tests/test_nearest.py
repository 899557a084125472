from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from sparserec import nearest
from sparserec.nearest import best_of_rows, shared_by_users


@given(st.lists(st.lists(st.integers(-2, 3), max_size=9), min_size=1, max_size=6), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_places_are_those_of_the_highest_scores(rows, count):
    indptr = np.concatenate(([0], np.cumsum([len(row) for row in rows])))
    scores = np.float32([score for row in rows for score in row])
    expected = []
    for first, row in zip(indptr.tolist(), rows, strict=False):
        best = sorted((place for place, score in enumerate(row) if score > 0), key=lambda place: (-row[place], place))
        chosen = [first + place for place in best[:count]]
        expected.append(chosen + [-1] * (count - len(chosen)))
    assert best_of_rows(indptr, scores, count).tolist() == expected


@pytest.mark.parametrize("cells", [1, 14, 1000])
def test_products_are_those_of_the_columns(cells, monkeypatch):
    monkeypatch.setattr(nearest, "CELLS", cells)
    generator = np.random.default_rng(0)
    taken = sp.csr_array((generator.random((11, 7)) < 0.3) * generator.random((11, 7)))
    parts = list(shared_by_users(taken))
    assert np.vstack([part.toarray() for _, part in parts]) == pytest.approx((taken.T @ taken).toarray())
    assert np.concatenate([item for item, _ in parts]).tolist() == sorted(sp.coo_array(taken.T @ taken).coords[0])
    assert len(parts) == {1: 7, 14: 4, 1000: 1}[cells]


def test_products_on_several_threads_come_in_the_same_order(on_threads, monkeypatch):
    monkeypatch.setattr(nearest, "CELLS", 60)
    generator = np.random.default_rng(1)
    taken = sp.csr_array(((generator.random((40, 30)) < 0.2) * generator.random((40, 30))).astype(np.float32))
    one, two = on_threads(lambda: list(shared_by_users(taken)))
    assert len(one) == len(two) == 15
    for (item, part), (other_item, other) in zip(one, two, strict=True):
        assert np.array_equal(item, other_item)
        assert (part != other).nnz == 0


def test_the_number_of_threads_changes_nothing(on_threads):
    generator = np.random.default_rng(0)
    scores, indptr = generator.integers(0, 5, 4000).astype(np.float32), np.arange(0, 4001, 40)
    one, two = on_threads(lambda: best_of_rows(indptr, scores, 7))
    assert np.array_equal(one, two)
