"""Propagation a block of columns at a time equals the dense product, forward and backward, and holds no dense table."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from sparserec.tables import DenseTable, Propagation, RowAdam, SparseTable


def sparse(rows, dim, generator):
    mask = generator.random((rows, dim)) < 0.4
    mask[:, 1] = True
    indptr = np.concatenate(([0], np.cumsum(mask.sum(axis=1))))
    matrix = np.where(mask, generator.standard_normal((rows, dim)), 0).astype(np.float32)
    return SparseTable(indptr, np.nonzero(mask)[1], matrix[mask], dim), matrix, mask


def dense(rows, dim, generator):
    matrix = generator.standard_normal((rows, dim)).astype(np.float32)
    return DenseTable(matrix.copy()), matrix, np.ones_like(matrix, dtype=bool)


def symmetric(count, generator):
    matrix = generator.standard_normal((count, count)).astype(np.float32)
    return torch.from_numpy(matrix + matrix.T)


def slots_of(gradients, nnz):
    found = torch.zeros(nnz)
    for t, slot in enumerate(gradients.first_slot.tolist()):
        begin, end = gradients.offsets[t : t + 2].tolist()
        found[slot : slot + end - begin] = gradients.values[begin:end]
    return found


@pytest.mark.parametrize("make", [sparse, dense])
@given(seed=st.integers(0, 10_000), dim=st.sampled_from([2, 4, 9, 70]))
def test_blocks_of_columns_equal_the_whole_product(make, seed, dim):
    generator = np.random.default_rng(seed)
    (first, a, a_mask), (second, b, b_mask) = make(4, dim, generator), make(3, dim, generator)
    operator = symmetric(7, generator)
    propagation = Propagation([first, second], lambda block: operator @ block)
    rows = torch.tensor([6, 0, 3, 6, 4])
    weights = torch.from_numpy(generator.standard_normal((5, dim)).astype(np.float32))
    whole = torch.from_numpy(np.vstack([a, b])).requires_grad_()
    expected = (operator @ whole)[rows]
    (expected.sin() * weights).sum().backward()
    watched = np.array([1, 2])
    if make is sparse:
        second.watch(watched)
    image = propagation.lookup(rows)
    torch.testing.assert_close(image, expected.detach(), rtol=1e-4, atol=1e-4)
    (image.sin() * weights).sum().backward()
    assert whole.grad is not None
    full = whole.grad
    if make is sparse:
        positions, gradients = (part.numpy() for part in second.watched_gradients())
        assert positions.tolist() == [0, 1]
        np.testing.assert_allclose(gradients, full[4:][watched], rtol=1e-3, atol=1e-3)
        assert len(first.watched_gradients()[0]) == 0
    for table, own, mask in ((first, full[:4], a_mask), (second, full[4:], b_mask)):
        gradients = table.take_gradients()
        torch.testing.assert_close(slots_of(gradients, table.nnz), own[torch.from_numpy(mask)], rtol=1e-3, atol=1e-3)
        assert table.take_gradients() is None


@pytest.mark.parametrize("make", [sparse, dense])
def test_rows_that_were_looked_up_as_well_add_their_gradients(make):
    generator = np.random.default_rng(3)
    table, matrix, mask = make(5, 6, generator)
    operator = symmetric(5, generator)
    propagation = Propagation([table], lambda block: operator @ block)
    whole = torch.from_numpy(matrix).requires_grad_()
    rows = torch.tensor([1, 4])
    ((operator @ whole)[rows].square().sum() + whole[rows].exp().sum()).backward()
    if make is sparse:
        table.watch(np.array([0, 4]))
    (propagation.lookup(rows).square().sum() + table.lookup(rows).exp().sum()).backward()
    assert whole.grad is not None
    if make is sparse:
        positions, gradients = (part.numpy() for part in table.watched_gradients())
        np.testing.assert_allclose(gradients, whole.grad[[0, 4]], rtol=1e-4, atol=1e-3)
        assert positions.tolist() == [0, 1]
    found = slots_of(table.take_gradients(), table.nnz)
    torch.testing.assert_close(found, whole.grad[torch.from_numpy(mask)], rtol=1e-4, atol=1e-3)


class Largest(TorchDispatchMode):
    """Remembers the largest tensor that any torch operation returned."""

    def __init__(self):
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        parts = out if isinstance(out, tuple | list) else [out]
        self.numbers = max([self.numbers, *(part.numel() for part in parts if isinstance(part, torch.Tensor))])
        return out


def test_a_step_of_lightgcn_holds_no_array_of_the_size_of_a_table(one_thread):
    import tracemalloc

    from sparserec.interactions import synthetic
    from sparserec.recommenders import Batch, LightGCN

    facts = synthetic(n_users=3000, n_items=2000, interactions_per_user=5, n_clusters=8, seed=0)[0].interactions
    dim, n_rows, generator = 256, 5000, np.random.default_rng(0)

    def table(rows):
        columns = np.sort(generator.random((rows, dim)).argpartition(4, axis=1)[:, :4], axis=1)
        values = generator.standard_normal(4 * rows).astype(np.float32)
        return SparseTable(np.arange(rows + 1) * 4, columns.reshape(-1), values, dim)

    users, items = table(3000), table(2000)
    model = LightGCN(users, items, facts)
    optimizers = [RowAdam(users), RowAdam(items)]
    items.watch(np.arange(20))

    def step():
        batch = Batch(torch.arange(16), torch.arange(16), torch.arange(30, 60))
        positive, negative = model.scores(batch)
        (negative.exp().sum() - positive.sum()).backward()
        items.watched_gradients()
        for optimizer in optimizers:
            optimizer.step()

    with Largest():  # kernels are compiled, and what torch imports for a dispatch mode is imported
        step()
    tracemalloc.start()
    with Largest() as largest:
        step()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    block = n_rows * 16
    assert largest.numbers <= block  # torch's own memory: no tensor is larger than a block of columns
    assert peak < 3 * 4 * block  # NumPy's: those of the propagation
    assert 4 * block * 3 < 4 * n_rows * dim / 4
