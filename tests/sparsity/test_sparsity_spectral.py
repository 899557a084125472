from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from sparserec.errors import SparserecError
from sparserec.sparsity import CsrMask, HistoryStart, Spectrum, history_start, item_spectrum, spectral
from sparserec.sparsity.initial import Normalisation, normalised
from sparserec.sparsity.spectral import TYPICAL_VALUE
from sparserec.teachers import GraphFilter, Response

N_USERS, N_ITEMS = 60, 40


def interactions(n_users=N_USERS, n_items=N_ITEMS, seed=0):
    generator = np.random.default_rng(seed)
    matrix = generator.random((n_users, n_items)) < generator.beta(1, 4, n_items)
    matrix[np.arange(n_users), np.arange(n_users) % n_items] = True  # no user and no item is left out
    return sp.csr_array(matrix.astype(np.float32))


def degrees_of(matrix):
    return np.asarray(matrix.sum(axis=0)).ravel().astype(np.int64)


def table_of(start, dim):
    mask = start.mask
    shape = (len(mask.indptr) - 1, dim)
    return sp.csr_array((mask.values, mask.columns.astype(np.int64), mask.indptr), shape).toarray()


def scores_of(start, dim, histories):
    rows = table_of(start, dim).astype(np.float64)
    return (histories.toarray() * start.weights) @ rows @ rows.T


@pytest.fixture(params=["by both sides", "by items"])
def way(request, monkeypatch):
    """How the spectrum is found: as of few users, or without any matrix of their number."""
    if request.param == "by items":
        monkeypatch.setattr(spectral, "USER_NUMBERS", 0)
        monkeypatch.setattr(spectral, "BLOCK_NUMBERS", 100)


# -- the spectrum ---------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(("dim", "iterations"), [(1, 3), (8, 3), (30, 3), (40, 3), (8, 7)])
def test_the_spectrum_is_that_of_a_plain_svd(dim, iterations):
    matrix = interactions()
    found = item_spectrum(matrix, dim, iterations=iterations)
    _, singular, right = np.linalg.svd(normalised(matrix).toarray().astype(np.float64))
    # Randomised: the smallest of several values close together are met less well.
    tolerance = 1e-4 if dim >= 30 or iterations > 3 else 2e-2
    assert found.singular.dtype == found.items.dtype == np.float32
    assert (np.diff(found.singular) <= 0).all()
    np.testing.assert_allclose(found.singular, singular[:dim], rtol=tolerance)
    np.testing.assert_allclose(found.items.T @ found.items, np.eye(dim), atol=1e-3)
    weighted = found.items * found.singular**2
    np.testing.assert_allclose(
        weighted @ found.items.T, right[:dim].T * singular[:dim] ** 2 @ right[:dim], atol=3 * tolerance
    )
    if tolerance < 1e-3:
        projector = found.items @ found.items.T
        np.testing.assert_allclose(projector, right[:dim].T @ right[:dim], atol=5e-3)


@pytest.mark.usefixtures("way")
def test_the_first_singular_vector_is_the_root_of_the_degrees():
    matrix = interactions()
    found = item_spectrum(matrix, 3)
    root = np.sqrt(degrees_of(matrix))
    assert found.singular[0] == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(np.abs(found.items[:, 0]), root / np.linalg.norm(root), atol=1e-4)


@pytest.mark.parametrize("how", [Normalisation(0.5, 5.0), Normalisation(0.0, 0.0), Normalisation(1.0, 20.0)])
def test_another_normalisation_has_a_spectrum_and_scores_of_its_own(how):
    matrix, histories = interactions(), interactions(30, seed=9)
    found, degrees = item_spectrum(matrix, 12, normalisation=how), degrees_of(matrix)
    assert found.normalisation == how == found.narrowed(5).normalisation
    _, singular, _ = np.linalg.svd(normalised(matrix, how).toarray().astype(np.float64))
    np.testing.assert_allclose(found.singular, singular[:12], rtol=2e-2)
    start = history_start(found, degrees, N_ITEMS * 12, power=0.25)
    teacher = GraphFilter(normalised(matrix, how), found.singular, found.items, how.degrees(degrees), Response(0.25))
    np.testing.assert_allclose(
        scores_of(start, 12, histories), teacher.score_histories(histories), rtol=1e-3, atol=1e-4
    )


