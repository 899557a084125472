from __future__ import annotations

import importlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparserec.artefact import Rounding, TableData, read, rounding, write
from sparserec.artefact.size import HEADER_EXPECTED
from sparserec.errors import SparserecError
from sparserec.vocabulary import Vocabulary

module = importlib.import_module("sparserec.artefact.rounding")


def sparse(n: int, dim: int, seed: int) -> TableData:
    random = np.random.default_rng(seed)
    lengths = random.integers(1, dim + 1, n)
    columns = np.concatenate([np.sort(random.choice(dim, length, replace=False)) for length in lengths])
    values = random.standard_normal(lengths.sum()).astype(np.float32)
    return TableData(np.concatenate(([0], np.cumsum(lengths))), columns, values, dim)


@given(st.integers(1, 40), st.integers(1, 12), st.floats(0.01, 3), st.floats(-1, 2), st.integers(0, 2**32 - 1))
def test_values_are_off_by_half_a_step_at_most_or_small_ones_left_out(n, dim, step, least, seed):
    table = sparse(n, dim, seed)
    rounded = Rounding(step, least).of(table.values, table.indptr)
    assert rounded.dtype == np.float32
    out = rounded == 0
    assert (np.abs(table.values[out]) <= least).all()
    assert (np.abs(rounded - table.values)[~out] <= step / 2 * 1.001).all()
    assert (np.sign(rounded) == np.sign(table.values))[~out].all()
    sizes = np.abs(table.values)
    for first, last in zip(table.indptr[:-1], table.indptr[1:], strict=True):
        assert not out[first + np.argmax(sizes[first:last])]
        assert out[first:last].sum() == (sizes[first:last] <= least).sum() - (sizes[first:last].max() <= least)


@pytest.mark.parametrize("share", [0.75, 1.0, 1.3])
def test_they_are_the_values_of_the_file(tmp_path, monkeypatch, share):
    table = sparse(1000, 16, 5)
    factors = np.exp(np.random.default_rng(6).standard_normal(1000)).astype(np.float32)
    budget = int(share * len(table.values)) + HEADER_EXPECTED
    path = tmp_path / "model.safetensors"
    ids = Vocabulary.of([str(row) for row in range(1000)])
    report = write(path, items=table, item_ids=ids, history_factors=factors, values_dtype="coded", budget=budget)
    rows = read(path).items
    values = rows.values * np.float32(rows.unit)

    monkeypatch.setattr(module, "HEADER_EXPECTED", report.header)
    expected = rounding(table, factors, budget).of(table.values, table.indptr)
    np.testing.assert_allclose(values, expected[expected != 0], rtol=1e-3)


def test_a_budget_without_any_step_is_refused():
    table = sparse(50, 16, 0)
    with pytest.raises(SparserecError, match="too small"):
        rounding(table, np.ones(50, dtype=np.float32), 100)
