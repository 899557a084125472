"""Bytes are known before a file is written."""

from __future__ import annotations

import numpy as np
import pytest
from artefact_tables import sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from sparserec import SparserecError
from sparserec.artefact import TableData, dense_file_bytes, nnz_for_budget, sparse_file_bytes, write
from sparserec.artefact.gaps import most_bytes
from sparserec.artefact.schema import HEADER_ALLOWANCE
from sparserec.artefact.size import HEADER_EXPECTED, SECOND_TABLE
from sparserec.vocabulary import Vocabulary

dims = st.sampled_from([1, 8, 255, 256, 257])
types = st.sampled_from(["int8", "float16"])
all_types = st.sampled_from(["int8", "float16", "coded"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("sizes")


def ids(n: int) -> Vocabulary:
    return Vocabulary.of(map(str, range(n)))


def written_bytes(folder, items, users, values_dtype) -> int:
    """Bytes of the real file, raw ids apart."""
    count = len if isinstance(items, np.ndarray) else lambda table: len(table.indptr) - 1
    more = {} if users is None else {"users": users, "user_ids": ids(count(users))}
    report = write(folder / "model", items=items, item_ids=ids(count(items)), values_dtype=values_dtype, **more)
    return report.total - report.ids


@given(dims, types, st.integers(1, 5), st.integers(0, 4), st.data())
def test_sparse_bound(folder, dim, values_dtype, n_items, n_users, data):
    lengths = np.array(data.draw(st.lists(st.integers(1, dim), min_size=n_items + n_users, max_size=n_items + n_users)))
    items = sparse(n_items, dim, lengths[:n_items], 0)
    users = sparse(n_users, dim, lengths[n_items:], 1) if n_users else None
    real = written_bytes(folder, items, users, values_dtype)
    bound = sparse_file_bytes(
        n_items=n_items, n_users=n_users, nnz=int(lengths.sum()), dim=dim, values_dtype=values_dtype
    )
    assert real <= bound


@given(dims, types, st.data())
def test_a_row_whose_free_cells_lie_together_takes_all_of_the_bound(folder, dim, values_dtype, data):
    nnz = data.draw(st.integers(1, dim))
    columns = np.array([*range(nnz - 1), dim - 1])
    items = TableData(np.array([0, nnz]), columns, np.ones(nnz, dtype=np.float32), dim)
    report = write(folder / "model", items=items, item_ids=ids(1), values_dtype=values_dtype)
    bound = sparse_file_bytes(n_items=1, n_users=0, nnz=nnz, dim=dim, values_dtype=values_dtype)
    assert bound == report.items + HEADER_ALLOWANCE


@st.composite
def splits(draw) -> tuple[int, int, int, int, int]:
    """Columns, rows of two tables and values of both, with extreme ones drawn often."""
    dim = draw(st.sampled_from([1, 2, 3, 8, 64, 640, 65_536]) | st.integers(1, 65_536))
    rows = [draw(st.integers(1, 8) | st.integers(1, 10**7)) for _ in range(2)]
    values = [
        draw(st.integers(n, n * dim) | st.sampled_from([n, n * dim]) | st.integers(n, min(n * dim, n + 40)))
        for n in rows
    ]
    return dim, *rows, *values


@settings(max_examples=1000)
@given(splits())
def test_two_tables_stay_within_the_bound_however_the_values_are_spread(split):
    dim, n_items, n_users, items, users = split
    apart = most_bytes(n_items * dim, items) + most_bytes(n_users * dim, users)
    assert apart <= most_bytes((n_items + n_users) * dim, items + users) + SECOND_TABLE


def test_every_split_of_small_tables_stays_within_the_bound_and_some_need_all_of_it():
    most = {(cells, nnz): most_bytes(cells, nnz) for cells in range(1, 61) for nnz in range(1, cells + 1)}
    beyond = {
        (one, other): most[one] + most[other] - most[one[0] + other[0], one[1] + other[1]]
        for one in most
        for other in most
        if one[0] <= other[0] and one[0] + other[0] <= 60
    }
    assert max(beyond.values()) == SECOND_TABLE


@given(dims, types, st.integers(1, 5), st.integers(0, 4))
def test_dense_bound(folder, dim, values_dtype, n_items, n_users):
    users = np.ones((n_users, dim), dtype=np.float32) if n_users else None
    real = written_bytes(folder, np.ones((n_items, dim), dtype=np.float32), users, values_dtype)
    bound = dense_file_bytes(n_items=n_items, n_users=n_users, dim=dim, values_dtype=values_dtype)
    assert real <= bound <= real + HEADER_ALLOWANCE


def test_sizes_by_hand():
    sizes = {"n_items": 100, "n_users": 50}
    # 9600 cells: 3 low bits, and at most 8600 >> 3 zero and 1000 one bits above them.
    gaps = 375 + 260
    assert sparse_file_bytes(**sizes, nnz=1000, dim=64, values_dtype="int8") == 4096 + 2 * 4 * 64 + 1000 + gaps + 3
    assert sparse_file_bytes(**sizes, nnz=1000, dim=64, values_dtype="float16") == 4096 + 2 * 1000 + gaps + 3
    assert sparse_file_bytes(n_items=150, n_users=0, nnz=1000, dim=64, values_dtype="float16") == 4096 + 2000 + gaps
    assert dense_file_bytes(**sizes, dim=64, values_dtype="int8") == 4096 + 2 * 4 * 64 + 150 * 64
    assert dense_file_bytes(n_items=100, n_users=0, dim=64, values_dtype="int8") == 4096 + 4 * 64 + 100 * 64


@given(dims, all_types, st.integers(1, 1000), st.integers(0, 1000), st.data())
def test_the_bytes_never_fall_as_values_are_added(dim, values_dtype, n_items, n_users, data):
    sizes = {"n_items": n_items, "n_users": n_users, "dim": dim, "values_dtype": values_dtype}
    rows = n_items + n_users
    nnz = data.draw(st.integers(rows, rows * dim))
    near = [sparse_file_bytes(nnz=k, **sizes) for k in range(nnz, min(nnz + 50, rows * dim) + 1)]
    assert near == sorted(near)


@given(dims, all_types, st.integers(1, 1000), st.integers(0, 1000), st.data())
def test_the_budget_is_used_to_the_last_value(dim, values_dtype, n_items, n_users, data):
    sizes = {"n_items": n_items, "n_users": n_users, "dim": dim, "values_dtype": values_dtype}
    rows = n_items + n_users
    least, most = (sparse_file_bytes(nnz=nnz, **sizes) for nnz in (rows, rows * dim))
    budget = data.draw(st.integers(least, most))
    nnz = nnz_for_budget(budget, **sizes)
    assert rows <= nnz <= rows * dim
    assert sparse_file_bytes(nnz=nnz, **sizes) <= budget
    assert nnz == rows * dim or sparse_file_bytes(nnz=nnz + 1, **sizes) > budget


@given(dims, all_types, st.integers(1, 1000), st.integers(0, 1000))
def test_a_budget_is_a_ceiling_and_one_too_small_is_refused(dim, values_dtype, n_items, n_users):
    sizes = {"n_items": n_items, "n_users": n_users, "dim": dim, "values_dtype": values_dtype}
    rows = n_items + n_users
    least, most = (sparse_file_bytes(nnz=nnz, **sizes) for nnz in (rows, rows * dim))
    with pytest.raises(SparserecError, match=f"budget of {least - 1:,} bytes is too small.*{least:,} bytes"):
        nnz_for_budget(least - 1, **sizes)
    assert nnz_for_budget(most, **sizes) == rows * dim
    assert nnz_for_budget(most + 1, **sizes) == nnz_for_budget(10**15, **sizes) == rows * dim


def test_estimates_by_hand():
    """A density of one eighth: 4.5 bits for a gap, 3.75 for a value."""
    sizes = {"n_items": 100, "nnz": 800, "dim": 64, "values_dtype": "coded"}
    assert sparse_file_bytes(**sizes) == HEADER_EXPECTED + 4 + 825
    assert sparse_file_bytes(**sizes, history_factors=True) == HEADER_EXPECTED + 4 + 825 + 63 + 8
    assert sparse_file_bytes(**sizes | {"n_items": 60}, n_users=40) == HEADER_EXPECTED + 8 + 825
    plain = sparse_file_bytes(n_items=100, nnz=800, dim=64, values_dtype="int8")
    assert sparse_file_bytes(n_items=100, nnz=800, dim=64, values_dtype="int8", history_factors=True) == plain + 71
    budget = sparse_file_bytes(**sizes, history_factors=True)
    assert nnz_for_budget(budget, n_items=100, dim=64, values_dtype="coded", history_factors=True) == 800


def test_dense_tables_can_not_be_coded():
    with pytest.raises(SparserecError, match="only values of sparse tables can be coded"):
        dense_file_bytes(n_items=3, dim=4, values_dtype="coded")
