from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sparserec.errors import SparserecError
from sparserec.sparsity import masks_of_factors, nmf_factors, random_mask, spectral_factors, varimax
from sparserec.sparsity.initial import (
    Normalisation,
    _draw_columns,
    _settle,
    _turned,
    nearest_rotation,
    normalised,
    wide_varimax,
)


def interactions(n_users=14, n_items=12, seed=0):
    generator = np.random.default_rng(seed)
    matrix = generator.random((n_users, n_items)) < 0.35
    matrix[np.arange(n_users), generator.integers(0, n_items, n_users)] = True
    return sp.csr_array(matrix.astype(np.float32))


def check(mask, n_rows, dim):
    assert len(mask.indptr) == n_rows + 1
    assert mask.indptr[0] == 0
    assert len(mask.columns) == len(mask.values) == mask.indptr[-1]
    assert (np.diff(mask.indptr) >= 1).all()
    assert mask.columns.max() < dim
    follows = np.diff(mask.columns.astype(np.int64)) > 0
    follows[mask.indptr[1:-1] - 1] = True
    assert follows.all()


# -- random ---------------------------------------------------------------------------------------------------------


@given(
    st.one_of(st.integers(1, 50), st.integers(900, 5000)),
    st.one_of(st.integers(1, 8), st.integers(200, 300)),
    st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1)),
    st.integers(0, 2**31),
)
@settings(max_examples=50)
def test_a_random_mask_has_the_exact_budget_and_no_empty_row(n_rows, dim, share, seed):
    budget = n_rows + round(share * (n_rows * dim - n_rows))
    mask = random_mask(n_rows, dim, budget, np.random.default_rng(seed))
    check(mask, n_rows, dim)
    assert len(mask.columns) == budget
    again = random_mask(n_rows, dim, budget, np.random.default_rng(seed))
    assert np.array_equal(mask.indptr, again.indptr)
    assert np.array_equal(mask.columns, again.columns)


@pytest.mark.parametrize("n_rows", [40, 2000])
def test_another_seed_gives_another_random_mask(n_rows):
    one, two = (random_mask(n_rows, 10, n_rows * 3, np.random.default_rng(seed)) for seed in (0, 1))
    assert not np.array_equal(one.columns, two.columns)


def test_a_random_mask_favours_no_column():
    mask = random_mask(4000, 20, 16_000, np.random.default_rng(0))
    counts = np.bincount(mask.columns, minlength=20)
    # 800 each, with a standard deviation of about 25.
    assert np.abs(counts - 800).max() < 130


def test_the_number_of_threads_changes_no_random_mask(on_threads):
    one, two = on_threads(lambda: random_mask(3000, 50, 20_000, np.random.default_rng(3)))
    assert np.array_equal(one.indptr, two.indptr)
    assert np.array_equal(one.columns, two.columns)


@pytest.mark.parametrize("budget", [0, 9, 71])
def test_a_random_mask_refuses_a_budget_that_does_not_fit(budget):
    with pytest.raises(SparserecError, match="does not fit"):
        random_mask(10, 7, budget, np.random.default_rng(0))


def plain_numbers(seed):
    """xorshift64* in whole numbers of any length, from 0 to below 1.

    Source: Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled" (arXiv 1402.6246).
    """
    low, state = (1 << 64) - 1, seed
    while True:
        state ^= state >> 12
        state = (state ^ (state << 25)) & low
        state ^= state >> 27
        yield ((state * 2685821657736338717 & low) >> 11) / 2**53


def test_the_first_number_of_the_plain_generator_is_the_published_one():
    assert next(plain_numbers(1)) == (5180492295206395165 >> 11) / 2**53


