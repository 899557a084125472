from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from sparserec.errors import SparserecError
from sparserec.sparsity import (
    Entries,
    kept_in_a_row,
    masks_of_entries,
    masks_of_factors,
    nmf_entries,
    nmf_factors,
    spectral_entries,
)
from sparserec.sparsity.initial import normalised
from sparserec.sparsity.sparse_nmf import _descend, _write


def interactions(n_users=40, n_items=30, seed=0, share=0.3):
    generator = np.random.default_rng(seed)
    matrix = generator.random((n_users, n_items)) < share
    matrix[np.arange(n_users), generator.integers(0, n_items, n_users)] = True
    return sp.csr_array(matrix.astype(np.float32))


def entries_of(matrix, kept, block=3):
    entries = Entries.empty(len(matrix), kept, matrix.shape[1])
    for first in range(0, len(matrix), block):
        entries.put(first, matrix[first : first + block])
    return entries


def whole(entries, dim):
    matrix = np.zeros((len(entries.norms), dim), np.float32)
    np.put_along_axis(matrix, entries.columns.astype(np.int64), entries.values, axis=1)
    return matrix


# -- masks of entries -----------------------------------------------------------------------------------------------


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=3),
    st.sampled_from([1, 2, 5, 300]),
    st.floats(0, 1),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.booleans(),
    st.integers(1, 4),
    st.integers(0, 2**31),
)
@settings(max_examples=80)
def test_masks_are_those_of_the_whole_factors(rows, dim, share, evenness, per_table, levels, seed):
    generator = np.random.default_rng(seed)
    # Few distinct values, so that scores tie.
    factors = [generator.integers(-levels, levels + 1, (n, dim)).astype(np.float32) for n in rows]
    budget = sum(rows) + round(share * sum(rows) * (dim - 1))
    options = {"evenness": evenness, "per_table": per_table}
    expected = masks_of_factors(factors, budget, **options)
    found = masks_of_entries([entries_of(part, dim) for part in factors], budget, **options)
    for one, two in zip(expected, found, strict=True):
        assert np.array_equal(one.indptr, two.indptr)
        assert np.array_equal(one.columns, two.columns)
        assert np.array_equal(one.values, two.values)


def test_of_a_row_the_largest_entries_are_kept_in_the_order_of_columns():
    entries = entries_of(np.float32([[1, -5, 0, 3, 4], [0, 0, 0, 0, 0]]), 3)
    assert entries.columns.tolist() == [[1, 3, 4], [0, 1, 2]]
    assert entries.values.tolist() == [[-5, 3, 4], [0, 0, 0]]
    assert entries.norms == pytest.approx([51**0.5, 0])


@pytest.mark.parametrize("budget", [3, 13])
def test_a_budget_that_does_not_fit_is_refused(budget):
    with pytest.raises(SparserecError, match="does not fit 4 rows with 12 entries"):
        masks_of_entries([entries_of(np.ones((4, 5), np.float32), 3)], budget)


@pytest.mark.parametrize(
    ("budget", "n_rows", "dim", "kept"),
    [(10, 10, 64, 4), (11, 10, 64, 8), (80, 10, 64, 32), (320, 10, 64, 46), (640, 10, 64, 64), (1, 1, 1, 1)],
)
def test_a_row_keeps_four_times_its_share_up_to_half_of_it_and_then_less_beside_it(budget, n_rows, dim, kept):
    assert kept_in_a_row(budget, n_rows, dim) == kept


