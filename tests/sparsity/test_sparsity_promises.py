"""What stays the same from version to version: streams of randomness, documented defaults, how a library is called."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.decomposition

from sparserec.sparsity import ExplorerConfig, Policy, history_start, initial, item_spectrum, made_sparse
from sparserec.sparsity.explorers.base import Explorer
from sparserec.sparsity.explorers.scores import at_random, by_magnitude
from sparserec.sparsity.resparsify import SAMPLE
from sparserec.sparsity.spectral import TYPICAL_VALUE
from sparserec.tables import DenseTable, SparseTable


@pytest.fixture
def streams(monkeypatch):
    """The seeds of all generators that are made, in order."""
    real, seeds = np.random.default_rng, []

    def recorded(seed=None):
        seeds.append(seed)
        return real(seed)

    monkeypatch.setattr(np.random, "default_rng", recorded)
    return seeds


@pytest.fixture
def interactions():
    return sp.csr_array((np.random.default_rng(0).random((30, 20)) < 0.3).astype(np.float32))


def test_the_streams_of_an_exploration(streams):
    table = SparseTable(np.array([0, 2, 4]), np.array([0, 1, 1, 2]), np.ones(4, np.float32), 4)
    policy = Policy(watches="sample", grow_scores=at_random)
    explorer = Explorer(policy, [table], ExplorerConfig(interval=1, end=9), [np.ones(2)], seed=7)
    explorer.watch(0)
    explorer.revise(1)
    explorer.watch(1)
    # which rows are watched; dropping and growing of the same round
    assert [seed for seed in streams if seed[1] == 4] == [[7, 4, 0], [7, 4, 1]]
    assert sorted(seed for seed in streams if seed[1] != 4) == [[7, 5, 0], [7, 12, 0]]


def test_the_streams_of_spectrum_and_of_rows_made_sparse(streams, interactions, monkeypatch):
    monkeypatch.setattr("sparserec.sparsity.spectral.USER_NUMBERS", 1)
    item_spectrum(interactions, 3, seed=5)
    assert [5, 12] in streams
    streams.clear()
    made_sparse([DenseTable(np.ones((SAMPLE + 1, 1), np.float32))], SAMPLE + 1, seed=5)
    assert streams[0] == [5, 8]


def test_defaults_that_the_documentation_gives():
    def default(function, name):
        return inspect.signature(function).parameters[name].default

    assert default(initial.varimax, "max_iter") == 60
    assert default(initial._largest_singular, "iterations") == 30


def test_grow_scores_by_chance_lie_above_0_and_by_magnitude_take_no_memory():
    evidence = np.array([[-3.0, 2.0]], dtype=np.float32)
    scores = at_random(np.zeros((200, 50), np.float32), np.arange(200), np.random.default_rng(0))
    assert scores.dtype == np.float32
    assert scores.min() > 0
    assert scores.max() <= 1
    assert by_magnitude(evidence, np.zeros(1, int), np.random.default_rng(0)) is evidence
    assert evidence.tolist() == [[3.0, 2.0]]


def test_a_start_has_values_of_the_typical_size(interactions):
    degrees = np.asarray(interactions.sum(axis=0)).ravel()
    start = history_start(item_spectrum(interactions, 6, seed=0), degrees, 60)
    assert TYPICAL_VALUE == 0.2
    assert np.sqrt(np.mean(start.mask.values**2)) == pytest.approx(0.2, rel=0.01)


def test_nmf_begins_at_singular_vectors_and_stops_when_it_has_settled(interactions, monkeypatch):
    real, calls = sklearn.decomposition.NMF, []

    def recorded(columns, **settings):
        calls.append((columns, settings))
        return real(columns, **settings)

    monkeypatch.setattr("sklearn.decomposition.NMF", recorded)
    initial.nmf_factors(interactions, 4, seed=3)
    ((columns, settings),) = calls
    assert columns == 4
    assert (settings["init"], settings["tol"], settings["random_state"]) == ("nndsvda", 1e-4, 3)