@pytest.mark.parametrize("dim", [5, 30])
def test_columns_are_those_of_selection_sampling(dim):
    generator = np.random.default_rng(0)
    lengths = generator.integers(1, dim + 1, 60)
    seeds = generator.integers(0, 2**63, 60, dtype=np.uint64)
    indptr, columns = np.concatenate(([0], np.cumsum(lengths))), np.empty(lengths.sum(), np.uint8)
    _draw_columns(indptr, dim, seeds, columns)
    expected = []
    for seed, length in zip(seeds.tolist(), lengths.tolist(), strict=True):
        numbers, missing = plain_numbers(seed | 1), length
        for column in range(dim):
            if missing and next(numbers) < missing / (dim - column):
                expected.append(column)
                missing -= 1
    assert columns.tolist() == expected


@pytest.mark.parametrize(("dim", "dtype"), [(1, np.uint8), (256, np.uint8), (257, np.uint16)])
def test_a_full_random_mask_has_every_column_once_and_no_values_yet(dim, dtype):
    mask = random_mask(3, dim, 3 * dim, np.random.default_rng(0))
    assert mask.columns.dtype == dtype
    assert mask.columns.tolist() == list(range(dim)) * 3
    assert mask.values.dtype == np.float32
    assert not mask.values.any()


@pytest.mark.parametrize(
    ("lengths", "missing", "settled"),
    [
        ([3, 3, 1], 1, [3, 3, 2]),
        ([3, 3, 1], 2, [3, 3, 3]),
        ([2, 3, 1], 3, [3, 3, 3]),
        ([1, 1, 2], -1, [1, 1, 1]),
        ([1, 1, 3], -2, [1, 1, 1]),
        ([3, 2, 1], -3, [1, 1, 1]),
        ([2, 1, 3], 0, [2, 1, 3]),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_single_coordinates_are_added_and_taken_where_there_is_room(lengths, missing, settled, seed):
    lengths = np.array(lengths)
    _settle(lengths, missing, 3, np.random.default_rng(seed))
    assert lengths.tolist() == settled


def test_coordinates_are_taken_from_different_rows_before_a_row_gives_two():
    lengths = np.full(5, 4)
    _settle(lengths, -7, 9, np.random.default_rng(0))
    assert sorted(lengths.tolist()) == [2, 2, 3, 3, 3]


def test_a_random_mask_has_rows_of_all_lengths():
    mask = random_mask(500, 6, 1500, np.random.default_rng(0))
    counts = np.bincount(np.diff(mask.indptr), minlength=7)
    # Those of a draw of 1500 of 3000 coordinates: 500 times (6 choose k) / 64; the rows of none have one.
    np.testing.assert_allclose(counts, [0, 55, 117, 156, 117, 47, 8], atol=35)


# -- masks of factors -----------------------------------------------------------------------------------------------


@given(st.integers(1, 8), st.integers(1, 8), st.integers(1, 6), st.floats(0, 1), st.booleans(), st.integers(0, 99))
def test_masks_of_factors_share_one_exact_budget(n_users, n_items, dim, share, per_table, seed):
    rows = n_users + n_items
    budget = rows + int(share * (rows * dim - rows))
    generator = np.random.default_rng(seed)
    factors = [generator.standard_normal((n, dim)).astype(np.float32) for n in (n_users, n_items)]
    masks = masks_of_factors(factors, budget, per_table=per_table)
    assert sum(len(mask.columns) for mask in masks) == budget
    for mask, part in zip(masks, factors, strict=True):
        check(mask, len(part), dim)
        assert np.array_equal(mask.values, part[np.repeat(np.arange(len(part)), np.diff(mask.indptr)), mask.columns])
    if per_table:
        assert len(masks[0].columns) == budget * n_users // rows


def test_tables_compete_for_the_largest_entries_unless_each_has_its_share():
    users, items = np.array([[9, -8], [7, 1]], np.float32), np.array([[0.1, -0.2], [0.3, 0]], np.float32)
    together = masks_of_factors([users, items], 6)
    assert [mask.columns.tolist() for mask in together] == [[0, 1, 0, 1], [1, 0]]
    np.testing.assert_array_equal(together[0].values, np.array([9, -8, 7, 1], np.float32))
    apart = masks_of_factors([users, items], 6, per_table=True)
    assert [mask.columns.tolist() for mask in apart] == [[0, 1, 0], [0, 1, 0]]


def test_evenness_takes_the_size_of_a_row_out_of_the_competition():
    factors = [np.array([[10, 9, 8], [0.3, 0.29, 0.01]], np.float32)]
    assert np.diff(masks_of_factors(factors, 4)[0].indptr).tolist() == [3, 1]
    (even,) = masks_of_factors(factors, 4, evenness=1)
    assert np.diff(even.indptr).tolist() == [2, 2]
    np.testing.assert_array_equal(even.values, np.array([10, 9, 0.3, 0.29], np.float32))


def test_a_power_of_the_rows_size_lies_in_between():
    # Over the root of their norms, 5 and 0.05, the rows are (1.34, 1.79) and (0.134, 0.179); over the norms, alike.
    factors = [np.array([[3, 4], [0.03, 0.04]], np.float32), np.array([[0.9, 1.2]], np.float32)]
    half = masks_of_factors(factors, 5, evenness=0.5)
    assert [np.diff(mask.indptr).tolist() for mask in half] == [[2, 1], [2]]
    # The third row, over the root of 1.5, is (0.73, 0.98): ahead of it come the two of the first.
    assert [mask.columns.tolist() for mask in masks_of_factors(factors, 4, evenness=0.5)] == [[0, 1, 1], [1]]
    # Over the square of the norm, it is the small row whose entries are large.
    assert [np.diff(mask.indptr).tolist() for mask in masks_of_factors(factors, 4, evenness=2.0)] == [[1, 2], [1]]


def test_evenness_holds_where_each_table_has_its_share():
    factors = [np.array([[10, 9, 8], [0.3, 0.29, 0.01]], np.float32)] * 2
    for mask in masks_of_factors(factors, 8, evenness=1, per_table=True):
        assert np.diff(mask.indptr).tolist() == [2, 2]


def test_rows_of_zeros_keep_one_entry_whatever_the_evenness():
    (mask,) = masks_of_factors([np.array([[0, 0], [3, 4]], np.float32)], 3, evenness=1)
    assert (mask.indptr.tolist(), mask.columns.tolist()) == ([0, 1, 3], [0, 0, 1])


def test_three_tables_share_a_budget():
    factors = [np.full((rows, 2), size, np.float32) for rows, size in ((1, 1), (2, 3), (3, 2))]
    masks = masks_of_factors(factors, 6 + 4)
    # The four that are free go to the rows of 3, which are two, and then to the first two rows of 2.
    assert [mask.indptr.tolist() for mask in masks] == [[0, 1], [0, 2, 4], [0, 2, 4, 5]]
    assert [set(mask.values.tolist()) for mask in masks] == [{1.0}, {3.0}, {2.0}]


# -- factorisations -------------------------------------------------------------------------------------------------


def test_normalised_divides_by_the_roots_of_both_degrees():
    matrix = sp.csr_array(np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0]], dtype=np.float32))
    expected = [[1 / 2, 1 / np.sqrt(2), 0], [1 / np.sqrt(2), 0, 0], [0, 0, 0]]
    np.testing.assert_allclose(normalised(matrix).toarray(), expected, rtol=1e-6)