@given(dim=st.integers(1, 300), budget=st.integers(1, 3000))
def test_a_row_keeps_its_share_at_least_and_never_more_than_there_is(dim, budget):
    n_rows = 10
    share = -(-budget // n_rows)
    if share <= dim:
        assert share <= kept_in_a_row(budget, n_rows, dim) <= dim


# -- nonnegative factors --------------------------------------------------------------------------------------------


def captured(matrix, users, items):
    """Share of the sum of squares that a factorisation explains."""
    matrix = matrix.toarray()
    return 1 - np.square(matrix - users @ items.T).sum() / np.square(matrix).sum()


@pytest.mark.parametrize("normalise", [True, False])
def test_factors_explain_about_as_much_as_those_that_are_held_whole(normalise):
    matrix, dim = interactions(300, 120, share=0.1), 12
    target = normalised(matrix) if normalise else matrix
    users, items = nmf_entries(matrix, dim, 6, normalise=normalise)
    known = captured(target, *nmf_factors(matrix, dim, normalise=normalise))
    assert captured(target, whole(users, dim), whole(items, dim)) > 0.9 * known


def test_a_row_is_its_nonnegative_least_squares_solution():
    generator = np.random.default_rng(0)
    held = generator.random((30, 4)).astype(np.float32)
    rows = interactions(9, 30)
    fitted, given_held = Entries.empty(9, 4, 4), entries_of(held, 4)
    fitted.columns[:], fitted.values[:] = np.arange(4), 0
    gram = (held.T @ held).astype(np.float32)
    for _ in range(40):
        _descend(
            *(rows.indptr, rows.indices, rows.data, given_held.columns, given_held.values),
            *(gram, np.diag(gram).copy(), 1 / np.diag(gram), fitted.columns, fitted.values),
        )
    for row, target in enumerate(rows.toarray()):
        assert fitted.values[row] == pytest.approx(nnls(held, target)[0], abs=2e-2)


def test_positive_weights_are_kept_before_those_that_may_grow():
    columns, values = np.empty(3, np.uint8), np.empty(3, np.float32)
    weights, gradient = np.float32([0, 0.5, 0, 0, 0.1, 0]), np.float32([3, 0, -2, -1, 0, -2])
    _write(weights, gradient, columns, values)
    assert columns.tolist() == [1, 2, 4]
    assert values.tolist() == [0.5, 0, np.float32(0.1)]
    _write(weights, gradient, columns[:1], values[:1])
    assert columns[0] == 1


@given(st.integers(2, 30), st.integers(2, 30), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_factors_are_whole_and_not_negative(n_users, n_items, seed):
    dim = min(n_users, n_items, 7)
    for kept in {1, dim}:
        sides = nmf_entries(interactions(n_users, n_items, seed), dim, kept, sweeps=3)
        for side, n_rows in zip(sides, (n_users, n_items), strict=True):
            assert side.columns.shape == side.values.shape == (n_rows, kept)
            assert (side.values >= 0).all()
            assert np.isfinite(side.values).all()
            assert (np.diff(side.columns.astype(np.int64), axis=1) > 0).all()
            assert side.columns.max() < dim


def test_balanced_columns_have_equal_norms():
    users, items = (whole(side, 6) for side in nmf_entries(interactions(80, 50), 6, 6))
    assert np.linalg.norm(users, axis=0) == pytest.approx(np.linalg.norm(items, axis=0), rel=1e-4)
    users, items = (whole(side, 6) for side in nmf_entries(interactions(80, 50), 6, 6, balance=False))
    assert np.linalg.norm(users, axis=0) != pytest.approx(np.linalg.norm(items, axis=0), rel=0.1)


# -- singular vectors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sides", [(90, 22), (22, 90)])
def test_entries_are_those_of_the_singular_vectors(sides):
    matrix, dim = interactions(*sides), 8
    users, items = (whole(side, dim) for side in spectral_entries(matrix, dim, dim))
    left, singular, right = np.linalg.svd(normalised(matrix).toarray(), full_matrices=False)
    # Rotated or not, inner products are the same.
    assert users @ items.T == pytest.approx((left[:, :dim] * singular[:dim]) @ right[:dim], abs=1e-4)
    assert items @ items.T == pytest.approx((right[:dim].T * singular[:dim]) @ right[:dim], abs=1e-4)


def test_rows_of_entries_have_few_large_ones():
    matrix, dim = interactions(200, 90), 16
    kept = spectral_entries(matrix, dim, 4)
    plain = [np.linalg.norm(whole(side, dim), axis=1) / side.norms for side in kept]
    assert min(part.mean() for part in plain) > 0.75  # of the length of a row lies in a quarter of its entries


def test_a_rank_below_the_columns_gives_numbers_nonetheless():
    matrix = sp.csr_array(np.repeat(np.eye(4, dtype=np.float32), 5, axis=0))
    for side in (*spectral_entries(matrix, 4, 2), *nmf_entries(matrix, 4, 2)):
        assert np.isfinite(side.values).all()
    matrix = sp.csr_array(np.ones((9, 6), np.float32))
    for side in (*spectral_entries(matrix, 4, 4), *nmf_entries(matrix, 4, 4)):
        assert np.isfinite(side.values).all()
        assert np.abs(side.values).max() < 10


@pytest.mark.parametrize("make", [nmf_entries, spectral_entries])
def test_the_number_of_threads_changes_no_entries(make, on_threads):
    one, two = on_threads(lambda: make(interactions(120, 90), 8, 3))
    for first, second in zip(one, two, strict=True):
        assert np.array_equal(first.columns, second.columns)
        assert np.array_equal(first.values, second.values)


@pytest.mark.parametrize("make", [nmf_entries, spectral_entries])
def test_more_columns_than_the_smaller_side_are_refused(make):
    with pytest.raises(SparserecError, match="at most 30 columns"):
        make(interactions(), 31, 4)