@pytest.mark.usefixtures("way")
def test_the_same_seed_gives_the_same_spectrum():
    one, two, other = (item_spectrum(interactions(), 6, seed=seed) for seed in (4, 4, 5))
    np.testing.assert_array_equal(one.items, two.items)
    np.testing.assert_array_equal(one.singular, two.singular)
    assert not np.array_equal(one.items, other.items)


@pytest.mark.usefixtures("way")
def test_a_matrix_of_lower_rank_gives_finite_numbers():
    matrix = interactions().toarray()
    matrix[:, 20:] = matrix[:, :20]
    for dim in (30, 40):
        spectrum = item_spectrum(sp.csr_array(matrix), dim)
        assert np.isfinite(spectrum.items).all()
        np.testing.assert_allclose(spectrum.singular[20:], 0, atol=1e-3)
        assert np.linalg.norm(spectrum.items, axis=0).max() < 1 + 1e-3


def test_more_columns_than_the_smaller_side_are_refused():
    with pytest.raises(SparserecError, match="at most 40 columns"):
        item_spectrum(interactions(), 41)


def test_narrowed_keeps_the_largest():
    spectrum = item_spectrum(interactions(), 6)
    narrow = spectrum.narrowed(2)
    np.testing.assert_array_equal(narrow.singular, spectrum.singular[:2])
    np.testing.assert_array_equal(narrow.items, spectrum.items[:, :2])


@pytest.mark.usefixtures("way")
def test_the_settings_that_a_spectrum_has_unless_told_otherwise():
    plain, same = item_spectrum(interactions(), 6), item_spectrum(interactions(), 6, seed=0, iterations=3)
    np.testing.assert_array_equal(plain.items, same.items)
    assert not np.array_equal(plain.items, item_spectrum(interactions(), 6, iterations=4).items)


def test_the_user_side_is_left_out_where_it_has_too_many_numbers(monkeypatch):
    seen, plain = [], spectral.from_items
    monkeypatch.setattr(spectral, "from_items", lambda *given: seen.append(given[2]) or plain(*given))
    # 8 columns and 16 beside them for 60 users.
    for numbers, sizes in ((60 * 24, []), (60 * 24 - 1, [24]), (0, [24, 24])):
        monkeypatch.setattr(spectral, "USER_NUMBERS", numbers)
        item_spectrum(interactions(), 8)
        assert seen == sizes


@pytest.mark.parametrize("numbers", [0, 1, 23, 24, 25, 240])
def test_blocks_of_one_user_and_of_some_give_the_same_spectrum(numbers, monkeypatch):
    monkeypatch.setattr(spectral, "USER_NUMBERS", 0)
    whole = item_spectrum(interactions(), 8)
    monkeypatch.setattr(spectral, "BLOCK_NUMBERS", numbers)
    parts = item_spectrum(interactions(), 8)
    np.testing.assert_allclose(parts.singular, whole.singular, rtol=1e-5)


# -- the start ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [0.0, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("dim", [1, 6, 25])
def test_with_every_entry_the_scores_are_those_of_the_spectral_filter(dim, power):
    matrix, histories = interactions(), interactions(30, seed=9)
    spectrum, degrees = item_spectrum(matrix, dim), degrees_of(matrix)
    start = history_start(spectrum, degrees, N_ITEMS * dim, power=power)
    teacher = GraphFilter(normalised(matrix), spectrum.singular, spectrum.items, degrees, Response(power))
    np.testing.assert_allclose(
        scores_of(start, dim, histories), teacher.score_histories(histories), rtol=1e-3, atol=1e-3
    )


