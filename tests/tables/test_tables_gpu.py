"""The Triton kernels against the plain reference: on a GPU where there is one, else in Triton's interpreter."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
if DEVICE.type == "cpu":
    os.environ["TRITON_INTERPRET"] = "1"  # read when kernels are defined
pytest.importorskip("triton")

from sparserec.tables import cpu, reference  # noqa: E402
from sparserec.tables import gpu as triton_kernels  # noqa: E402

ROWS = 10
"""In the interpreter a program takes milliseconds."""


def there(*tensors):
    return tuple(tensor.to(DEVICE) for tensor in tensors)


def agree(ours, expected, tolerance=1e-5):
    torch.testing.assert_close(ours.cpu(), expected.cpu(), rtol=1e-5, atol=tolerance)


@pytest.fixture(params=[1, 40, 300], ids=["one column", "more than a block", "uint16"])
def case(request, make_table):
    table, _ = make_table(ROWS, request.param, 0)
    generator = torch.Generator().manual_seed(1)
    rows = torch.randint(0, ROWS, (20,), generator=generator)
    return table, rows, torch.randn(20, request.param, generator=generator)


@pytest.fixture(params=[[], [0, 3, ROWS - 1], list(range(ROWS))], ids=["none", "some", "all"])
def watched(request):
    return torch.tensor(request.param, dtype=torch.int64)


def structure(table):
    return there(table.values, table.columns, table.indptr)


def test_gathered_rows(case):
    table, rows, _ = case
    ours = triton_kernels.gather(*structure(table), *there(rows), table.dim)
    assert torch.equal(ours.cpu(), reference.lookup(table.values, table.columns, table.indptr, rows, table.dim))


@pytest.mark.parametrize(("first", "width"), [(0, 1), (2, 5), (32, 16)])
def test_columns_are_read_and_their_gradients_added(case, first, width):
    table, _, _ = case
    width = max(1, min(width, table.dim - first))
    ours = torch.full((ROWS, width), 7.0, device=DEVICE)
    triton_kernels.read_columns(*structure(table), first, ours)
    expected = np.empty((ROWS, width), np.float32)
    cpu.read_columns(table.values.numpy(), table.columns.numpy(), table.indptr.numpy(), first, expected)
    assert torch.equal(ours.cpu(), torch.from_numpy(expected))
    gradients, before = torch.randn(ROWS, width), torch.randn(table.nnz)
    summed, expected = before.to(DEVICE), before.clone()
    triton_kernels.add_columns(*structure(table)[1:], first, gradients.to(DEVICE), summed)
    cpu.add_columns(table.columns.numpy(), table.indptr.numpy(), first, gradients.numpy(), expected.numpy())
    agree(summed, expected)


@pytest.mark.parametrize("multiplied", [0, 8, 20])
def test_reduced_rows(case, watched, multiplied):
    table, rows, gradients = case
    looked_up = len(rows) - multiplied
    sources = torch.randint(0, max(1, looked_up), (looked_up,))
    parts = gradients[:looked_up], sources, torch.randn(looked_up)
    arguments = (*parts, torch.randn(multiplied, 9), torch.randn(table.dim, 9))
    arguments = (*arguments, rows, table.columns, table.indptr, watched)
    found = triton_kernels.reduce_rows(*there(*arguments))
    for ours, expected in zip(found, reference.reduce_rows(*arguments), strict=True):
        assert ours.dtype == expected.dtype
        agree(ours, expected, 1e-4)


def test_many_gradients_of_one_row(case):
    table, _, _ = case
    count = 2 * triton_kernels.ENTRIES + 3
    rows = torch.cat([torch.zeros(count, dtype=torch.int64), torch.tensor([4])])
    gradients = torch.randn(count + 1, table.dim)
    touched, summed = triton_kernels.sum_rows(*there(gradients, rows))
    assert touched.tolist() == [0, 4]
    agree(summed, torch.stack([gradients[:count].sum(0), gradients[count]]), 1e-4)


def test_an_empty_batch(case, watched):
    table, rows, gradients = case
    none = (gradients[:0], torch.zeros(0, dtype=torch.int64), torch.zeros(0), gradients[:0, :0], gradients.T[:, :0])
    parts = triton_kernels.reduce_rows(*there(*none, rows[:0], table.columns, table.indptr, watched))
    assert [len(part) for part in parts] == [0, 1, 0, 0, 0]
    assert triton_kernels.gather(*structure(table), *there(rows[:0]), table.dim).shape == (0, table.dim)


@pytest.mark.parametrize("width", [1, 16, 70])
def test_summed_bags(width):
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(20, width, generator=generator)
    indices = torch.randint(0, 20, (100,), generator=generator, dtype=torch.int32)
    indptr = torch.tensor([0, 0, 3, 70, 100], dtype=torch.int32)
    expected = torch.nn.functional.embedding_bag(indices, matrix, indptr, mode="sum", include_last_offset=True)
    agree(triton_kernels.sum_bags(*there(matrix, indices, indptr)), expected, 1e-4)


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("relative", [0.0, 0.02])
def test_steps_of_adam(case, decay, relative):
    table, _, _ = case
    touched = torch.tensor([0, 3, 4, ROWS - 1])
    first, length = table.indptr[touched], torch.diff(table.indptr)[touched]
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), torch.cumsum(length, 0)])
    ages = np.arange(4, dtype=np.float64)
    correct = np.stack([1 / (1 - beta ** np.maximum(ages, 1)) for beta in (0.9, 0.99)]).astype(np.float32)
    state = [table.values.clone(), torch.zeros(table.nnz), torch.zeros(table.nnz)]
    state.append(torch.zeros(table.nnz, dtype=torch.uint16))
    ours = [part.to(DEVICE) for part in state]
    numbers = [0.05, 0.9, 0.99, 1e-8, decay, relative]
    for _ in range(4):  # more than the ages that are told apart
        gradients = torch.randn(int(offsets[-1]))
        triton_kernels.adam(ours, *there(first, offsets, gradients, torch.from_numpy(correct)), *numbers)
        cpu.adam(*(part.numpy() for part in (*state, first, offsets, gradients)), correct, *map(np.float32, numbers))
    for one, other in zip(ours[:3], state[:3], strict=True):
        agree(one, other, 1e-4)
    assert ours[3].cpu().tolist() == state[3].tolist()
