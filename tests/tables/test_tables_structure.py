from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sparserec.errors import SparserecError
from sparserec.tables import RowAdam, SparseTable

NONE = np.zeros(0, dtype=np.int64)


def trained(table, steps=3):
    optimizer = RowAdam(table, lr=0.1)
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        rows = torch.randint(0, table.n_rows, (table.n_rows,), generator=generator)
        table.lookup(rows).sin().sum().backward()
        optimizer.step()
    return optimizer


def small():
    """Row 0 has columns 0, 2, 3; row 1 has column 1."""
    return SparseTable(np.array([0, 3, 4]), np.array([0, 2, 3, 1]), np.array([1.0, 2, 3, 4]), 4)


def copy_of(table):
    return {name: array.clone() for name, array in table.state().items()}


def same(table, state):
    return table.state().keys() == state.keys() and all(
        torch.equal(array, state[name]) for name, array in table.state().items()
    )


# -- revisions ------------------------------------------------------------------------------------------------------


def test_a_revision_keeps_drops_and_grows():
    table = small()
    table.attach("mark", torch.float32)
    table.attached("mark")[:] = torch.tensor([10.0, 20, 30, 40])
    table.revise(np.array([True, False, True, True]), np.array([0, 1, 1]), np.array([1, 0, 3]))
    indptr, columns = table.structure()
    assert indptr.tolist() == [0, 3, 6]
    assert columns.tolist() == [0, 1, 3, 0, 1, 3]
    assert table.values.tolist() == [1, 0, 3, 0, 4, 0]
    assert table.attached("mark").tolist() == [10, 0, 30, 0, 40, 0]
    assert table.lookup(torch.tensor([0, 1])).tolist() == [[1, 0, 0, 3], [0, 4, 0, 0]]


@given(st.integers(1, 8), st.one_of(st.integers(1, 6), st.integers(250, 262)), st.integers(0, 2**31))
@settings(max_examples=50)
def test_a_revision_moves_values_and_moments_with_their_parameters(make_table, n, dim, seed):
    table, mask = make_table(n, dim, seed)
    trained(table)
    generator = np.random.default_rng(seed)
    before = copy_of(table)
    keep = generator.random(table.nnz) < 0.6
    keep[table.structure()[0][:-1]] = True
    grow = ~mask & (generator.random(mask.shape) < 0.3)
    table.revise(keep, *np.nonzero(grow))

    left = mask.copy()
    left[mask] = keep
    after = left | grow
    indptr, columns = table.structure()
    assert np.diff(indptr).tolist() == after.sum(axis=1).tolist()
    assert columns.tolist() == np.nonzero(after)[1].tolist()
    for name in ("values", "attached.mean", "attached.square", "attached.age"):
        expected = np.zeros(mask.shape)
        expected[left] = before[name].numpy()[keep]
        assert np.array_equal(table.state()[name].numpy(), expected[after]), name
        assert table.state()[name].dtype == before[name].dtype


def test_a_grown_parameter_begins_with_a_first_step():
    table = small()
    optimizer = trained(table, 5)
    table.revise(np.ones(4, dtype=bool), np.array([1]), np.array([3]))
    assert table.attached("age").tolist()[3:] != [0, 0]
    assert table.attached("age").tolist()[4] == 0
    (table.lookup(torch.tensor([1])) * 7).sum().backward()
    optimizer.step()
    assert table.values[4].item() == pytest.approx(-optimizer.lr, rel=1e-5)
    assert table.attached("age").tolist()[4] == 1


def test_a_parameter_dropped_and_grown_at_once_starts_anew():
    table = small()
    trained(table)
    table.revise(np.array([True, False, True, True]), np.array([0]), np.array([2]))
    assert table.structure()[1].tolist() == [0, 2, 3, 1]
    assert table.values[1] == 0
    assert table.attached("age").tolist()[1] == 0


@pytest.mark.parametrize(
    ("keep", "grow_rows", "grow_columns"),
    [
        ([True, True, True, False], NONE, NONE),
        ([False, False, False, True], NONE, NONE),
        ([True, True, True, False], np.array([0]), np.array([1])),
        ([True, True, True, True], np.array([0]), np.array([2])),
        ([True, False, True, True], np.array([0, 1]), np.array([2, 1])),
        ([True, True, True, True], np.array([1, 1]), np.array([3, 3])),
    ],
    ids=["empty row", "three dropped", "empty row, grown elsewhere", "active", "one of two active", "grown twice"],
)
def test_a_revision_that_cannot_be_leaves_the_table_as_it_was(keep, grow_rows, grow_columns):
    table = small()
    trained(table)
    before = copy_of(table)
    with pytest.raises(SparserecError, match="active"):
        table.revise(np.array(keep), grow_rows, grow_columns)
    assert same(table, before)


# -- state ----------------------------------------------------------------------------------------------------------


