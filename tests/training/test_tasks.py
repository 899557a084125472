"""The loss of a batch of interactions."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sparserec.axes import RECOMMENDERS
from sparserec.objectives import NegativeSampler
from sparserec.recommenders import MF, LightGCN
from sparserec.tables import SparseTable
from sparserec.training.tasks import RankingTask


def table(n_rows, seed):
    """Two active parameters a row of three columns."""
    indptr, columns = np.arange(0, 2 * n_rows + 1, 2), np.tile([0, 2], n_rows)
    values = np.random.default_rng(seed).standard_normal(2 * n_rows).astype(np.float32)
    return SparseTable(indptr, columns, values, 3)


@pytest.mark.parametrize("model", ["mf", "lightgcn"])
def test_l2_pulls_the_rows_of_an_example_as_often_as_the_batch_has_them(catalogue, model):
    facts = catalogue.interactions
    users, items = table(facts.n_users, 0), table(facts.n_items, 1)
    whole = MF(users, items) if model == "mf" else LightGCN(users, items, facts, layers=2)
    sampler = NegativeSampler(facts.indptr, facts.indices, facts.n_items, count=8)
    chosen = np.arange(64)

    def nothing(positive, negative, allowed):
        return 0 * (positive.sum() + negative.sum())

    loss = RankingTask(facts, sampler, nothing, l2=0.5).loss(whole, chosen, np.random.default_rng(0))
    expected = 0.0
    for own, rows in ((users, facts.rows()[chosen]), (items, facts.indices[chosen])):
        pairs = own.values.reshape(-1, 2)
        expected += 0.25 / 64 * float(pairs[torch.from_numpy(rows.astype(np.int64))].square().sum())
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    loss.backward()
    for own, rows in ((users, facts.rows()[chosen]), (items, facts.indices[chosen])):
        times = np.bincount(rows, minlength=own.n_rows)[:, None]
        found = own.take_gradients()
        dense = torch.zeros(own.nnz)
        for first, start, end in zip(found.first_slot, found.offsets[:-1], found.offsets[1:], strict=True):
            dense[first : first + end - start] = found.values[start:end]
        expected = own.values.numpy().reshape(-1, 2) * times * 0.5 / 64
        np.testing.assert_allclose(dense.numpy().reshape(-1, 2), expected, atol=1e-6)


def test_l2_is_on_every_table_of_a_side(catalogue):
    facts = catalogue.interactions
    sides = RECOMMENDERS["neumf"].tables
    counts = {"users": facts.n_users, "items": facts.n_items}
    tables = {name: table(counts[side], number) for number, (name, side) in enumerate(sides.items())}
    model = SimpleNamespace(tables=tables, scores=lambda batch: (torch.zeros(64), torch.zeros(64, 8)))
    sampler = NegativeSampler(facts.indptr, facts.indices, facts.n_items, count=8)
    chosen, rows = np.arange(64), {"users": facts.rows()[:64], "items": facts.indices[:64]}
    task = RankingTask(facts, sampler, lambda positive, *others: positive.sum(), 0.5, sides)
    squares = [tables[name].values.numpy().reshape(-1, 2)[rows[side]] ** 2 for name, side in sides.items()]
    expected = 0.25 * sum(own.sum() for own in squares) / 64
    assert task.loss(model, chosen, np.random.default_rng(0)).item() == pytest.approx(expected, rel=1e-5)