def test_normalised_is_single_precision_and_by_default_the_plain_one():
    matrix = interactions()
    assert normalised(matrix.astype(np.float64)).dtype == np.float32
    assert normalised(matrix, Normalisation(0.5, 1.0)).dtype == np.float32
    assert Normalisation() == Normalisation(user_power=1.0, smoothing=0.0)
    # Its largest singular value is 1 without another division.
    assert np.linalg.norm(normalised(matrix).toarray(), 2) == pytest.approx(1, abs=1e-6)


def test_the_degrees_that_stand_for_items():
    degrees = Normalisation(smoothing=2.5).degrees(np.array([0, 1, 7]))
    assert degrees.tolist() == [3.5, 3.5, 9.5]
    assert degrees.dtype == np.float32


def test_no_interactions_at_all_are_normalised_to_none():
    empty = sp.csr_array((4, 3), dtype=np.float32)
    assert normalised(empty, Normalisation(0.5, 1.0)).nnz == 0


@given(st.floats(0, 2), st.floats(0, 50), st.integers(0, 99))
@example(0.0, 0.0, 42)
@settings(max_examples=25)
def test_normalised_divides_by_powers_of_both_degrees_and_its_largest_singular_value(power, smoothing, seed):
    matrix = interactions(seed=seed)
    how = Normalisation(power, smoothing)
    # An item may have no interactions, and then counts as if it had one.
    users, items = (np.maximum(np.asarray(matrix.sum(axis=axis)).ravel(), 1) for axis in (1, 0))
    expected = matrix.toarray() / np.sqrt(users**power)[:, None] / np.sqrt(items + smoothing)
    expected /= np.linalg.norm(expected, 2)
    np.testing.assert_allclose(normalised(matrix, how).toarray(), expected, rtol=2e-3, atol=1e-6)
    np.testing.assert_allclose(how.degrees(items), items + smoothing, rtol=1e-6)


