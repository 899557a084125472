from __future__ import annotations

import numpy as np
import pytest
import torch

from sparserec.recommenders import MF, Batch
from sparserec.runs.run import NOBODY
from sparserec.tables import DenseTable, SparseTable


def tables(kind, generator):
    users = generator.standard_normal((5, 4)).astype(np.float32)
    items = generator.standard_normal((7, 4)).astype(np.float32)
    if kind == "dense":
        return users, items, DenseTable(users), DenseTable(items)
    sparse = []
    for matrix in (users, items):
        mask = generator.random(matrix.shape) < 0.5
        mask[:, 1] = True
        matrix[~mask] = 0
        indptr = np.concatenate(([0], np.cumsum(mask.sum(1))))
        sparse.append(SparseTable(indptr, np.nonzero(mask)[1], matrix[mask], 4))
    return users, items, *sparse


@pytest.fixture(params=["dense", "sparse"])
def kind(request):
    return request.param


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_training_scores_full_ranking_and_a_plain_product_agree(kind, similarity):
    users, items, user_table, item_table = tables(kind, np.random.default_rng(0))
    model = MF(user_table, item_table, similarity)
    if similarity == "cosine":
        users /= np.linalg.norm(users, axis=1, keepdims=True)
        items /= np.linalg.norm(items, axis=1, keepdims=True)
    expected = users @ items.T
    who = np.array([3, 0, 3])
    np.testing.assert_allclose(model.scorer(NOBODY).score(who), expected[who], rtol=1e-5, atol=1e-6)
    positives, shared = torch.tensor([1, 6, 2]), torch.tensor([0, 4])
    positive, negative = model.scores(Batch(torch.from_numpy(who), positives, shared))
    np.testing.assert_allclose(positive.detach(), expected[who, positives], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(negative.detach(), expected[who][:, [0, 4]], rtol=1e-5, atol=1e-6)
    own = torch.tensor([[0, 1], [2, 3], [4, 5]])
    _, negative = model.scores(Batch(torch.from_numpy(who), positives, own))
    np.testing.assert_allclose(negative.detach(), expected[who[:, None], own], rtol=1e-5, atol=1e-6)


def test_served_scales_make_unit_rows_for_the_cosine(kind):
    _, items, user_table, item_table = tables(kind, np.random.default_rng(1))
    served = MF(user_table, item_table, "cosine").served()
    assert served.item_scale is not None
    np.testing.assert_allclose(served.item_scale * np.linalg.norm(items, axis=1), 1, rtol=1e-5)
    assert MF(user_table, item_table, "dot").served().item_scale is None
