from __future__ import annotations

import numpy as np
import pytest
import torch

from sparserec.errors import SparserecError
from sparserec.sparsity import made_sparse, resparsify
from sparserec.tables import DenseTable


def dense(mask, n_rows, dim):
    out = np.zeros((n_rows, dim), dtype=np.float32)
    out[np.repeat(np.arange(n_rows), np.diff(mask.indptr)), mask.columns] = mask.values
    return out


@pytest.fixture
def tables():
    generator = np.random.default_rng(0)
    return [generator.standard_normal((count, 6)).astype(np.float32) for count in (9, 5)]


def test_with_room_for_all_the_inner_products_are_those_of_the_dense_rows(tables):
    masks = made_sparse([DenseTable(table) for table in tables], 14 * 6)
    users, items = (dense(mask, len(table), 6) for mask, table in zip(masks, tables, strict=True))
    np.testing.assert_allclose(users @ items.T, tables[0] @ tables[1].T, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("budget", [14, 20, 50])
@pytest.mark.parametrize("block", [4, 100])
def test_the_largest_rotated_entries_stay_and_every_row_keeps_one(tables, budget, block, monkeypatch):
    monkeypatch.setattr(resparsify, "BLOCK", block)
    masks = made_sparse([DenseTable(table) for table in tables], budget)
    assert sum(len(mask.columns) for mask in masks) == budget
    with torch.no_grad():
        rotation = resparsify.varimax(resparsify._sample([DenseTable(table) for table in tables], 0))
    rotated = np.vstack(tables) @ rotation
    scores = np.abs(rotated)
    scores[np.arange(14), scores.argmax(axis=1)] = np.inf
    keep = scores >= np.sort(scores.reshape(-1))[-budget]
    found = np.vstack([dense(mask, len(table), 6) for mask, table in zip(masks, tables, strict=True)])
    np.testing.assert_allclose(found, np.where(keep, rotated, 0), rtol=1e-4, atol=1e-5)
    for mask in masks:
        assert np.all(np.diff(mask.indptr) >= 1)


def test_a_budget_that_does_not_fit_is_refused(tables):
    with pytest.raises(SparserecError, match="a budget of 13 does not fit 14 rows"):
        made_sparse([DenseTable(table) for table in tables], 13)


def test_rows_are_read_in_blocks(tables, monkeypatch):
    monkeypatch.setattr(resparsify, "BLOCK", 2)
    monkeypatch.setattr(resparsify, "SAMPLE", 6)
    seen = []

    class Watched(DenseTable):
        def lookup(self, rows):
            seen.append(len(rows))
            return super().lookup(torch.as_tensor(rows))

    made_sparse([Watched(table) for table in tables], 30)
    assert max(seen) <= 4


def test_three_tables_have_their_masks_in_their_order():
    # Rows along the axes already: a rotation only names the columns anew, and turns signs.
    sizes = [np.diag([9.0, 8, 7]), np.diag([3.0, 2, 1])[:2], np.diag([6.0, 5, 4])]
    rows = [part.astype(np.float32) for part in sizes]
    masks = made_sparse([DenseTable(part.copy()) for part in rows], 8)
    assert [mask.indptr.tolist() for mask in masks] == [[0, 1, 2, 3], [0, 1, 2], [0, 1, 2, 3]]
    for mask, part in zip(masks, rows, strict=True):
        assert mask.values.dtype == np.float32
        np.testing.assert_allclose(np.abs(mask.values), np.abs(part).max(axis=1), rtol=1e-4)
    with pytest.raises(SparserecError, match="a budget of 25 does not fit 8 rows of 3 columns"):
        made_sparse([DenseTable(part) for part in rows], 25)


def test_the_rotation_is_found_on_rows_of_all_tables_in_proportion_each_once(monkeypatch):
    monkeypatch.setattr(resparsify, "SAMPLE", 6)
    tables = [
        DenseTable(np.arange(count * 2, dtype=np.float32).reshape(count, 2) + first)
        for count, first in ((9, 0), (3, 100))
    ]
    for seed in range(5):
        with torch.no_grad():
            sample = resparsify._sample(tables, seed)
        # Six of twelve rows, rounded up for each: 4.5 and 1.5.
        assert (sample[:, 0] < 100).tolist() == [True] * 5 + [False] * 2
        assert (np.diff(sample[:, 0]) > 0).all()


def test_the_seed_of_the_sample_is_0_unless_told_otherwise(monkeypatch):
    monkeypatch.setattr(resparsify, "SAMPLE", 6)
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((40, 4)).astype(np.float32)
    plain, same, other = (made_sparse([DenseTable(rows.copy())], 60, **more) for more in ({}, {"seed": 0}, {"seed": 1}))
    assert np.array_equal(plain[0].values, same[0].values)
    assert not np.array_equal(plain[0].values, other[0].values)
