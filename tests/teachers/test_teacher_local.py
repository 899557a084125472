from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from sparserec.teachers import CommonInteractions, ease, local_ease


def interactions(n_users=40, n_items=12, seed=0):
    generator = np.random.default_rng(seed)
    matrix = generator.random((n_users, n_items)) < 0.35
    matrix[np.arange(n_items), np.arange(n_items)] = True
    return sp.csr_array(matrix.astype(np.float32))


@pytest.mark.parametrize("seed", range(4))
def test_with_all_neighbours_it_is_ease(seed):
    matrix = interactions(seed=seed)
    found = local_ease(CommonInteractions(matrix, 12), 3.0)
    np.testing.assert_allclose(found.weights.toarray(), ease(matrix, 3.0).weights, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(
        found.score_histories(matrix), ease(matrix, 3.0).score_histories(matrix), rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("count", [1, 3, 5])
def test_an_item_is_told_from_its_nearest_items_alone(count):
    matrix = interactions(seed=5)
    dense = matrix.toarray().astype(np.float64)
    gram, degrees = dense.T @ dense, dense.sum(axis=0)
    root = np.sqrt(degrees.astype(np.float32))
    cosines = gram.astype(np.float32) / (root[:, None] * root)
    np.fill_diagonal(cosines, -1)
    weights = local_ease(CommonInteractions(matrix, count), 2.0).weights.toarray()
    for item in range(12):
        near = np.sort(np.argsort(-cosines[item], kind="stable")[:count])
        near = near[gram[item, near] > 0]
        expected = np.zeros(12)
        expected[near] = np.linalg.solve(gram[np.ix_(near, near)] + 2 * np.eye(len(near)), gram[near, item])
        np.testing.assert_allclose(weights[:, item], expected, rtol=1e-4, atol=1e-5)


def test_items_that_nobody_took_have_no_weights():
    matrix = interactions().toarray()
    matrix[:, 4] = 0
    weights = local_ease(CommonInteractions(sp.csr_array(matrix), 5), 2.0).weights.toarray()
    assert not weights[4].any()
    assert not weights[:, 4].any()
