from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sparserec.tables import DenseTable, RowAdam, SparseTable

SETTINGS = [{}, {"weight_decay": 0.1}, {"lr": 0.3, "betas": (0.5, 0.9), "epsilon": 1e-3}, {"betas": (0.0, 0.0)}]


def matrix_of(n, dim, seed=0):
    return np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)


def full_table(matrix):
    n, dim = matrix.shape
    return SparseTable(np.arange(n + 1) * dim, np.tile(np.arange(dim), n), matrix.reshape(-1).copy(), dim)


def torch_adam(parameters, lr=1e-2, betas=(0.9, 0.999), epsilon=1e-8, weight_decay=0.0):
    return torch.optim.Adam(parameters, lr=lr, betas=betas, eps=epsilon, weight_decay=weight_decay)


def loss_of(batch, target):
    return ((batch - target) ** 2).sum()


@pytest.mark.parametrize("options", SETTINGS)
def test_with_every_row_in_every_step_it_is_adam(options):
    matrix, targets = matrix_of(6, 5), torch.from_numpy(matrix_of(6, 5, 1))
    table = DenseTable(matrix.copy())
    ours = RowAdam(table, **options)
    parameter = torch.nn.Parameter(torch.from_numpy(matrix.copy()))
    theirs = torch_adam([parameter], **options)
    for _ in range(30):
        loss_of(table.lookup(torch.arange(6)), targets).backward()
        ours.step()
        theirs.zero_grad()
        loss_of(parameter, targets).backward()
        theirs.step()
    torch.testing.assert_close(table.matrix, parameter.data, rtol=1e-4, atol=1e-5)


@given(st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=6), min_size=1, max_size=12))
@settings(max_examples=25)
def test_each_row_has_an_adam_of_its_own_that_counts_only_its_own_steps(batches):
    matrix, targets = matrix_of(5, 3), torch.from_numpy(matrix_of(5, 3, 1))
    table = DenseTable(matrix.copy())
    ours = RowAdam(table, weight_decay=0.05)
    rows = [torch.nn.Parameter(torch.from_numpy(row.copy())) for row in matrix]
    theirs = [torch_adam([row], weight_decay=0.05) for row in rows]
    for batch in batches:
        loss_of(table.lookup(torch.tensor(batch)), targets[batch]).backward()
        ours.step()
        for touched in set(batch):
            theirs[touched].zero_grad()
            (batch.count(touched) * loss_of(rows[touched], targets[touched])).backward()
            theirs[touched].step()
    torch.testing.assert_close(table.matrix, torch.stack([row.data for row in rows]), rtol=1e-4, atol=1e-5)


def test_it_is_sparse_adam_where_the_counts_agree():
    matrix, targets = matrix_of(4, 3), torch.from_numpy(matrix_of(4, 3, 1))
    table = DenseTable(matrix.copy())
    ours = RowAdam(table, lr=0.05)
    rows = torch.tensor([0, 2, 2])
    embedding = torch.nn.Embedding.from_pretrained(torch.from_numpy(matrix.copy()), freeze=False, sparse=True)
    theirs = torch.optim.SparseAdam(embedding.parameters(), lr=0.05)
    for _ in range(20):
        loss_of(table.lookup(rows), targets[rows]).backward()
        ours.step()
        theirs.zero_grad()
        loss_of(embedding(rows), targets[rows]).backward()
        theirs.step()
    torch.testing.assert_close(table.matrix, embedding.weight.data, rtol=1e-4, atol=1e-5)


def test_rows_out_of_the_batch_keep_their_values_and_moments(make_table):
    for table in (make_table(6, 5, 0)[0], DenseTable(matrix_of(6, 5))):
        optimizer = RowAdam(table, weight_decay=0.1)
        table.lookup(torch.arange(6)).square().sum().backward()
        optimizer.step()
        before = {name: array.clone() for name, array in table.state().items()}
        rows = torch.tensor([4, 1, 4])
        table.lookup(rows).square().sum().backward()
        optimizer.step()
        indptr = before.get("indptr", torch.arange(7) * 5)
        touched = torch.zeros(table.nnz, dtype=torch.bool)
        for row in (1, 4):
            touched[indptr[row] : indptr[row + 1]] = True
        for name in ("values", "attached.mean", "attached.square", "attached.age"):
            now = table.state()[name].to(torch.float64)
            assert torch.equal(now[~touched], before[name].to(torch.float64)[~touched]), name
            assert (now[touched] != before[name].to(torch.float64)[touched]).all(), name
        assert set(table.attached("age").to(torch.int64)[touched].tolist()) == {2}