def test_a_loaded_table_goes_on_as_the_saved_one_would_have(make_table):
    saved, _ = make_table(6, 9, 0)
    optimizer = trained(saved)
    other, _ = make_table(6, 9, 1)
    other_optimizer = RowAdam(other, lr=0.1)
    state = copy_of(saved)
    other.load(saved.state())
    for table, one in ((saved, optimizer), (other, other_optimizer)):
        table.lookup(torch.tensor([5, 0, 5])).exp().sum().backward()
        one.step()
    assert same(other, saved.state())
    assert not same(saved, state)
    assert other.values.data_ptr() != saved.values.data_ptr()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("attached.mean", None),
        ("attached.other", [0.0, 0, 0, 0]),
        ("attached.mean", [0.0, 0, 0]),
        ("indptr", [0, 1, 3, 4]),
        ("indptr", [0, 4]),
        ("indptr", [0, 4, 4]),
        ("indptr", [0, 5, 4]),
        ("indptr", [1, 3, 4]),
        ("indptr", [0, 3, 5]),
        ("columns", [0, 1, 3]),
        ("columns", [0, 1, 1, 2]),
        ("columns", [0, 1, 4, 2]),
        ("values", [1.0, 2, 3]),
    ],
)
def test_a_damaged_state_is_refused_and_leaves_the_table_as_it_was(name, value):
    table, other = small(), SparseTable(np.array([0, 3, 4]), np.array([0, 1, 3, 2]), np.ones(4), 4)
    trained(table)
    trained(other, 5)
    before, state = copy_of(table), copy_of(other)
    if value is None:
        del state[name]
    else:
        state[name] = torch.tensor(value)
    with pytest.raises(SparserecError):
        table.load(state)
    assert same(table, before)


@pytest.mark.parametrize(
    ("indptr", "columns", "values", "dim", "message"),
    [
        ([0, 2, 2], [0, 1], [1, 1], 4, "at least one active"),
        ([0, 0, 2], [0, 1], [1, 1], 4, "at least one active"),
        ([0, 2], [0, 4], [1, 1], 4, "column 4 does not exist"),
        ([0, 1], [300], [1], 4, "column 300 does not exist"),
        ([0, 1], [65_536], [1], 300, "column 65536 does not exist"),
        ([0, 1], [-1], [1], 256, "column -1 does not exist"),
        ([0, 2], [1, 0], [1, 1], 4, "ascending"),
        ([0, 2], [1, 1], [1, 1], 4, "ascending"),
        ([0, 2], [0, 1], [1, 1, 1], 4, "row pointers"),
        ([0, 2], [0, 1, 2], [1, 1], 4, "row pointers"),
        ([0, 3], [0, 1], [1, 1], 4, "row pointers"),
        ([1, 2], [0, 1], [1, 1], 4, "row pointers"),
        ([0], [], [], 4, "row pointers"),
        ([0, 1], [0], [1], 0, "dim must"),
        ([0, 1], [0], [1], 2**31, "dim must"),
    ],
)
def test_a_structure_that_is_not_csr_is_refused(indptr, columns, values, dim, message):
    with pytest.raises(SparserecError, match=message):
        SparseTable(np.array(indptr), np.array(columns, dtype=np.int64), np.array(values, dtype=np.float32), dim)


def test_columns_need_only_ascend_within_a_row():
    table = SparseTable(np.array([0, 2, 4]), np.array([2, 3, 0, 1]), np.ones(4), 4)
    assert table.nnz == 4


# -- memory ---------------------------------------------------------------------------------------------------------


def test_a_large_table_needs_memory_for_its_active_parameters_only():
    n, dim = 1_000_000, 256
    columns = np.tile(np.array([3, 200], dtype=np.uint8), n)
    table = SparseTable(np.arange(n + 1) * 2, columns, np.ones(2 * n, dtype=np.float32), dim)
    optimizer = RowAdam(table)
    rows = torch.arange(0, n, 1000)
    table.watch(rows.numpy())
    keep, chosen = np.ones(2 * n, dtype=bool), np.arange(0, n, 10)
    keep[2 * chosen] = False
    tracemalloc.start()
    batch = table.lookup(rows)
    assert batch.shape == (1000, dim)
    batch.sum().backward()
    assert table.watched_gradients()[1].shape == (1000, dim)
    optimizer.step()
    table.revise(keep, chosen, np.full(len(chosen), 100))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert table.nnz == 2 * n
    assert peak < n * dim / 2
    assert sum(array.nbytes for array in table.state().values()) < 40 * table.nnz


def test_a_table_wider_than_two_bytes_hold_reads_its_columns():
    dim, columns = 70_001, [5, 65_536, 70_000]
    table = SparseTable(np.array([0, 2, 3]), np.array(columns), np.array([1, 2, 3], dtype=np.float32), dim)
    dense = np.zeros((2, dim), dtype=np.float32)
    dense[[0, 0, 1], columns] = [1, 2, 3]
    rows = torch.tensor([0, 1])
    np.testing.assert_array_equal(table.lookup(rows).detach(), dense)
    matrix = torch.from_numpy(np.random.default_rng(0).standard_normal((4, dim)).astype(np.float32))
    np.testing.assert_allclose(table.product(rows, matrix).detach(), dense @ matrix.numpy().T, rtol=1e-5)
    table.product(rows, matrix).sum().backward()
    found = table.take_gradients()
    expected = matrix.sum(0).numpy()[columns]
    np.testing.assert_allclose(found.values, expected, rtol=1e-5)
    with pytest.raises(SparserecError, match="column 70001 does not exist"):
        SparseTable(np.array([0, 1]), np.array([70_001]), np.ones(1, dtype=np.float32), dim)
