"""Item-item models cut to a number of weights: which stay, and the values that they take then."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from sparserec.sparsity import as_item_rows, largest_weights, refitted

pytestmark = pytest.mark.usefixtures("one_thread")


def model(n: int, density: float, seed: int) -> sp.csr_array:
    generator = np.random.default_rng(seed)
    dense = generator.random((n, n)) * (generator.random((n, n)) < density)
    np.fill_diagonal(dense, 0)
    return sp.csr_array(dense.astype(np.float32))


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 12), st.floats(0, 1), st.integers(0, 99), st.integers(0, 100), st.sampled_from([0.0, 0.5]))
def test_the_largest_weights_stay_and_every_item_has_one(n, density, seed, more, power):
    whole, importance = model(n, density, seed), (1 + np.arange(n)) ** power
    count = n + more
    few = largest_weights(whole, importance, count)
    columns = few.toarray()
    assert (np.count_nonzero(columns, axis=0) >= 1).all()
    alone = np.count_nonzero(whole.toarray(), axis=0) == 0
    assert few.nnz == min(count, whole.nnz + alone.sum())
    inside = few.toarray() * ~np.eye(n, dtype=bool)
    np.testing.assert_array_equal(inside[inside > 0], whole.toarray()[inside > 0])
    worth = whole.toarray() * importance[:, None]
    gone = (whole.toarray() > 0) & (inside == 0)
    firsts = worth == worth.max(axis=0, keepdims=True)
    if gone.any():  # nothing that went is worth more than what stays, but for the first of each item
        stays = (inside > 0) & ~firsts
        assert not stays.any() or worth[gone].max() <= worth[stays].min() + 1e-9


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 10), st.integers(0, 99))
def test_fitted_weights_lose_the_least(n, seed):
    generator = np.random.default_rng(seed)
    histories = (generator.random((30, n)) < 0.4) * generator.random((30, n))
    common = sp.csr_array((histories.T @ histories).astype(np.float32))
    whole = model(n, 0.8, seed)
    few = largest_weights(whole, np.ones(n), 2 * n)
    fitted = refitted(few, whole, common, 1e-6).toarray()
    dense, wanted = whole.toarray().astype(np.float64), common.toarray().astype(np.float64)
    for item in range(n):
        rows = np.flatnonzero(few.toarray()[:, item])
        if not len(rows) or dense[:, item].max() == 0:
            continue
        best = np.linalg.lstsq(histories[:, rows], histories @ dense[:, item], rcond=None)[0]

        def lost(weights, item=item, rows=rows):
            error = -dense[:, item].copy()
            error[rows] += weights
            return error @ wanted @ error

        assert lost(fitted[rows, item]) <= lost(best) * 1.01 + 1e-6
        assert lost(fitted[rows, item]) <= lost(dense[rows, item]) + 1e-6


def test_weights_of_items_that_nobody_took_together_stay_as_they_are():
    whole = sp.csr_array(np.array([[0, 0.5, 0], [0.25, 0, 0], [0, 0, 0]], dtype=np.float32))
    few = largest_weights(whole, np.ones(3), 3)
    common = sp.csr_array(np.diag([2.0, 3.0, 1.0]).astype(np.float32))
    np.testing.assert_allclose(refitted(few, whole, common, 0.1).toarray(), few.toarray(), rtol=1e-6)


def test_rows_of_the_table_are_what_leads_to_an_item():
    whole = model(6, 0.7, 3)
    table = as_item_rows(whole)
    assert table.indptr[-1] == whole.nnz
    for item in range(6):
        part = slice(table.indptr[item], table.indptr[item + 1])
        assert (np.diff(table.columns[part]) > 0).all()
        np.testing.assert_array_equal(table.values[part], whole.toarray()[table.columns[part], item])