def test_a_sparse_table_with_a_full_mask_is_a_dense_table():
    matrix = matrix_of(8, 4)
    sparse, dense = full_table(matrix), DenseTable(matrix.copy())
    optimizers = [RowAdam(sparse, weight_decay=0.01), RowAdam(dense, weight_decay=0.01)]
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        rows = torch.randint(0, 8, (5,), generator=generator)
        weights = torch.randn(5, 4, generator=generator)
        for table, optimizer in zip((sparse, dense), optimizers, strict=True):
            (table.lookup(rows).sin() * weights).sum().backward()
            optimizer.step()
    assert torch.equal(sparse.values, dense.values)
    for name in ("mean", "square", "age"):
        assert torch.equal(sparse.attached(name), dense.attached(name))


def test_the_first_step_has_the_size_of_the_learning_rate():
    table = DenseTable(np.zeros((1, 3), dtype=np.float32))
    optimizer = RowAdam(table, lr=0.25)
    (table.lookup(torch.tensor([0])) * torch.tensor([3.0, -0.01, 500])).sum().backward()
    optimizer.step()
    torch.testing.assert_close(table.values, torch.tensor([-0.25, 0.25, -0.25]))


def test_without_gradients_a_step_changes_nothing(make_table):
    table, _ = make_table(3, 4, 0)
    optimizer = RowAdam(table, weight_decay=0.5)
    before = table.values.clone()
    optimizer.step()
    assert torch.equal(table.values, before)
    assert not table.attached("age").to(torch.int64).any()


def test_ages_stop_at_the_largest_count():
    table = DenseTable(np.ones((1, 2), dtype=np.float32))
    optimizer = RowAdam(table)
    table.attached("age").fill_(65_534)
    for _ in range(3):
        table.lookup(torch.tensor([0])).sum().backward()
        optimizer.step()
    assert table.attached("age").tolist() == [65_535, 65_535]
    assert torch.isfinite(table.values).all()


def test_relative_steps_are_those_of_adam_times_the_size_of_the_row():
    matrix = matrix_of(4, 5) * np.array([[10.0], [1.0], [0.1], [1e-4]], dtype=np.float32)
    targets = torch.from_numpy(matrix_of(4, 5, 1))
    plain, relative = DenseTable(matrix.copy()), DenseTable(matrix.copy())
    for table, options in ((plain, {}), (relative, {"relative": 0.02})):
        optimizer = RowAdam(table, lr=1e-3, **options)
        loss_of(table.lookup(torch.arange(4)), targets).backward()
        optimizer.step()
    steps = relative.matrix - torch.from_numpy(matrix)
    sizes = torch.from_numpy(matrix).square().mean(1, keepdim=True).sqrt().clamp(min=0.02)
    torch.testing.assert_close(steps, (plain.matrix - torch.from_numpy(matrix)) * sizes, rtol=1e-2, atol=1e-7)


def test_the_settings_that_adam_has_unless_told_otherwise():
    """Two steps with gradients of 1 and of 1e-8, as large as the number that is added to the root."""
    table = DenseTable(np.zeros((1, 2), dtype=np.float32))
    optimizer = RowAdam(table)
    for _ in range(2):
        (table.lookup(torch.tensor([0])) * torch.tensor([1.0, 1e-8])).sum().backward()
        optimizer.step()
    torch.testing.assert_close(table.values, torch.tensor([-0.02, -0.01]), rtol=1e-4, atol=0)
    torch.testing.assert_close(table.attached("mean"), torch.tensor([0.19, 0.19e-8]), rtol=1e-5, atol=0)
    torch.testing.assert_close(table.attached("square")[:1], torch.tensor([0.001999]), rtol=1e-4, atol=0)
