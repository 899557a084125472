from __future__ import annotations

import sys

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from sparserec.errors import SparserecError
from sparserec.teachers import ease


def interactions(n_users, n_items, seed):
    generator = np.random.default_rng(seed)
    return sp.csr_array((generator.random((n_users, n_items)) < 0.3).astype(np.float32))


@given(st.integers(1, 30), st.integers(2, 20), st.integers(0, 99), st.sampled_from([1.0, 30.0, 1000.0]))
@settings(max_examples=40)
def test_the_matrix_is_the_one_of_least_squares_without_a_diagonal(n_users, n_items, seed, regularisation):
    matrix = interactions(n_users, n_items, seed)
    teacher = ease(matrix, regularisation)
    x = matrix.toarray().astype(np.float64)
    for item in range(n_items):  # a ridge regression of each item on all the others
        others = np.delete(np.arange(n_items), item)
        gram = x[:, others].T @ x[:, others] + regularisation * np.eye(n_items - 1)
        expected = np.linalg.solve(gram, x[:, others].T @ x[:, item])
        np.testing.assert_allclose(teacher.weights[others, item], expected, rtol=1e-3, atol=1e-4)
        assert teacher.weights[item, item] == 0
    found = teacher.score_histories(matrix)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, x @ teacher.weights, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("n_users", [5, 3])
def test_too_little_regularisation_is_an_error(n_users):
    with pytest.raises(SparserecError, match="larger regularisation than 1e-30"):
        ease(sp.csr_array(np.ones((n_users, 6), dtype=np.float32)), 1e-30)


@pytest.mark.parametrize("regularisation", [2.0, 100.0])
def test_few_users_give_the_same_matrix_by_way_of_theirs(monkeypatch, regularisation):
    matrix = interactions(40, 90, seed=5)
    few = ease(matrix, regularisation).weights
    monkeypatch.setattr(sys.modules["sparserec.teachers.ease"], "FEW", 1000)
    np.testing.assert_allclose(few, ease(matrix, regularisation).weights, rtol=1e-3, atol=1e-5)
    assert few.flags.c_contiguous
