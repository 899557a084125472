from __future__ import annotations

import numpy as np
import pytest
import torch

from sparserec.interactions import synthetic
from sparserec.recommenders import Batch, LightGCN
from sparserec.recommenders.graph import Graph
from sparserec.tables import DenseTable


@pytest.fixture(scope="module")
def facts():
    return synthetic(n_users=30, n_items=20, interactions_per_user=5, n_clusters=4, seed=1)[0].interactions


def adjacency(facts):
    """D^-1/2 A D^-1/2 as a dense matrix, written down as the formula."""
    ratings = facts.csr().toarray()
    n_users, n_items = ratings.shape
    whole = np.zeros((n_users + n_items, n_users + n_items))
    whole[:n_users, n_users:], whole[n_users:, :n_users] = ratings, ratings.T
    root = np.sqrt(np.maximum(whole.sum(1), 1))
    return whole / root[:, None] / root


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_propagation_is_the_mean_over_the_powers_of_the_normalised_adjacency(facts, layers):
    graph, matrix = Graph(facts, facts.n_items), adjacency(facts)
    block = np.random.default_rng(0).standard_normal((50, 5)).astype(np.float32)
    expected = sum(np.linalg.matrix_power(matrix, power) @ block for power in range(layers + 1)) / (layers + 1)
    found = graph.mean_of_layers(torch.from_numpy(block.copy()), layers)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_propagation_does_not_depend_on_the_threads(on_threads):
    many = synthetic(n_users=3000, n_items=1000, interactions_per_user=20, n_clusters=4, seed=1)[0].interactions
    graph = Graph(many, many.n_items)
    block = torch.from_numpy(np.random.default_rng(0).standard_normal((graph.n_rows, 16)).astype(np.float32))
    one, two = on_threads(lambda: graph.mean_of_layers(block.clone(), 3))
    np.testing.assert_array_equal(one, two)


def test_a_row_without_neighbours_keeps_its_own_share():
    from sparserec.interactions import Interactions
    from sparserec.vocabulary import Vocabulary

    names = Vocabulary.of(["a", "b"])
    facts = Interactions.of(np.array([0]), np.array([1]), names, names)
    graph = Graph(facts, 2)
    found = graph.mean_of_layers(torch.tensor([[4.0], [8.0], [12.0], [16.0]]), 1)
    # user a and item b see each other, weight 1; user b and item a see nobody
    assert found.flatten().tolist() == [10.0, 4.0, 6.0, 10.0]


@pytest.mark.parametrize("similarity", ["dot", "cosine"])
@pytest.mark.parametrize("layers", [0, 2])
def test_training_scores_full_ranking_and_served_rows_agree(facts, layers, similarity):
    generator = np.random.default_rng(1)
    users = generator.standard_normal((30, 8)).astype(np.float32)
    items = generator.standard_normal((20, 8)).astype(np.float32)
    model = LightGCN(DenseTable(users), DenseTable(items), facts, layers, similarity)
    matrix = adjacency(facts)
    rows = sum(np.linalg.matrix_power(matrix, power) @ np.vstack([users, items]) for power in range(layers + 1))
    rows = rows / (layers + 1)
    if similarity == "cosine":
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    expected = rows[:30] @ rows[30:].T
    who = np.array([3, 0, 3])
    np.testing.assert_allclose(model.scorer(facts).score(who), expected[who], rtol=1e-4, atol=1e-4)
    positives, shared, own = torch.tensor([1, 6, 2]), torch.tensor([0, 4]), torch.tensor([[0, 1], [2, 3], [4, 5]])
    positive, negative = model.scores(Batch(torch.from_numpy(who), positives, shared))
    np.testing.assert_allclose(positive.detach(), expected[who, positives], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(negative.detach(), expected[who][:, [0, 4]], rtol=1e-4, atol=1e-4)
    _, negative = model.scores(Batch(torch.from_numpy(who), positives, own))
    np.testing.assert_allclose(negative.detach(), expected[who[:, None], own], rtol=1e-4, atol=1e-4)
    served = model.served()
    assert served.users is not None
    np.testing.assert_allclose(served.users.lookup(torch.arange(30)), rows[:30], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(served.items.lookup(torch.arange(20)), rows[30:], rtol=1e-4, atol=1e-4)
