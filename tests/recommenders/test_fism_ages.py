"""FISM where order counts: rows fade with age, and item columns have the identity on the side of the history."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sparserec.errors import SparserecError
from sparserec.interactions import Interactions
from sparserec.recommenders import FISM, Batch
from sparserec.tables import DenseTable, SparseTable
from sparserec.vocabulary import Vocabulary

pytestmark = pytest.mark.usefixtures("one_thread")

N_ITEMS, ROWS = 6, 4
SEQUENCES = [[2, 0, 5], [], [3], [1, 4, 0, 2, 3, 5]]
USERS = torch.tensor([0, 1, 2, 3])


def history(sequences=SEQUENCES, timed: bool = True) -> Interactions:
    users = np.repeat(np.arange(len(sequences)), [len(one) for one in sequences])
    items = np.array([item for one in sequences for item in one], dtype=np.int64)
    times = np.concatenate([np.arange(len(one)) * 10 + 100 for one in sequences]).astype(np.int64)
    names = Vocabulary.of(f"u{n}" for n in range(len(sequences))), Vocabulary.of(f"i{n}" for n in range(N_ITEMS))
    return Interactions.of(users, items, *names, times if timed else None)


def model(decays: tuple[float, ...], rows: int, seed: int = 0) -> tuple[FISM, np.ndarray, np.ndarray]:
    """A model with so many ordinary columns, and item columns where there are two decays; with its dense rows."""
    generator = np.random.default_rng(seed)
    dim = rows + N_ITEMS * (len(decays) > 1)
    dense = generator.standard_normal((N_ITEMS, dim)).astype(np.float32)
    mask = generator.random(dense.shape) < 0.6
    mask[:, 0] = True
    dense[~mask] = 0
    table = SparseTable(np.concatenate(([0], np.cumsum(mask.sum(1)))), np.nonzero(mask)[1], dense[mask], dim)
    logs = generator.standard_normal((N_ITEMS, 1)).astype(np.float32)
    weights = DenseTable(logs) if rows else None
    ages = DenseTable(np.array(decays, dtype=np.float32)[:, None])
    return FISM(table, weights, history(), ages), dense, logs


def plain_vectors(dense, logs, decays, rows, sequences=SEQUENCES) -> np.ndarray:
    vectors = np.zeros((len(sequences), dense.shape[1]))
    for user, sequence in enumerate(sequences):
        for age, item in enumerate(reversed(sequence)):
            if rows:
                vectors[user, :rows] += decays[0] ** age * np.exp(logs[item, 0]) * dense[item, :rows]
            if len(decays) > 1:
                vectors[user, rows + item] += decays[1] ** age
    return vectors


KINDS = pytest.mark.parametrize(("decays", "rows"), [((0.7,), ROWS), ((1.0, 0.8), ROWS), ((1.0, 0.5), 0)])


@KINDS
def test_scores_are_those_of_plain_loops(decays, rows):
    fism, dense, logs = model(decays, rows)
    expected = plain_vectors(dense, logs, decays, rows) @ dense.T
    np.testing.assert_allclose(fism.catalogue_scores(USERS).detach().T, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(fism.scorer(history()).score(USERS.numpy()), expected, rtol=1e-4, atol=1e-5)


@KINDS
def test_a_positive_leaves_the_history_and_those_before_it_are_younger(decays, rows):
    fism, dense, logs = model(decays, rows)
    positives = torch.tensor([0, 1, 3, 2])
    without = [[item for item in one if item != int(p)] for one, p in zip(SEQUENCES, positives, strict=True)]
    vectors = plain_vectors(dense, logs, decays, rows, without)
    positive, negative = fism.scores(Batch(USERS, positives, torch.tensor([5, 1])))
    np.testing.assert_allclose(positive.detach(), (vectors * dense[positives]).sum(1), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(negative.detach(), vectors @ dense[[5, 1]].T, rtol=1e-4, atol=1e-5)


@KINDS
def test_gradients_of_rows_are_those_of_dense_autograd(decays, rows):
    fism, dense, logs = model(decays, rows)
    factor = np.random.default_rng(3).standard_normal((N_ITEMS, len(SEQUENCES)))
    (fism.catalogue_scores(USERS) * torch.from_numpy(factor).float()).sum().backward()
    found = fism.tables["items"].take_gradients()
    every = torch.tensor(dense, dtype=torch.float64, requires_grad=True)
    vectors = torch.zeros(len(SEQUENCES), dense.shape[1], dtype=torch.float64)
    for user, sequence in enumerate(SEQUENCES):
        for age, item in enumerate(reversed(sequence)):
            if rows:
                weight = decays[0] ** age * np.exp(float(logs[item, 0]))
                vectors[user, :rows] = vectors[user, :rows] + weight * every[item, :rows]
            if len(decays) > 1:
                vectors[user, rows + item] += decays[1] ** age
    ((vectors @ every.T).T * torch.from_numpy(factor)).sum().backward()
    indptr, columns = fism.tables["items"].structure()
    expected = every.grad[np.repeat(np.arange(N_ITEMS), np.diff(indptr)), columns.astype(np.int64)]
    np.testing.assert_allclose(found.values, expected, rtol=1e-3, atol=1e-4)


def test_ages_are_served_and_not_trained():
    fism, *_ = model((1.0, 0.5), 0)
    assert fism.served().age_decay == (1.0, 0.5)
    assert fism.served().history_weights is None
    fism.catalogue_scores(USERS).sum().backward()
    assert fism.tables["ages"].take_gradients() is None


def test_histories_without_times_are_refused():
    fism, *_ = model((1.0, 0.5), 0)
    with pytest.raises(SparserecError, match="order of time: these have no timestamps"):
        fism.scorer(history(timed=False))
