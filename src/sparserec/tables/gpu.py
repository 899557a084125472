"""Triton kernels for CUDA devices, held equal to `reference.py` and to the kernels for the CPU by tests.

A program sums what belongs to one row, in an order fixed by the data, so that the same run gives the same result on the
same device. Imported where a tensor lies on such a device, and nowhere else: Triton comes with PyTorch's CUDA builds.
"""

# pyright: reportCallIssue=false
# What is passed to a kernel beside its arguments, such as `num_warps`, is not in its signature.

from __future__ import annotations

from collections.abc import Sequence

import torch
import triton
import triton.language as tl
from torch import Tensor

SLOTS = 32
"""Active parameters of a row that are worked on at a time."""
ENTRIES = 16
"""Gradients of a row that are added up at a time."""
NEIGHBOURS = 32
"""Rows of a bag that are added up at a time."""


@triton.jit
def _gather(values, columns, indptr, rows, out, dim, SLOTS: tl.constexpr):
    b = tl.program_id(0).to(tl.int64)
    row = tl.load(rows + b)
    first, last = tl.load(indptr + row), tl.load(indptr + row + 1)
    for start in range(first, last, SLOTS):
        slot = start + tl.arange(0, SLOTS)
        valid = slot < last
        column = tl.load(columns + slot, mask=valid, other=0).to(tl.int64)
        tl.store(out + b * dim + column, tl.load(values + slot, mask=valid, other=0.0), mask=valid)


def gather(values: Tensor, columns: Tensor, indptr: Tensor, rows: Tensor, dim: int) -> Tensor:
    """Dense rows (B, dim) of a sparse table; arguments as in `reference.lookup`."""
    out = torch.zeros(len(rows), dim, dtype=torch.float32, device=rows.device)
    if len(rows):
        _gather[(len(rows),)](values, columns, indptr, rows, out, dim, SLOTS, num_warps=1)
    return out