@pytest.mark.parametrize("normalise", [True, False])
def test_nmf_factors_are_nonnegative_balanced_and_repeatable(normalise):
    users, items = nmf_factors(interactions(), 4, normalise=normalise)
    assert (users.shape, items.shape) == ((14, 4), (12, 4))
    assert users.dtype == items.dtype == np.float32
    assert min(users.min(), items.min()) >= 0
    np.testing.assert_allclose(np.linalg.norm(users, axis=0), np.linalg.norm(items, axis=0), rtol=1e-4)
    again = nmf_factors(interactions(), 4, normalise=normalise)
    assert np.array_equal(users, again[0])
    assert np.array_equal(items, again[1])


def test_the_settings_that_factorisations_have_unless_told_otherwise():
    matrix = interactions(60, 40)
    for one, two in (
        (nmf_factors(matrix, 6), nmf_factors(matrix, 6, normalise=True, balance=True, seed=0, max_iter=40)),
        (spectral_factors(matrix, 6), spectral_factors(matrix, 6, power=0.5, seed=0)),
    ):
        for ours, same in zip(one, two, strict=True):
            np.testing.assert_array_equal(ours, same)
    assert not np.array_equal(nmf_factors(matrix, 6)[0], nmf_factors(matrix, 6, seed=1)[0])
    assert not np.array_equal(spectral_factors(matrix, 6)[0], spectral_factors(matrix, 6, seed=1)[0])


def test_more_sweeps_bring_nmf_factors_closer():
    matrix = interactions(60, 40)
    gaps = []
    for sweeps in (1, 5, 40):
        users, items = nmf_factors(matrix, 8, max_iter=sweeps)
        gaps.append(np.linalg.norm(normalised(matrix).toarray() - users @ items.T))
    assert gaps[0] > 1.01 * gaps[1] > 1.01 * gaps[2]


def test_nmf_columns_that_hold_nothing_are_balanced_too():
    # Users of the same two items: one column is enough, and the other, of zeros, has no norm to divide by.
    matrix = sp.csr_array(np.tile([[1, 1, 0]], (5, 1)).astype(np.float32))
    users, items = nmf_factors(matrix, 3)
    assert np.isfinite(users).all()
    assert np.isfinite(items).all()
    np.testing.assert_allclose(users @ items.T, normalised(matrix).toarray(), atol=1e-3)


def test_nmf_factors_reconstruct_and_balancing_leaves_the_product_as_it_is():
    matrix = interactions()
    users, items = nmf_factors(matrix, 6, max_iter=200)
    raw_users, raw_items = nmf_factors(matrix, 6, max_iter=200, balance=False)
    np.testing.assert_allclose(users @ items.T, raw_users @ raw_items.T, rtol=1e-3, atol=1e-5)
    target = normalised(matrix).toarray()
    assert np.linalg.norm(target - users @ items.T) < 0.6 * np.linalg.norm(target)


