from __future__ import annotations

import numpy as np
import pytest
import torch

from sparserec.errors import SparserecError
from sparserec.recommenders import Batch, NeuMF, neumf
from sparserec.runs.run import NOBODY
from sparserec.tables import DenseTable


def by_hand(matrices, user, item):
    """One score, written down as the formula: a weighted product, and the network over both rows."""
    hidden = np.concatenate([matrices["mlp_users"][user], matrices["mlp_items"][item]])
    for name in ("layer1", "layer2"):
        layer = matrices[name]
        hidden = np.maximum(layer[:, :-1] @ hidden + layer[:, -1], 0)
    product = matrices["users"][user] * matrices["items"][item]
    return matrices["output"][0, :-1] @ np.concatenate([product, hidden]) + matrices["output"][0, -1]


@pytest.fixture
def matrices():
    generator = np.random.default_rng(0)
    found = {
        name: generator.standard_normal((count, 4)).astype(np.float32)
        for name, count in (("users", 5), ("items", 7), ("mlp_users", 5), ("mlp_items", 7))
    }
    made = neumf.weights(4, (6, 3), generator)
    return found | {name: matrix + generator.standard_normal(matrix.shape) / 5 for name, matrix in made.items()}


@pytest.fixture
def model(matrices):
    return NeuMF({name: DenseTable(matrix.astype(np.float32)) for name, matrix in matrices.items()})


def test_scores_are_those_of_the_formula(matrices, model, monkeypatch):
    expected = np.array([[by_hand(matrices, user, item) for item in range(7)] for user in range(5)])
    who = np.array([3, 0, 3])
    for pairs in (1, 8, 1000):  # items at a time: 1, 2, all
        monkeypatch.setattr(neumf, "PAIRS", pairs)
        np.testing.assert_allclose(model.scorer(NOBODY).score(who), expected[who], rtol=1e-4, atol=1e-5)
    positives, shared, own = torch.tensor([1, 6, 2]), torch.tensor([0, 4]), torch.tensor([[0, 1], [2, 3], [4, 5]])
    positive, negative = model.scores(Batch(torch.from_numpy(who), positives, shared))
    np.testing.assert_allclose(positive.detach(), expected[who, positives], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(negative.detach(), expected[who][:, [0, 4]], rtol=1e-4, atol=1e-5)
    _, negative = model.scores(Batch(torch.from_numpy(who), positives, own))
    np.testing.assert_allclose(negative.detach(), expected[who[:, None], own], rtol=1e-4, atol=1e-5)


def test_the_output_begins_as_the_plain_product_and_layers_without_bias():
    made = neumf.weights(8, (5, 3), np.random.default_rng(0))
    assert {name: matrix.shape for name, matrix in made.items()} == {
        "layer1": (5, 17),
        "layer2": (3, 6),
        "output": (1, 12),
    }
    assert made["output"][0, :8].tolist() == [1.0] * 8
    assert made["output"][0, -1] == made["layer1"][:, -1].any() == 0


def test_it_is_served_by_no_device(model):
    with pytest.raises(SparserecError, match="no inner products"):
        model.served()
