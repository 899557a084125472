from __future__ import annotations

import pytest
import torch

from sparserec.tables import RowAdam, ops, reference


@pytest.fixture(params=[7, 300], ids=["uint8", "uint16"])
def case(request, make_table):
    table, _ = make_table(50, request.param, 0)
    generator = torch.Generator().manual_seed(1)
    rows = torch.randint(0, 50, (64,), generator=generator)
    gradients = torch.randn(64, request.param, generator=generator)
    return table, rows, gradients


SHARES = [1.0, 0.08, 0.01, 0.0]
"""Of gradients of products that are not 0: all, about as many as are few, and fewer."""


@pytest.fixture(
    params=[(0, 1.0), *((count, share) for count in (64, 40) for share in SHARES)],
    ids=lambda given: f"{given[0]} products, {given[1]:.0%}",
)
def parts(request, case):
    """Gradients of a batch of which the last rows were not looked up but multiplied with a matrix of ninety rows."""
    _, rows, gradients = case
    count, share = request.param
    generator = torch.Generator().manual_seed(3)
    products = torch.randn(count, 90, generator=generator)
    products *= torch.rand(products.shape, generator=generator) < share
    transposed = torch.randn(gradients.shape[1], 90, generator=generator)
    dense = len(rows) - count
    # Entries share gradients and have weights, as those of a sum of rows do.
    sources = torch.randint(0, max(dense, 1), (dense,), generator=generator)
    return gradients[:dense], sources, torch.randn(dense, generator=generator), products, transposed


def alone(gradients):
    """Entries that are looked up one by one."""
    return gradients, torch.arange(len(gradients)), torch.ones(len(gradients))


@pytest.fixture(params=[[], [0, 3, 49], list(range(50))], ids=["none", "some", "all"])
def watched(request):
    return torch.tensor(request.param, dtype=torch.int64)


def test_pooled_rows_are_those_of_the_reference(case):
    table, rows, _ = case
    offsets, weights = (
        torch.tensor([0, 0, 5, len(rows)]),
        torch.randn(len(rows), dtype=torch.float64, requires_grad=True),
    )
    structure = (table.columns, table.indptr, rows, offsets)
    expected = reference.pool(table.values.double(), *structure, weights, table.dim)
    ours = ops.pool_rows(table.values, *structure, weights.detach().float(), table.dim)
    torch.testing.assert_close(ours.double(), expected.detach(), rtol=1e-5, atol=1e-5)
    back = torch.randn(3, table.dim, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(expected, weights, back)
    ours = ops.pool_rows_back(table.values, *structure, back.float())
    torch.testing.assert_close(ours.double(), gradient, rtol=1e-5, atol=1e-4)


def test_gathered_rows_are_those_of_the_reference(case):
    table, rows, _ = case
    arguments = (table.values, table.columns, table.indptr, rows, table.dim)
    assert torch.equal(ops.gather_rows(*arguments), reference.lookup(*arguments))


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("width", [1, 10, 600])
def test_products_are_those_of_the_reference(case, width, share):
    table, rows, _ = case
    matrix = torch.randn(width, table.dim, dtype=torch.float64, requires_grad=True)
    structure = (table.columns, table.indptr, rows)
    expected = reference.product(table.values.double(), *structure, matrix)
    ours = ops.multiply_rows(table.values, *structure, matrix.detach().float().T)
    torch.testing.assert_close(ours.double(), expected.detach(), rtol=1e-5, atol=1e-4)
    back = torch.randn(len(rows), width, dtype=torch.float64)
    back *= torch.rand(back.shape) < share
    (gradient,) = torch.autograd.grad(expected, matrix, back)
    ours = ops.multiply_rows_back(table.values, *structure, back.float(), table.dim)
    torch.testing.assert_close(ours.T.double(), gradient, rtol=1e-5, atol=1e-4)


def test_reduced_rows_are_those_of_the_reference(case, parts, watched):
    table, rows, _ = case
    arguments = (*parts, rows, table.columns, table.indptr, watched)
    for ours, expected in zip(ops.reduce_rows(*arguments), reference.reduce_rows(*arguments), strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-4)


def test_summed_rows_are_a_plain_sum(case):
    _, rows, gradients = case
    touched, summed = ops.sum_rows(gradients, rows)
    assert touched.tolist() == sorted(set(rows.tolist()))
    expected = torch.zeros(50, gradients.shape[1]).index_add(0, rows, gradients)[touched]
    torch.testing.assert_close(summed, expected, rtol=1e-5, atol=1e-5)


def test_gradients_need_not_be_contiguous(case, watched):
    table, rows, gradients = case
    turned = gradients.T.contiguous().T
    rest = (*alone(gradients)[1:], gradients[:0], gradients.T[:, :0], rows, table.columns, table.indptr, watched)
    for ours, expected in zip(ops.reduce_rows(turned, *rest), ops.reduce_rows(gradients, *rest), strict=True):
        assert torch.equal(ours, expected)
    assert torch.equal(ops.sum_rows(turned, rows)[1], ops.sum_rows(gradients, rows)[1])


def test_an_empty_batch_has_no_rows_and_no_gradients(case, watched):
    table, rows, gradients = case
    assert ops.gather_rows(table.values, table.columns, table.indptr, rows[:0], table.dim).shape == (0, table.dim)
    none = gradients[:0]
    parts = ops.reduce_rows(*alone(none), none, gradients.T, rows[:0], table.columns, table.indptr, watched)
    assert [len(part) for part in parts] == [0, 1, 0, 0, 0]
    assert [len(part) for part in ops.sum_rows(gradients[:0], rows[:0])] == [0, 0]


def test_the_number_of_threads_changes_no_bit(on_threads, make_table):
    def train():
        table, _ = make_table(300, 40, 5)
        optimizer = RowAdam(table, lr=0.1)
        table.watch(torch.arange(0, 300, 3).numpy())
        generator = torch.Generator().manual_seed(2)
        seen = []
        for _ in range(5):
            batch = table.lookup(torch.randint(0, 300, (500,), generator=generator))
            products = table.product(torch.randint(0, 300, (500,), generator=generator), batch[:300])
            few = table.product(torch.randint(0, 300, (500,), generator=generator), batch[300:])
            loss = (batch.sin() * torch.randn(batch.shape, generator=generator)).sum() + products.cos().sum()
            (loss + (few - 5).clamp(min=0).sum()).backward()
            seen.append(table.watched_gradients()[1])
            optimizer.step()
        keep = torch.ones(table.nnz, dtype=torch.bool).numpy()
        last = table.indptr[1:].numpy() - 1
        long = table.indptr.diff().numpy() > 1
        keep[last[long]] = False
        table.revise(keep, torch.zeros(0, dtype=torch.int64).numpy(), torch.zeros(0, dtype=torch.int64).numpy())
        return [*seen, *table.state().values()]

    one, two = on_threads(train)
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
