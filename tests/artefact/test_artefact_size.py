"""Bytes are known before a file is written."""

from __future__ import annotations

import numpy as np
import pytest
from artefact_tables import sparse
from hypothesis import given
from hypothesis import strategies as st

from sparserec import SparserecError
from sparserec.artefact import dense_file_bytes, nnz_for_budget, sparse_file_bytes, write
from sparserec.artefact.schema import HEADER_ALLOWANCE
from sparserec.vocabulary import Vocabulary

dims = st.sampled_from([1, 8, 255, 256, 257])
types = st.sampled_from(["int8", "float16"])


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
    # Where rows could be longer than 255 the bound has two bytes for each length, the file one when none is.
    narrow = 0 if dim <= 255 else n_items * (lengths[:n_items].max() <= 255)
    if dim > 255 and n_users:
        narrow += n_users * (lengths[n_items:].max() <= 255)
    assert real <= bound <= real + HEADER_ALLOWANCE + narrow


@given(dims, types, st.integers(1, 5), st.integers(0, 4))
def test_dense_bound(folder, dim, values_dtype, n_items, n_users):
    users = np.ones((n_users, dim), dtype=np.float32) if n_users else None
    real = written_bytes(folder, np.ones((n_items, dim), dtype=np.float32), users, values_dtype)
    bound = dense_file_bytes(n_items=n_items, n_users=n_users, dim=dim, values_dtype=values_dtype)
    assert real <= bound <= real + HEADER_ALLOWANCE


def test_sizes_by_hand():
    sizes = {"n_items": 100, "n_users": 50}
    assert sparse_file_bytes(**sizes, nnz=1000, dim=64, values_dtype="int8") == 4096 + 2 * 4 * 64 + 150 + 2 * 1000
    assert sparse_file_bytes(**sizes, nnz=1000, dim=64, values_dtype="float16") == 4096 + 150 + 3 * 1000
    assert sparse_file_bytes(**sizes, nnz=1000, dim=257, values_dtype="float16") == 4096 + 2 * 150 + 4 * 1000
    assert dense_file_bytes(**sizes, dim=64, values_dtype="int8") == 4096 + 2 * 4 * 64 + 150 * 64
    assert dense_file_bytes(n_items=100, n_users=0, dim=64, values_dtype="int8") == 4096 + 4 * 64 + 100 * 64


@given(dims, types, st.integers(1, 1000), st.integers(0, 1000), st.data())
def test_the_budget_is_used_to_the_last_value(dim, values_dtype, n_items, n_users, data):
    sizes = {"n_items": n_items, "n_users": n_users, "dim": dim, "values_dtype": values_dtype}
    rows = n_items + n_users
    nnz = data.draw(st.integers(rows, rows * dim))
    exact = sparse_file_bytes(nnz=nnz, **sizes)
    assert nnz_for_budget(exact, **sizes) == nnz
    if nnz > rows:
        assert nnz_for_budget(exact - 1, **sizes) == nnz - 1
    else:
        with pytest.raises(SparserecError, match=f"budget of {exact - 1:,} bytes is too small.*{exact:,} bytes"):
            nnz_for_budget(exact - 1, **sizes)


@given(dims, types, st.integers(1, 1000), st.integers(0, 1000))
def test_a_budget_for_more_than_every_value_is_too_large(dim, values_dtype, n_items, n_users):
    sizes = {"n_items": n_items, "n_users": n_users, "dim": dim, "values_dtype": values_dtype}
    rows = n_items + n_users
    most = sparse_file_bytes(nnz=rows * dim, **sizes)
    one_more = sparse_file_bytes(nnz=rows * dim + 1, **sizes)
    assert nnz_for_budget(one_more - 1, **sizes) == rows * dim
    assert most < one_more
    with pytest.raises(SparserecError, match="larger than needed: a dense table"):
        nnz_for_budget(one_more, **sizes)
