from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sparserec.tables import SparseTable, column_dtype, reference


def dense_of(table, mask):
    matrix = np.zeros(mask.shape, dtype=np.float32)
    matrix[mask] = table.values.numpy()
    return torch.from_numpy(matrix)


@st.composite
def cases(draw):
    n = draw(st.integers(1, 12))
    rows = st.lists(st.integers(0, n - 1), min_size=1, max_size=8)
    return (
        n,
        draw(st.one_of(st.integers(1, 12), st.integers(1, 300))),
        draw(st.lists(rows, min_size=1, max_size=3)),
        sorted(draw(st.sets(st.integers(0, n - 1)))),
        draw(st.integers(0, 2**31)),
    )


@given(case=cases())
@settings(max_examples=80)
def test_lookups_and_gradients_are_those_of_the_dense_matrix_with_a_mask(make_table, case):
    n, dim, batches, watched, seed = case
    table, mask = make_table(n, dim, seed)
    table.watch(np.array(watched, dtype=np.int64))
    dense = dense_of(table, mask).requires_grad_()
    generator = torch.Generator().manual_seed(seed)
    for rows in map(torch.tensor, batches):
        batch, expected = table.lookup(rows), dense[rows]
        torch.testing.assert_close(batch, expected, rtol=0, atol=0)
        weights = torch.randn(batch.shape, generator=generator)
        (batch * weights + batch**2).sum().backward()
        (expected * weights + expected**2).sum().backward()

    touched = sorted({row for rows in batches for row in rows})
    assert dense.grad is not None
    positions, full = (part.numpy() for part in table.watched_gradients())
    assert [watched[position] for position in positions] == [row for row in touched if row in watched]
    np.testing.assert_allclose(full, dense.grad[np.array(watched, dtype=np.int64)[positions]], rtol=1e-4, atol=1e-4)

    gradients = table.take_gradients()
    assert gradients is not None
    assert gradients.first_slot.tolist() == table.indptr[touched].tolist()
    assert torch.diff(gradients.offsets).tolist() == mask[touched].sum(axis=1).tolist()
    np.testing.assert_allclose(gradients.values, dense.grad[touched].numpy()[mask[touched]], rtol=1e-4, atol=1e-4)
    assert table.take_gradients() is None
    assert len(table.watched_gradients()[0]) == 0


@given(case=cases())
@settings(max_examples=40)
def test_lookups_and_gradients_are_those_of_the_reference(make_table, case):
    n, dim, batches, watched, seed = case
    table, _ = make_table(n, dim, seed)
    rows, seen = torch.tensor(batches[0]), torch.tensor(watched, dtype=torch.int64)
    table.watch(seen.numpy())
    values = table.values.clone().requires_grad_()
    shift = torch.zeros(len(watched), dim, requires_grad=True)
    expected = reference.lookup(values, table.columns, table.indptr, rows, dim, seen, shift)
    batch = table.lookup(rows)
    torch.testing.assert_close(batch, expected, rtol=0, atol=0)
    weights = torch.randn(batch.shape, generator=torch.Generator().manual_seed(seed))
    (batch * weights).sum().backward()
    (expected * weights).sum().backward()

    positions, full = (part.numpy() for part in table.watched_gradients())
    gradients = table.take_gradients()
    assert gradients is not None
    assert values.grad is not None
    ours = torch.zeros(table.nnz)
    for first, begin, end in zip(gradients.first_slot, gradients.offsets, gradients.offsets[1:], strict=False):
        ours[first : first + end - begin] = gradients.values[begin:end]
    torch.testing.assert_close(ours, values.grad, rtol=1e-4, atol=1e-5)
    every = torch.zeros(len(watched), dim)
    every[positions] = torch.from_numpy(full)
    torch.testing.assert_close(every, torch.zeros_like(every) if shift.grad is None else shift.grad)


def test_a_worked_example():
    table = SparseTable(np.array([0, 2, 3]), np.array([0, 2, 1]), np.array([1.0, 2, 3]), 3)
    table.watch(np.array([1]))
    batch = table.lookup(torch.tensor([1, 0, 1]))
    assert batch.tolist() == [[0, 3, 0], [1, 0, 2], [0, 3, 0]]
    (batch * torch.tensor([[1.0, 2, 3], [4, 5, 6], [10, 20, 30]])).sum().backward()
    positions, full = (part.numpy() for part in table.watched_gradients())
    assert (positions.tolist(), full.tolist()) == ([0], [[11, 22, 33]])
    gradients = table.take_gradients()
    assert gradients is not None
    assert gradients.first_slot.tolist() == [0, 2]
    assert gradients.offsets.tolist() == [0, 2, 3]
    assert gradients.values.tolist() == [4, 6, 22]


def test_gradients_are_there_only_after_a_backward_pass(make_table):
    table, _ = make_table(5, 4, 0)
    assert table.take_gradients() is None
    table.lookup(torch.tensor([1, 2]))
    assert table.take_gradients() is None


@pytest.mark.parametrize(("dim", "dtype"), [(1, np.uint8), (256, np.uint8), (257, np.uint16), (65_536, np.uint16)])
def test_columns_take_the_smallest_type_that_holds_them(dim, dtype):
    table = SparseTable(np.array([0, 1]), np.array([dim - 1]), np.array([2.5]), dim)
    assert column_dtype(dim) is dtype
    assert table.structure()[1].dtype == dtype
    row = table.lookup(torch.tensor([0]))[0]
    assert row[dim - 1] == 2.5
    assert torch.count_nonzero(row) == 1


@pytest.mark.parametrize("n_watched", [0, 1, 3])
def test_the_reference_passes_gradcheck_in_values_and_in_the_dense_term(make_table, n_watched):
    table, _ = make_table(4, 5, 3)
    rows, watched = torch.tensor([0, 3, 3, 1]), torch.tensor([0, 2, 3])[:n_watched]
    values = table.values.double().requires_grad_()
    shift = torch.zeros(n_watched, 5, dtype=torch.float64, requires_grad=True)

    def lookup(values, shift):
        return reference.lookup(values, table.columns, table.indptr, rows, 5, watched, shift)

    assert torch.autograd.gradcheck(lookup, (values, shift) if n_watched else (values, None))
