"""What every table promises, whatever it stores. A new table joins with a line in `TABLES`."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sparserec.errors import SparserecError
from sparserec.tables import DenseTable, RowAdam, SparseTable, Table, ThresholdTable

N = 6


def dense(dim, seed, n=N):
    return DenseTable(np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32))


def sparse(dim, seed, n=N):
    generator = np.random.default_rng(seed)
    mask = generator.random((n, dim)) < 0.5
    mask[:, 1] = True
    indptr = np.concatenate(([0], np.cumsum(mask.sum(axis=1))))
    return SparseTable(indptr, np.nonzero(mask)[1], generator.standard_normal(indptr[-1]).astype(np.float32), dim)


def threshold(dim, seed, n=N):
    return ThresholdTable(np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32), threshold=-1.0)


TABLES = {"dense": (dense, 4), "sparse": (sparse, 4), "sparse, wide": (sparse, 300), "threshold": (threshold, 4)}


@pytest.fixture(params=TABLES, ids=lambda name: name.replace(", ", "-"))
def kind(request):
    return TABLES[request.param]


@pytest.fixture
def table(kind) -> Table:
    make, dim = kind
    return make(dim, 0)


def everything(table):
    with torch.no_grad():
        return table.lookup(torch.arange(table.n_rows)).clone()


class TestTableContract:
    def test_it_has_rows_columns_and_parameters(self, table, kind):
        assert (table.n_rows, table.dim) == (N, kind[1])
        assert table.values.dtype == torch.float32
        assert table.values.shape == (table.nnz,)

    def test_a_lookup_is_a_dense_batch_in_the_order_asked_for(self, table):
        rows = torch.tensor([3, 0, 3, 5])
        batch = table.lookup(rows)
        assert batch.shape == (4, table.dim)
        assert batch.dtype == torch.float32
        assert batch.requires_grad
        assert torch.equal(batch, everything(table)[rows])

    def test_products_and_their_gradients_are_those_of_a_lookup(self, kind):
        make, dim = kind
        rows, others = torch.tensor([3, 0, 3, 5]), torch.tensor([1, 2, 3])
        back = torch.randn(4, 7, generator=torch.Generator().manual_seed(1))
        seen = []
        for direct in (True, False):
            table = make(dim, 0)
            matrix = torch.randn(7, dim, generator=torch.Generator().manual_seed(2), requires_grad=True)
            products = table.product(rows, matrix) if direct else table.lookup(rows) @ matrix.T
            ((products * back).sum() + table.lookup(others).sin().sum()).backward()
            found = table.take_gradients()
            seen.append((products.detach(), matrix.grad, found.first_slot, found.offsets, found.values))
        for ours, expected in zip(*seen, strict=True):
            torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)

    def test_several_products_before_a_step_add_up(self, kind):
        make, dim = kind
        rows = torch.tensor([3, 0, 3])
        matrices = [torch.randn(k, dim, generator=torch.Generator().manual_seed(k)) for k in (5, 2)]
        one, two = make(dim, 0), make(dim, 0)
        sum(one.product(rows, matrix).sum() for matrix in matrices).backward()
        two.product(rows, torch.cat(matrices)).sum().backward()
        torch.testing.assert_close(one.take_gradients().values, two.take_gradients().values, rtol=1e-5, atol=1e-5)

    def test_sums_of_rows_and_their_gradients_are_those_of_a_lookup(self, kind):
        make, dim = kind
        rows, offsets = torch.tensor([3, 0, 3, 5, 1]), torch.tensor([0, 2, 2, 5])
        back = torch.randn(3, dim, generator=torch.Generator().manual_seed(1))
        seen = []
        for direct in (True, False):
            table = make(dim, 0)
            weights = torch.randn(5, generator=torch.Generator().manual_seed(2), requires_grad=True)
            if direct:
                sums = table.pool(rows, offsets, weights)
            else:
                entries = table.lookup(rows) * weights[:, None]
                sums = torch.stack([entries[a:b].sum(0) for a, b in ((0, 2), (2, 2), (2, 5))])
            ((sums * back).sum() + table.lookup(rows[:2]).sin().sum()).backward()
            found = table.take_gradients()
            seen.append((sums.detach(), weights.grad, found.first_slot, found.offsets, found.values))
        for ours, expected in zip(*seen, strict=True):
            torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)

    def test_an_empty_batch_is_allowed(self, table):
        batch = table.lookup(torch.zeros(0, dtype=torch.int64))
        assert batch.shape == (0, table.dim)
        batch.sum().backward()
        gradients = table.take_gradients()
        assert gradients is None or len(gradients.values) == 0

    def test_a_batch_does_not_change_when_the_table_does(self, table):
        batch = table.lookup(torch.tensor([1])).detach()
        before = batch.clone()
        table.values[:] = 99
        assert torch.equal(batch, before)
        assert not torch.equal(table.lookup(torch.tensor([1])), before)

    def test_gradients_are_those_of_the_parameters_and_taken_once(self, table):
        assert table.take_gradients() is None
        rows, more = torch.tensor([3, 0, 3, 5]), torch.tensor([0, 2])
        generator = torch.Generator().manual_seed(0)
        weights = torch.randn(4, table.dim, generator=generator)
        others = torch.randn(2, table.dim, generator=generator)
        first, second = table.lookup(rows), table.lookup(more)
        ((first * weights).sum() + (second * others).sum()).backward()
        gradients = table.take_gradients()
        assert table.take_gradients() is None

        assert gradients is not None
        ours = torch.zeros(table.nnz)
        slots = []
        for t, slot in enumerate(gradients.first_slot.tolist()):
            begin, end = gradients.offsets[t : t + 2].tolist()
            slots += range(slot, slot + end - begin)
            ours[slot : slot + end - begin] = gradients.values[begin:end]
        assert len(slots) == len(set(slots)) == len(gradients.values)
        assert gradients.values.dtype == torch.float32
        # Moving one parameter a little either way changes the loss by its gradient.
        for slot in range(0, table.nnz, 1 + table.nnz // 40):
            kept, images = table.values[slot].item(), []
            for move in (-1e-2, 1e-2):
                table.values[slot] = kept + move
                images.append(everything(table).double())
            table.values[slot] = kept
            change = (images[1] - images[0]) / 2e-2
            expected = (change[rows] * weights).sum() + (change[more] * others).sum()
            assert ours[slot].item() == pytest.approx(expected.item(), abs=1e-3)

    def test_gradients_of_several_backward_passes_add_up(self, table):
        seen = []
        for passes in ((1.0, 10.0), (11.0,)):
            for weight in passes:
                (table.lookup(torch.tensor([2])) * weight).sum().backward()
            gradients = table.take_gradients()
            assert gradients is not None
            assert len(gradients.first_slot) == 1
            seen.append(gradients.values)
        assert torch.allclose(*seen)
        assert 11.0 in seen[0].tolist()

    def test_columns_are_read_and_their_gradients_left_as_if_all_rows_had_been_looked_up(self, table):
        every = torch.arange(table.n_rows)
        weights = torch.randn(table.n_rows, table.dim, generator=torch.Generator().manual_seed(1))
        (table.lookup(every) * weights).sum().backward()
        expected = table.take_gradients()
        assert expected is not None
        for first in range(0, table.dim, 3):
            block = torch.empty(table.n_rows, min(3, table.dim - first))
            table.read_columns(first, block)
            assert torch.equal(block, everything(table)[:, first : first + 3])
            table.leave_columns(first, weights[:, first : first + 3])
        found = table.take_gradients()
        assert found is not None
        assert torch.equal(found.first_slot, expected.first_slot)
        assert torch.equal(found.offsets, expected.offsets)
        torch.testing.assert_close(found.values, expected.values)
        assert table.take_gradients() is None

    def test_attached_arrays_are_zero_and_aligned_with_the_values(self, table):
        table.attach("a", torch.float32)
        table.attach("b", torch.uint16)
        for name, dtype in (("a", torch.float32), ("b", torch.uint16)):
            assert table.attached(name).dtype == dtype
            assert table.attached(name).shape == (table.nnz,)
            assert not table.attached(name).to(torch.int64).any()

    def test_training_lowers_a_loss_and_moves_only_the_rows_of_the_batch(self, table):
        optimizer = RowAdam(table, lr=0.05)
        rows, before = torch.tensor([1, 4, 4]), everything(table)
        losses = []
        for _ in range(20):
            loss = table.lookup(rows).square().sum()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < losses[0] / 2
        moved = (everything(table) != before).any(dim=1)
        assert moved.nonzero().flatten().tolist() == [1, 4]

    def test_a_saved_state_restores_parameters_and_attached_arrays(self, table, kind):
        make, dim = kind
        optimizer = RowAdam(table)
        table.lookup(torch.tensor([0, 2])).exp().sum().backward()
        optimizer.step()
        state = {name: array.clone() for name, array in table.state().items()}
        other = make(dim, 1)
        RowAdam(other)
        other.load(state)
        assert torch.equal(everything(other), everything(table))
        assert other.nnz == table.nnz
        assert all(torch.equal(array, state[name]) for name, array in other.state().items())
        other.values[:] = 0
        assert torch.equal(state["values"], table.values)

    def test_the_state_of_another_table_is_refused(self, table, kind):
        make, dim = kind
        with pytest.raises(SparserecError):
            table.load(make(dim, 0, n=N + 1).state())
        RowAdam(table)
        with pytest.raises(SparserecError, match="optimiser state"):
            table.load(make(dim, 0).state())