@given(st.integers(1, 12), st.floats(0, 1), st.integers(0, 99))
def test_the_budget_is_exact_and_no_row_is_empty(dim, share, seed):
    matrix = interactions(30, 20, seed)
    budget = 20 + int(share * (20 * dim - 20))
    start = history_start(item_spectrum(matrix, dim), degrees_of(matrix), budget)
    mask = start.mask
    assert mask.indptr[0] == 0
    assert len(mask.columns) == len(mask.values) == mask.indptr[-1] == budget
    assert (np.diff(mask.indptr) >= 1).all()
    assert mask.columns.min() >= 0
    assert mask.columns.max() < dim
    follows = np.diff(mask.columns.astype(np.int64)) > 0
    follows[mask.indptr[1:-1] - 1] = True
    assert follows.all()
    assert mask.values.dtype == start.weights.dtype == np.float32
    assert (mask.values != 0).all()
    assert start.weights.shape == (20,)
    assert (start.weights > 0).all()


def test_values_have_their_typical_size_and_scores_do_not_depend_on_it(monkeypatch):
    matrix, histories = interactions(), interactions(10, seed=1)
    spectrum, degrees = item_spectrum(matrix, 8), degrees_of(matrix)
    start = history_start(spectrum, degrees, 150)
    assert np.sqrt(np.mean(start.mask.values**2)) == pytest.approx(TYPICAL_VALUE, rel=1e-4)
    np.testing.assert_allclose(start.weights * degrees, (start.weights * degrees)[0], rtol=1e-5)
    monkeypatch.setattr(spectral, "TYPICAL_VALUE", 3.0)
    other = history_start(spectrum, degrees, 150)
    assert np.sqrt(np.mean(other.mask.values**2)) == pytest.approx(3.0, rel=1e-4)
    np.testing.assert_array_equal(other.mask.columns, start.mask.columns)
    np.testing.assert_allclose(scores_of(other, 8, histories), scores_of(start, 8, histories), rtol=1e-4, atol=1e-5)


def test_the_largest_entries_stay():
    matrix = interactions()
    spectrum, degrees = item_spectrum(matrix, 8), degrees_of(matrix)
    whole = table_of(history_start(spectrum, degrees, N_ITEMS * 8), 8)
    start = history_start(spectrum, degrees, 100)
    part = table_of(start, 8)
    kept = part != 0
    scale = part[kept] / whole[kept]
    np.testing.assert_allclose(scale, scale[0], rtol=1e-4)
    smallest = np.abs(whole[kept & (np.abs(whole) < np.abs(whole).max(axis=1, keepdims=True))]).min()
    assert np.abs(whole[~kept]).max() <= smallest


def test_more_entries_come_closer_to_the_filter():
    matrix = interactions()
    spectrum, degrees = item_spectrum(matrix, 12), degrees_of(matrix)
    wanted = scores_of(history_start(spectrum, degrees, N_ITEMS * 12), 12, matrix)
    gaps = [
        np.linalg.norm(scores_of(history_start(spectrum, degrees, N_ITEMS * count), 12, matrix) - wanted)
        for count in (1, 2, 4, 8)
    ]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 0.1 * np.linalg.norm(wanted)


def test_an_item_without_interactions_starts_small_and_not_at_zero():
    matrix = interactions().toarray()
    matrix[:, 7] = 0
    matrix = sp.csr_array(matrix)
    start = history_start(item_spectrum(matrix, 5), degrees_of(matrix), 90)
    own = start.mask.values[start.mask.indptr[7] : start.mask.indptr[8]]
    assert len(own) == 1
    assert 0 < abs(own[0]) <= 1e-3
    assert np.isfinite(start.weights).all()


def test_the_same_seed_gives_the_same_start():
    matrix = interactions()
    one, two = (history_start(item_spectrum(matrix, 6, seed=3), degrees_of(matrix), 100) for _ in range(2))
    for name in ("indptr", "columns", "values"):
        np.testing.assert_array_equal(getattr(one.mask, name), getattr(two.mask, name))
    np.testing.assert_array_equal(one.weights, two.weights)


