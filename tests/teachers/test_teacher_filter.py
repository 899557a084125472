from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from numba import get_num_threads, set_num_threads

from sparserec.sparsity import item_spectrum
from sparserec.sparsity.initial import normalised
from sparserec.teachers import GraphFilter, Response, graph_filter, scores_of_all

FULL = 12


def interactions(n_users=20, n_items=FULL, seed=0):
    generator = np.random.default_rng(seed)
    matrix = generator.random((n_users, n_items)) < 0.35
    matrix[np.arange(n_items), np.arange(n_items)] = True  # every item has an interaction
    return sp.csr_array(matrix.astype(np.float32))


def made(matrix, rank, **settings):
    spectrum = item_spectrum(matrix, rank)
    degrees = np.asarray(matrix.sum(axis=0)).ravel().astype(np.int64)
    return GraphFilter(normalised(matrix), spectrum.singular, spectrum.items, degrees, Response(**settings))


def dense(matrix, histories, rank, power, neighbours):
    """The formula, with NumPy's own singular vectors, in float64."""
    graph = normalised(matrix).toarray().astype(np.float64)
    root = np.sqrt(matrix.toarray().sum(axis=0))
    _, singular, right = np.linalg.svd(graph)
    few = right[:rank]
    middle = few.T @ np.diag(singular[:rank] ** (2 * power)) @ few + neighbours * graph.T @ graph
    return ((histories.toarray() / root) @ middle) * root


@pytest.mark.parametrize("neighbours", [0.0, 0.3, 3.0])
@pytest.mark.parametrize("power", [0.0, 0.125, 0.5, 1.0])
@pytest.mark.parametrize("rank", [1, 4, FULL])
def test_scores_are_those_of_the_formula(rank, power, neighbours):
    matrix, histories = interactions(), interactions(15, seed=7)
    teacher = made(matrix, rank, power=power, neighbours=neighbours)
    found = teacher.score_histories(histories)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, dense(matrix, histories, rank, power, neighbours), rtol=1e-4, atol=1e-4)
    assert (teacher.n_items, teacher.rank, teacher.response) == (FULL, rank, Response(power, neighbours))


def test_a_cut_spectrum_is_the_filter_of_that_rank():
    matrix = interactions()
    spectrum = item_spectrum(matrix, 8)
    degrees = np.asarray(matrix.sum(axis=0)).ravel()
    cut = GraphFilter(normalised(matrix), spectrum.singular[:3], spectrum.items[:, :3], degrees, Response(0.25))
    np.testing.assert_allclose(cut.score_histories(matrix), dense(matrix, matrix, 3, 0.25, 0.0), rtol=1e-4, atol=1e-4)


def test_the_low_pass_filter_of_full_rank_and_power_one_is_the_graph():
    matrix = interactions()
    low_pass = made(matrix, FULL, power=1.0).score_histories(matrix)
    doubled = made(matrix, FULL, power=1.0, neighbours=1.0).score_histories(matrix)
    graph, root = normalised(matrix).toarray(), np.sqrt(matrix.toarray().sum(axis=0))
    np.testing.assert_allclose(low_pass, ((matrix.toarray() / root) @ graph.T @ graph) * root, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(doubled, 2 * low_pass, rtol=1e-4, atol=1e-4)


def test_the_ideal_low_pass_filter_of_full_rank_gives_the_history_back():
    matrix = interactions()
    np.testing.assert_allclose(made(matrix, FULL).score_histories(matrix), matrix.toarray(), atol=1e-4)


def test_the_number_of_threads_changes_nothing():
    matrix = interactions()
    teacher = made(matrix, 3, neighbours=1.0)
    before = get_num_threads()
    found = []
    for threads in (1, before):
        set_num_threads(threads)
        found.append(teacher.score_histories(matrix))
    np.testing.assert_array_equal(*found)


def plateau_of(value, steepness):
    away = abs(1 - 2 * value) ** steepness / 2
    return 0.5 - away if value <= 0.5 else 0.5 + away


@pytest.mark.parametrize("exponent", [0.5, 0.3])
@pytest.mark.parametrize("steepness", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("rank", [1, 4, FULL])
def test_a_plateau_on_known_vectors_and_a_line_beyond(rank, steepness, exponent, monkeypatch):
    monkeypatch.setattr(graph_filter, "IDEAL", 3)
    matrix, histories = interactions(), interactions(15, seed=7)
    response = Response(neighbours=1.5, steepness=steepness, ideal=0.2, exponent=exponent)
    spectrum = item_spectrum(matrix, rank)
    degrees = np.asarray(matrix.sum(axis=0)).ravel()
    found = GraphFilter(normalised(matrix), spectrum.singular, spectrum.items, degrees, response)
    graph = normalised(matrix).toarray().astype(np.float64)
    _, singular, right = np.linalg.svd(graph)
    middle = np.zeros((FULL, FULL))
    for place, (value, vector) in enumerate(zip(singular**2 / singular[0] ** 2, right, strict=True)):
        weight = plateau_of(value, steepness) + (0.2 if place < 3 else 0) if place < rank else 1.5 * value
        middle += weight * np.outer(vector, vector)
    expected = (histories.toarray() / degrees**exponent) @ middle * degrees**exponent
    np.testing.assert_allclose(found.score_histories(histories), expected, rtol=1e-4, atol=1e-4)


def test_the_scorer_takes_users_by_index_and_an_empty_history_scores_zero():
    matrix = interactions()
    histories = matrix.toarray()
    histories[4] = 0
    teacher = made(matrix, 3, power=0.125, neighbours=0.3)
    scorer = teacher.scorer(sp.csr_array(histories))
    found = scorer.score(np.array([7, 4, 7]))
    assert found.shape == (3, scorer.n_items)
    np.testing.assert_array_equal(found[0], found[2])
    assert (found[1] == 0).all()
    np.testing.assert_allclose(found[0], teacher.score_histories(matrix[np.array([7])])[0], rtol=1e-6)


def test_items_without_interactions_have_finite_scores():
    matrix = interactions().toarray()
    matrix[:, 5] = 0
    matrix = sp.csr_array(matrix)
    found = made(matrix, 4, neighbours=1.0).score_histories(interactions(15, seed=2))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[:, 5], 0, atol=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_scores_of_several_filters_are_those_of_each(seed):
    generator = np.random.default_rng(seed)
    matrix, histories = interactions(seed=seed), interactions(15, seed=seed + 7)
    spectrum = item_spectrum(matrix, 9)
    degrees = np.asarray(matrix.sum(axis=0)).ravel()
    filters = [
        GraphFilter(
            normalised(matrix),
            spectrum.singular[:rank],
            spectrum.items[:, :rank],
            degrees,
            Response(
                power=float(generator.choice([0.0, 0.25, 0.5])),
                neighbours=float(generator.choice([0.0, 1.0])) if seed else 0.0,
                steepness=float(generator.choice([0.0, 2.0])) if seed else 0.0,
                exponent=float(generator.choice([0.3, 0.5])),
            ),
        )
        for rank in generator.integers(0, 10, 6)
    ]
    found = {}
    for place, scores in scores_of_all(filters, histories):
        found[place] = scores.copy()
        scores[:] = np.nan  # they are the caller's
    assert sorted(found) == list(range(6))
    for place, one in enumerate(filters):
        np.testing.assert_allclose(found[place], one.score_histories(histories), rtol=1e-4, atol=1e-5)