@pytest.mark.parametrize("power", [0.5, 1.0, 0.0])
def test_spectral_factors_have_the_inner_products_of_a_truncated_svd(power):
    matrix, dim = interactions(), 4
    users, items = spectral_factors(matrix, dim, power=power)
    assert users.dtype == items.dtype == np.float32
    left, singular, right = np.linalg.svd(normalised(matrix).toarray().astype(np.float64), full_matrices=False)
    left, right = left[:, :dim] * singular[:dim] ** power, right[:dim].T * singular[:dim] ** power
    np.testing.assert_allclose(users @ items.T, left @ right.T, atol=1e-4)
    np.testing.assert_allclose(users @ users.T, left @ left.T, atol=1e-4)
    np.testing.assert_allclose(items @ items.T, right @ right.T, atol=1e-4)
    assert np.array_equal(users, spectral_factors(matrix, dim, power=power)[0])


def criterion(loadings):
    """The varimax criterion of row-normalised loadings: the variance of the squares, summed over columns."""
    unit = loadings / np.linalg.norm(loadings, axis=1, keepdims=True)
    return np.var(unit**2, axis=0).sum()


@given(st.integers(2, 6), st.integers(0, 2**31))
@settings(max_examples=25)
def test_varimax_is_a_rotation_that_raises_its_criterion(dim, seed):
    loadings = np.random.default_rng(seed).standard_normal((40, dim))
    rotation = varimax(loadings)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(dim), atol=1e-4)
    assert criterion(loadings @ rotation) >= criterion(loadings) - 1e-4


def test_varimax_finds_the_axes_that_rows_lie_on():
    generator = np.random.default_rng(0)
    rows = np.eye(4)[np.arange(30) % 4] * generator.uniform(0.5, 5, (30, 1))
    turn, _ = np.linalg.qr(generator.standard_normal((4, 4)))
    found = np.abs(rows @ turn @ varimax(rows @ turn))
    np.testing.assert_allclose(np.sort(found, axis=1), np.sort(rows, axis=1), atol=1e-3)
    assert criterion(rows @ turn) < criterion(rows) / 2


@pytest.mark.parametrize("degrees", [1, 25, 41, 43, 44])
@pytest.mark.parametrize("counts", [(5, 7), (6, 6)])
def test_varimax_of_two_columns_does_not_go_to_and_fro(degrees, counts):
    angle = np.deg2rad(degrees)
    turn = np.array([[np.sin(angle), np.cos(angle)], [np.cos(angle), -np.sin(angle)]])
    rows = np.repeat(turn, counts, axis=0)
    found = np.abs(rows @ varimax(rows, max_iter=30, tolerance=1e-4))
    np.testing.assert_allclose(np.sort(found, axis=1), np.tile([0.0, 1.0], (len(rows), 1)), atol=0.02)


@given(st.integers(1, 40), st.integers(1, 60), st.integers(0, 99))
@settings(max_examples=40)
def test_wide_varimax_is_a_rotation_that_raises_its_criterion(dim, n_rows, seed):
    generator = np.random.default_rng(seed)
    loadings = generator.standard_normal((n_rows, dim)).astype(np.float32) * (generator.random((n_rows, 1)) < 0.9)
    loadings[:, generator.random(dim) < 0.1] = 0
    rotation = wide_varimax(loadings, stages=((20, 3), (None, 15)))
    assert rotation.dtype == np.float32
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(dim), atol=1e-4)
    if dim > 2 and n_rows > 4 * dim:  # with fewer, steps may go to and fro
        known = loadings[np.abs(loadings).max(axis=1) > 0]
        assert criterion(known @ rotation) >= 0.99 * criterion(known) - 1e-4


@pytest.mark.parametrize("seed", range(3))
def test_wide_varimax_comes_as_far_as_varimax(seed):
    generator = np.random.default_rng(seed)
    dim = 60
    groups = generator.integers(0, dim, 900)
    rows = np.eye(dim)[groups] + 0.15 * generator.standard_normal((900, dim))
    turn, _ = np.linalg.qr(generator.standard_normal((dim, dim)))
    found = [criterion(rows @ turn @ rotate(rows @ turn)) for rotate in (varimax, wide_varimax)]
    assert criterion(rows @ turn) < 0.2 * found[0]
    assert found[1] > 0.98 * found[0]