def test_many_columns_are_turned_by_a_rotation_too(monkeypatch):
    monkeypatch.setattr(spectral, "WIDE", 1)
    matrix = interactions()
    spectrum, degrees = item_spectrum(matrix, 4), degrees_of(matrix)
    start = history_start(spectrum, degrees, N_ITEMS * 4)
    teacher = GraphFilter(normalised(matrix), spectrum.singular, spectrum.items, degrees, Response(0.25))
    np.testing.assert_allclose(scores_of(start, 4, matrix), teacher.score_histories(matrix), rtol=1e-3, atol=1e-3)


def test_a_budget_below_one_entry_a_row_is_refused():
    matrix = interactions()
    with pytest.raises(SparserecError, match="does not fit"):
        history_start(item_spectrum(matrix, 4), degrees_of(matrix), N_ITEMS - 1)


def test_a_start_that_knows_an_earlier_one_turns_its_columns_the_same_way():
    whole, dim = interactions(seed=1), 8
    part = whole.copy()
    part.data[np.random.default_rng(0).random(part.nnz) < 0.04] = 0
    part.eliminate_zeros()
    earlier = history_start(item_spectrum(part, dim), degrees_of(part), 3 * N_ITEMS)
    turned = dim - 1 - earlier.mask.columns.astype(np.int64)  # other names for the columns
    spectrum, degrees = item_spectrum(whole, dim), degrees_of(whole)
    for columns in (earlier.mask.columns, turned):
        like = CsrMask(earlier.mask.indptr, columns.astype(np.uint8), earlier.mask.values)
        start = history_start(spectrum, degrees, 3 * N_ITEMS, like=like)
        one, other = (table_of(own, dim) for own in (HistoryStart(like, earlier.weights), start))
        angles = (one * other).sum(axis=0) / np.linalg.norm(one, axis=0) / np.linalg.norm(other, axis=0)
        assert (angles > 0.8).all()
    # Every entry kept, a rotation changes no score.
    free, bound = (history_start(spectrum, degrees, dim * N_ITEMS, like=known) for known in (None, earlier.mask))
    np.testing.assert_allclose(scores_of(free, dim, whole), scores_of(bound, dim, whole), rtol=1e-3, atol=1e-5)


def test_the_largest_stored_entries_stay_and_each_row_keeps_one():
    # Rows (-5, 3, 0.5), (0.1, -0.2) and (2, -2, 2): one each is the largest, -5, -0.2 and the first 2.
    columns = np.array([2, 0, 1, 3, 0, 3, 1, 2])
    values = np.array([0.5, -5, 3, -0.2, 0.1, 2, 2, -2], dtype=np.float32)
    for budget, expected in (
        (3, ([0, 1, 2, 3], [0, 3, 1], [-5, -0.2, 2])),
        (4, ([0, 2, 3, 4], [0, 1, 3, 1], [-5, 3, -0.2, 2])),
        (5, ([0, 2, 3, 5], [0, 1, 3, 1, 2], [-5, 3, -0.2, 2, -2])),
        (6, ([0, 2, 3, 6], [0, 1, 3, 1, 2, 3], [-5, 3, -0.2, 2, -2, 2])),
        (8, ([0, 3, 5, 8], [0, 1, 2, 0, 3, 1, 2, 3], [-5, 3, 0.5, 0.1, -0.2, 2, -2, 2])),
    ):
        table = sp.csr_array((values.copy(), columns.copy(), np.array([0, 3, 5, 8])), shape=(3, 4))
        indptr, places, entries = spectral._largest_stored(table, budget)
        assert (indptr.tolist(), places.tolist()) == expected[:2]
        np.testing.assert_array_equal(entries, np.array(expected[2], np.float32))
        assert indptr.dtype == np.int64