@triton.jit
def _read_columns(values, columns, indptr, first_column, out, width, SLOTS: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    first, last = tl.load(indptr + row), tl.load(indptr + row + 1)
    for start in range(first, last, SLOTS):
        slot = start + tl.arange(0, SLOTS)
        valid = slot < last
        column = tl.load(columns + slot, mask=valid, other=0).to(tl.int64) - first_column
        valid = valid & (column >= 0) & (column < width)
        tl.store(out + row * width + column, tl.load(values + slot, mask=valid, other=0.0), mask=valid)


def read_columns(values: Tensor, columns: Tensor, indptr: Tensor, first: int, out: Tensor) -> None:
    """Write the columns from number `first` on of every row of a sparse table into `out` (n_rows, w), contiguous."""
    out.zero_()
    _read_columns[(len(indptr) - 1,)](values, columns, indptr, first, out, out.shape[1], SLOTS, num_warps=1)


@triton.jit
def _add_columns(columns, indptr, first_column, gradients, out, width, SLOTS: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    first, last = tl.load(indptr + row), tl.load(indptr + row + 1)
    for start in range(first, last, SLOTS):
        slot = start + tl.arange(0, SLOTS)
        valid = slot < last
        column = tl.load(columns + slot, mask=valid, other=0).to(tl.int64) - first_column
        valid = valid & (column >= 0) & (column < width)
        before = tl.load(out + slot, mask=valid, other=0.0)
        more = tl.load(gradients + row * width + column, mask=valid, other=0.0)
        tl.store(out + slot, before + more, mask=valid)


def add_columns(columns: Tensor, indptr: Tensor, first: int, gradients: Tensor, out: Tensor) -> None:
    """Add the gradients (n_rows, w) of the columns from number `first` on to those of the active ones, `out` (nnz,)."""
    grads = gradients.contiguous()
    _add_columns[(len(indptr) - 1,)](columns, indptr, first, grads, out, grads.shape[1], SLOTS, num_warps=1)


@triton.jit
def _sum_group(
    gradients, sources, weights, begin, last, column, valid, dim, WIDTH: tl.constexpr, ENTRIES: tl.constexpr
):
    """The weighted sum of a group's gradients, entries `begin` to `last`, at the columns (WIDTH,) where `valid`."""
    total = tl.zeros([WIDTH], dtype=tl.float32)
    for number in range(begin, last, ENTRIES):
        entry = number + tl.arange(0, ENTRIES)
        present = entry < last
        source = tl.load(sources + entry, mask=present, other=0)
        weight = tl.load(weights + entry, mask=present, other=0.0)
        tile = tl.load(
            gradients + source[:, None] * dim + column[None, :], mask=present[:, None] & valid[None, :], other=0.0
        )
        total += tl.sum(tile * weight[:, None], axis=0)
    return total


@triton.jit
def _reduce_active(
    gradients,
    sources,
    weights,
    bounds,
    touched,
    columns,
    indptr,
    offsets,
    out,
    dim,
    SLOTS: tl.constexpr,
    ENTRIES: tl.constexpr,
):
    t = tl.program_id(0).to(tl.int64)
    first = tl.load(indptr + tl.load(touched + t))
    base, end = tl.load(offsets + t), tl.load(offsets + t + 1)
    begin, last = tl.load(bounds + t), tl.load(bounds + t + 1)
    for start in range(base, end, SLOTS):
        place = start + tl.arange(0, SLOTS)
        valid = place < end
        column = tl.load(columns + first + (place - base), mask=valid, other=0).to(tl.int64)
        total = _sum_group(gradients, sources, weights, begin, last, column, valid, dim, SLOTS, ENTRIES)
        tl.store(out + place, total, mask=valid)


@triton.jit
def _sum_groups(gradients, sources, weights, bounds, groups, out, dim, WIDTH: tl.constexpr, ENTRIES: tl.constexpr):
    w = tl.program_id(0).to(tl.int64)
    t = tl.load(groups + w)
    begin, last = tl.load(bounds + t), tl.load(bounds + t + 1)
    for start in range(0, dim, WIDTH):
        column = start + tl.arange(0, WIDTH)
        valid = column < dim
        total = _sum_group(gradients, sources, weights, begin, last, column, valid, dim, WIDTH, ENTRIES)
        tl.store(out + w * dim + column, total, mask=valid)


def _groups(gradients: Tensor, sources: Tensor, weights: Tensor, bounds: Tensor, groups: Tensor) -> Tensor:
    """The weighted gradients of the groups of these numbers, (W,), each summed: (W, C)."""
    dim = gradients.shape[1]
    out = torch.empty(len(groups), dim, dtype=torch.float32, device=gradients.device)
    if len(groups):
        width = min(64, triton.next_power_of_2(dim))
        _sum_groups[(len(groups),)](gradients, sources, weights, bounds, groups, out, dim, width, ENTRIES, num_warps=1)
    return out


def group_by_row(rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Group equal rows (B,): an order (B,), bounds (T + 1,) of the groups in it, and the row of each, ascending."""
    ordered, order = torch.sort(rows, stable=True)
    touched, counts = torch.unique_consecutive(ordered, return_counts=True)
    return order, _pointers(counts), touched


def reduce_rows(
    gradients: Tensor,
    sources: Tensor,
    weights: Tensor,
    products: Tensor,
    transposed: Tensor,
    rows: Tensor,
    columns: Tensor,
    indptr: Tensor,
    watched: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of a batch summed by row; arguments and results as in `reference.reduce_rows`."""
    if len(products):  # dense products are what such a device is fastest at
        product_sources = torch.arange(len(gradients), len(gradients) + len(products), device=rows.device)
        gradients = torch.cat([gradients, products @ transposed.T])
        sources, weights = (
            torch.cat([sources, product_sources]),
            torch.cat([weights, torch.ones_like(product_sources, dtype=weights.dtype)]),
        )
    gradients, dim = gradients.contiguous(), gradients.shape[1]
    order, bounds, touched = group_by_row(rows)
    sources, weights = sources[order], weights[order]
    first = indptr[touched]
    offsets = _pointers(indptr[touched + 1] - first)
    values = torch.empty(int(offsets[-1]), dtype=torch.float32, device=rows.device)
    if len(touched):
        _reduce_active[(len(touched),)](
            gradients,
            sources,
            weights,
            bounds,
            touched,
            columns,
            indptr,
            offsets,
            values,
            dim,
            SLOTS,
            ENTRIES,
            num_warps=1,
        )
    groups, positions = _intersect(touched, watched)
    return first, offsets, values, positions, _groups(gradients, sources, weights, bounds, groups)


def sum_rows(gradients: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients (B, dim) summed by row: the touched rows (T,), ascending, and their sums (T, dim)."""
    order, bounds, touched = group_by_row(rows)
    weights = torch.ones(len(rows), dtype=torch.float32, device=rows.device)
    groups = torch.arange(len(touched), device=rows.device)
    return touched, _groups(gradients.contiguous(), order, weights, bounds, groups)


def _pointers(counts: Tensor) -> Tensor:
    """Where each of some runs of these lengths (T,) begins, laid end to end, and where the last ends: (T + 1,)."""
    out = torch.zeros(len(counts) + 1, dtype=torch.int64, device=counts.device)
    torch.cumsum(counts, 0, out=out[1:])
    return out


def _intersect(touched: Tensor, watched: Tensor) -> tuple[Tensor, Tensor]:
    """Which touched rows are watched: their indices into `touched` and into `watched` (both ascending, distinct)."""
    if len(watched) == 0:
        none = torch.zeros(0, dtype=torch.int64, device=touched.device)
        return none, none
    place = torch.searchsorted(watched, touched).clamp(max=len(watched) - 1)
    groups = torch.nonzero(watched[place] == touched)[:, 0]
    return groups, place[groups]


@triton.jit
def _sum_bags(matrix, indices, indptr, out, width, WIDTH: tl.constexpr, NEIGHBOURS: tl.constexpr):
    bag = tl.program_id(0).to(tl.int64)
    first, last = tl.load(indptr + bag), tl.load(indptr + bag + 1)
    for start in range(0, width, WIDTH):
        column = start + tl.arange(0, WIDTH)
        inside = column < width
        total = tl.zeros([WIDTH], dtype=tl.float32)
        for number in range(first, last, NEIGHBOURS):
            entry = number + tl.arange(0, NEIGHBOURS)
            valid = entry < last
            index = tl.load(indices + entry, mask=valid, other=0).to(tl.int64)
            tile = tl.load(
                matrix + index[:, None] * width + column[None, :], mask=valid[:, None] & inside[None, :], other=0.0
            )
            total += tl.sum(tile, axis=0)
        tl.store(out + bag * width + column, total, mask=inside)


def sum_bags(matrix: Tensor, indices: Tensor, indptr: Tensor) -> Tensor:
    """Sums (B, w) of the rows `indices[indptr[b]:indptr[b + 1]]` of a matrix (n, w)."""
    count, width = len(indptr) - 1, matrix.shape[1]
    out = torch.empty(count, width, dtype=torch.float32, device=matrix.device)
    if count:
        columns = min(64, triton.next_power_of_2(width))
        _sum_bags[(count,)](matrix.contiguous(), indices, indptr, out, width, columns, NEIGHBOURS, num_warps=1)
    return out


@triton.jit
def _adam(
    values,
    mean,
    square,
    age,
    first_slot,
    offsets,
    gradients,
    correct,
    oldest,
    lr,
    beta1,
    beta2,
    epsilon,
    decay,
    relative,
    RELATIVE: tl.constexpr,
    SLOTS: tl.constexpr,
):
    t = tl.program_id(0).to(tl.int64)
    first, base, end = tl.load(first_slot + t), tl.load(offsets + t), tl.load(offsets + t + 1)
    size = lr
    if RELATIVE:
        total = tl.zeros([SLOTS], dtype=tl.float32)
        for start in range(base, end, SLOTS):
            place = start + tl.arange(0, SLOTS)
            value = tl.load(values + first + (place - base), mask=place < end, other=0.0)
            total += value * value
        size = lr * tl.maximum(tl.sqrt(tl.sum(total, axis=0) / (end - base).to(tl.float32)), relative)
    for start in range(base, end, SLOTS):
        place = start + tl.arange(0, SLOTS)
        valid = place < end
        slot = first + (place - base)
        value = tl.load(values + slot, mask=valid, other=0.0)
        g = tl.load(gradients + place, mask=valid, other=0.0) + decay * value
        m = beta1 * tl.load(mean + slot, mask=valid, other=0.0) + (1.0 - beta1) * g
        s = beta2 * tl.load(square + slot, mask=valid, other=0.0) + (1.0 - beta2) * g * g
        a = tl.minimum(tl.load(age + slot, mask=valid, other=0).to(tl.int32) + 1, oldest)
        tl.store(mean + slot, m, mask=valid)
        tl.store(square + slot, s, mask=valid)
        tl.store(age + slot, a.to(tl.uint16), mask=valid)
        of_mean = tl.load(correct + a, mask=valid, other=1.0)
        of_square = tl.load(correct + (oldest + 1) + a, mask=valid, other=1.0)
        tl.store(values + slot, value - size * m * of_mean / (tl.sqrt(s * of_square) + epsilon), mask=valid)


def adam(
    state: Sequence[Tensor], first_slot: Tensor, offsets: Tensor, gradients: Tensor, correct: Tensor, *numbers: float
) -> None:
    """One lazy Adam step on the slots of the touched rows; arguments as in `ops.adam`."""
    if len(first_slot):
        *_, relative = numbers
        _adam[(len(first_slot),)](
            *state,
            first_slot,
            offsets,
            gradients,
            correct,
            correct.shape[1] - 1,
            *numbers,
            relative > 0,
            SLOTS,
            num_warps=1,
        )