@pytest.mark.parametrize("alike", [True, False])
def test_wide_varimax_stands_still_where_varimax_does(alike):
    """Also where columns differ in how much of the rows they hold, and rows have something in common."""
    generator = np.random.default_rng(0)
    loadings = generator.standard_normal((200, 12)) ** 3
    if not alike:
        loadings = loadings * np.linspace(0.3, 3, 12) + generator.standard_normal((200, 1)) * np.linspace(1, 0, 12)
    start = varimax(loadings, tolerance=1e-9, max_iter=500)
    found = wide_varimax(loadings, start, ((None, 5),))
    np.testing.assert_allclose(found, start, atol=0.02)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize(
    ("slope", "angle", "tolerance"),
    [(0.0, 0.0, 1e-6), (0.3, 0.3, 1e-3), (0.5, 0.5, 1e-3), (1.0, 1.0, 6e-3), (1.5, 1.0, 6e-3), (-30.0, -1.0, 6e-3)],
)
def test_a_turn_is_that_of_the_slope_and_of_an_eighth_of_a_circle_at_most(slope, angle, tolerance, scale):
    """Two of four columns are turned, the others stay; singular values of a rotation are 1."""
    towards = np.eye(4, dtype=np.float32)
    towards[1, 2], towards[2, 1] = slope, -slope
    turned = _turned(np.eye(4, dtype=np.float32), towards * np.float32(scale))
    np.testing.assert_allclose(np.linalg.svd(turned)[1], 1, atol=tolerance)
    assert turned[1, 2] / turned[1, 1] == pytest.approx(angle, rel=1e-3, abs=1e-6)
    assert turned[2, 1] / turned[2, 2] == pytest.approx(-angle, rel=1e-3, abs=1e-6)
    others = np.abs(turned)[[0, 0, 0, 1, 2, 3, 3, 3], [1, 2, 3, 0, 3, 0, 1, 2]]
    np.testing.assert_array_equal(others, 0)


def test_a_turn_goes_on_from_a_rotation():
    start = np.array([[0, 1], [-1, 0]], dtype=np.float32)
    turned = _turned(start, np.array([[2, 0.4], [0, 2]], dtype=np.float32))
    one = np.array([[1, 0.1], [-0.1, 1]]) / np.hypot(1, 0.1)
    np.testing.assert_allclose(turned, start @ one, atol=1e-3)


def test_a_column_that_has_gone_the_wrong_way_has_no_size():
    turned = _turned(np.eye(2, dtype=np.float32), np.array([[-5, 0.1], [-0.1, 1]], dtype=np.float32))
    assert turned[0, 1] / turned[0, 0] == pytest.approx(0.2, rel=1e-3)
    assert np.array_equal(_turned(np.eye(2, dtype=np.float32), np.zeros((2, 2), np.float32)), np.eye(2))


def test_the_nearest_rotation_takes_the_stretching_out_of_a_matrix():
    turn = np.array([[0.6, 0.8], [-0.8, 0.6]], dtype=np.float32)
    stretch = np.array([[3, 1], [1, 0.5]], dtype=np.float32)
    np.testing.assert_allclose(nearest_rotation(turn @ stretch), turn, atol=1e-5)


def test_rows_of_zeros_do_not_disturb_a_rotation():
    rows = np.array([[3, 0], [0, 2], [0, 0], [5, 0]], dtype=np.float32)
    for rotate in (varimax, wide_varimax):
        np.testing.assert_allclose(np.abs(rows @ rotate(rows)), rows, atol=1e-4)


@pytest.mark.parametrize("factorise", [nmf_factors, spectral_factors])
def test_more_columns_than_the_smaller_side_are_refused(factorise):
    users, items = factorise(interactions(), 12)
    assert users.shape[1] == items.shape[1] == 12
    with pytest.raises(SparserecError, match="at most 12 columns"):
        factorise(interactions(), 13)
    with pytest.raises(SparserecError, match="at most 12 columns"):
        factorise(sp.csr_array(interactions().T), 13)
