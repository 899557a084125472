from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparserec.artefact import TableData, read, thinning, write
from sparserec.artefact.codes import Code
from sparserec.artefact.thinning import thinned
from sparserec.errors import SparserecError
from sparserec.vocabulary import Vocabulary


def sparse(n: int, dim: int, seed: int) -> TableData:
    random = np.random.default_rng(seed)
    lengths = random.integers(1, dim + 1, n)
    columns = np.concatenate([np.sort(random.choice(dim, length, replace=False)) for length in lengths])
    values = random.standard_normal(lengths.sum()).astype(np.float32)
    return TableData(np.concatenate(([0], np.cumsum(lengths))), columns, values, dim)


def dense(table: TableData) -> np.ndarray:
    out = np.zeros((len(table.indptr) - 1, table.dim), dtype=np.float32)
    out[np.repeat(np.arange(len(out)), np.diff(table.indptr)), table.columns] = table.values
    return out


@settings(max_examples=60)
@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_the_smallest_go_and_no_row_is_left_empty(n, dim, seed):
    table = sparse(n, dim, seed)
    steps = iter([9.0, 4.0, 1.0, *[8.0] * 9])
    few = thinned({"items": table}, lambda tables: {"items": Code(np.float32(next(steps)))})[0]["items"]
    assert (np.diff(few.indptr) > 0).all()
    before, after = dense(table), dense(few)
    assert ((after == before) | (after == 0)).all()
    gone = np.abs(before[(after == 0) & (before != 0)])
    row_largest = np.abs(before).max(axis=1, keepdims=True)
    stays = np.abs(after)[(after != 0) & (np.abs(after) < row_largest)]
    if len(gone) and len(stays):
        assert gone.max() <= stays.min()


def test_the_share_with_the_least_error_is_taken():
    table = TableData(np.array([0, 50, 100]), np.tile(np.arange(50), 2), np.ones(100, dtype=np.float32), 50)
    small = np.arange(100) % 50 < 10
    table.values[small] = 0.01
    tried = []

    def codes_of(tables):
        tried.append(len(tables["items"].values))
        return {"items": Code(np.float32(0.05 if tried[-1] > 80 else 0.002))}

    tables, codes = thinned({"items": table}, codes_of)
    few = tables["items"]
    assert codes == {"items": Code(np.float32(0.002))}
    # The twenty small ones cost less than the steps that their bytes pay for; the next ones to go are large.
    assert len(few.values) == 80
    assert tried == [100, 96, 92, 88, 84, 80, 75]


def test_nothing_goes_where_the_steps_are_fine_already():
    table = sparse(20, 8, 1)
    assert thinned({"items": table}, lambda tables: {"items": Code(np.float32(1e-4))})[0]["items"] is table


def test_tables_that_only_fit_thinned_are_thinned_and_the_error_is_that_of_the_whole():
    table = sparse(30, 10, 3)

    def codes_of(tables):
        if len(tables["items"].values) > most:
            raise SparserecError(f"{len(tables['items'].values)} are too many")
        return {"items": Code(np.float32(0.1))}

    most = int(0.8 * len(table.values))
    assert len(thinned({"items": table}, codes_of)[0]["items"].values) <= most
    most = 1
    with pytest.raises(SparserecError, match=f"{len(table.values)} are too many"):
        thinned({"items": table}, codes_of)


def test_a_thinned_file_has_the_bytes_of_its_budget_and_less_error(tmp_path, monkeypatch):
    table = sparse(400, 30, 5)
    ids = Vocabulary.of([str(item) for item in range(400)])
    budget = int(len(table.values) * 0.9)

    def error() -> float:
        report = write(tmp_path / "model", items=table, item_ids=ids, values_dtype="coded", budget=budget)
        assert budget - 64 <= report.total - report.ids <= budget
        rows = read(tmp_path / "model").items
        rebuilt = TableData(rows.indptr, rows.columns, rows.dequantised(), 30)
        return float(((dense(rebuilt) - dense(table)) ** 2).sum())

    thin = error()
    monkeypatch.setattr(thinning, "SHARES", (0.0,))
    monkeypatch.setattr(thinning, "BETWEEN", ())
    assert thin < error()