def test_where_the_spectrum_is_empty_every_item_starts_small():
    start = history_start(Spectrum(np.zeros(2, np.float32), np.zeros((3, 2), np.float32)), np.array([0, 1, 4]), 3)
    assert start.mask.columns.tolist() == [0, 0, 0]
    np.testing.assert_allclose(start.mask.values, 1e-3)
    assert np.isfinite(start.weights).all()


def test_of_stored_entries_of_few_sizes_the_first_stay():
    values = np.random.default_rng(0).integers(1, 3, 300).astype(np.float32)
    table = sp.csr_array((values, (np.zeros(300, int), np.arange(300))), shape=(1, 300))
    best = sorted(range(300), key=lambda place: (-values[place], place))
    for budget in (1, 50, 200, 290):
        assert spectral._largest_stored(table.copy(), budget)[1].tolist() == sorted(best[:budget])


def test_of_many_equal_stored_entries_the_first_stay():
    table = sp.csr_array(np.ones((2, 40), dtype=np.float32))
    indptr, places, _ = spectral._largest_stored(table, 42)
    # One of each row, the first; then the first of the others, which are those of the first row.
    assert indptr.tolist() == [0, 40, 42]
    assert places.tolist() == [*range(40), 0, 1]


@pytest.mark.parametrize(("rows", "wide"), [(9, False), (3, True)])
@pytest.mark.parametrize("known", [False, True])
def test_which_rotation_is_taken(rows, wide, known, monkeypatch):
    """With a border of 4 columns, 3 are few, of however many rows, and 4 many."""
    monkeypatch.setattr(spectral, "WIDE", 4)
    calls = []
    monkeypatch.setattr(spectral, "wide_varimax", lambda scaled, *more: calls.append(("wide", len(more))))
    monkeypatch.setattr(spectral, "varimax", lambda scaled, **more: calls.append(("few", more["start"] is not None)))
    scaled = np.random.default_rng(0).standard_normal((rows, 4 if wide else 3)).astype(np.float32)
    spectral.rotation(scaled, sp.csr_array(scaled) if known else None)
    # Wide ones are told the start and how few steps it then takes.
    assert calls == [("wide", 2 if known else 0) if wide else ("few", known)]


def test_every_row_says_as_much_about_the_rotation_towards_an_earlier_table():
    """The first row, a thousand times as long in both, says another thing than the others, which are right."""
    turn = np.array([[0.6, 0.8], [-0.8, 0.6]], dtype=np.float32)
    scaled = np.random.default_rng(0).standard_normal((50, 2)).astype(np.float32)
    scaled *= np.geomspace(1e-2, 1, 50, dtype=np.float32)[:, None]
    like = scaled @ turn
    scaled[0] *= 1e5
    like[0] = like[0, ::-1] * 1e5
    unit, other = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in (scaled, like))
    left, _, right = np.linalg.svd(unit.T @ other)
    found = spectral._towards(scaled, sp.csr_array(like))
    np.testing.assert_allclose(found, left @ right, atol=1e-5)
    np.testing.assert_allclose(found, turn, atol=0.05)


def test_rows_of_zeros_say_nothing_about_a_rotation():
    rows = np.array([[1, 2], [0, 0], [3, -1]], dtype=np.float32)
    np.testing.assert_allclose(spectral._towards(rows, sp.csr_array(rows)), np.eye(2), atol=1e-6)


def test_an_earlier_start_may_leave_its_last_columns_empty():
    matrix = interactions()
    spectrum, degrees = item_spectrum(matrix, 5), degrees_of(matrix)
    earlier = CsrMask(np.arange(N_ITEMS + 1), np.zeros(N_ITEMS, np.uint8), np.ones(N_ITEMS, np.float32))
    start = history_start(spectrum, degrees, N_ITEMS * 5, like=earlier)
    free = history_start(spectrum, degrees, N_ITEMS * 5)
    np.testing.assert_allclose(scores_of(start, 5, matrix), scores_of(free, 5, matrix), rtol=1e-3, atol=1e-5)
