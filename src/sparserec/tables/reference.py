"""The truth about sparse lookups, in plain differentiable torch: slow, allocation-happy and easy to check.

Fast kernels are held equal to these functions by tests. The reference also runs where no kernel exists.
"""

from __future__ import annotations

import torch
from torch import Tensor


def slots_of_rows(indptr: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Slots of the active parameters of the given rows.

    Args:
        indptr: (n + 1,) int64 row pointers.
        rows: (B,) int64, repeats allowed.

    Returns:
        `position` (L,) int64, the index into `rows`, and `slot` (L,) int64, the index into the value array.
    """
    start, length = indptr[rows], indptr[rows + 1] - indptr[rows]
    position = torch.repeat_interleave(torch.arange(len(rows), device=rows.device), length)
    first = torch.repeat_interleave(start - (torch.cumsum(length, 0) - length), length)
    return position, first + torch.arange(len(position), device=rows.device)


def lookup(
    values: Tensor,
    columns: Tensor,
    indptr: Tensor,
    rows: Tensor,
    dim: int,
    watched: Tensor | None = None,
    shift: Tensor | None = None,
) -> Tensor:
    """Dense rows of a sparse table, differentiable in `values` and in `shift`.

    The gradient of a watched row with respect to all `dim` coordinates is, by definition, the gradient with respect to
    a dense term `shift` that is added to that row and happens to be zero.

    Args:
        values: (nnz,) floating.
        columns: (nnz,) any integer type.
        indptr: (n + 1,) int64.
        rows: (B,) int64, repeats allowed.
        dim: number of columns of the table.
        watched: (S,) int64, ascending and distinct.
        shift: (S, dim), the dense term of the watched rows.

    Returns:
        (B, dim), of the dtype of `values`.
    """
    position, slot = slots_of_rows(indptr, rows)
    dense = torch.zeros(len(rows), dim, dtype=values.dtype, device=values.device)
    dense = dense.index_put((position, columns[slot].to(torch.int64)), values[slot])
    if watched is None or shift is None or len(watched) == 0:
        return dense
    place = torch.searchsorted(watched, rows).clamp(max=len(watched) - 1)
    hit = watched[place] == rows
    return dense + torch.where(hit[:, None], shift[place], torch.zeros((), dtype=shift.dtype, device=shift.device))


def product(values: Tensor, columns: Tensor, indptr: Tensor, rows: Tensor, matrix: Tensor) -> Tensor:
    """Inner products of sparse rows (B,) with the rows of a dense matrix (K, dim): (B, K)."""
    return lookup(values, columns, indptr, rows, matrix.shape[1]) @ matrix.T


def bags_of(offsets: Tensor) -> Tensor:
    """The bag (L,) of each entry: bag `b` has the entries `offsets[b]:offsets[b + 1]`."""
    return torch.repeat_interleave(torch.arange(len(offsets) - 1, device=offsets.device), torch.diff(offsets))


def sum_weighted(rows: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
    """Weighted sums (B, dim) of dense rows (L, dim) by bag, weights (L,); differentiable in both."""
    entries = rows * weights[:, None]
    out = torch.zeros(len(offsets) - 1, rows.shape[1], dtype=entries.dtype, device=rows.device)
    return out.index_add(0, bags_of(offsets), entries)


def pool(
    values: Tensor, columns: Tensor, indptr: Tensor, rows: Tensor, offsets: Tensor, weights: Tensor, dim: int
) -> Tensor:
    """Weighted sums of sparse rows (B, dim): bag `b` sums `weights[e] * row(rows[e])` over `offsets[b:b + 2]`."""
    return sum_weighted(lookup(values, columns, indptr, rows, dim), offsets, weights)


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
    """Sum a batch's gradients by row and keep what is needed: active coordinates, and all of watched rows.

    Args:
        gradients: (G, dim) float32, gradients of rows that were looked up or of sums of rows.
        sources: (A,) int64, and
        weights: (A,) float32: entry `a` has the gradient `weights[a] * gradients[sources[a]]`.
        products: (P, K) float32, the gradient of products with a matrix.
        transposed: (dim, K) float32, that matrix.
        rows: (A + P,) int64, the row of each entry, then those that were multiplied; repeats allowed.
        columns: (nnz,) any integer type.
        indptr: (n + 1,) int64.
        watched: (S,) int64, ascending and distinct.

    Returns:
        first_slot (T,), offsets (T + 1,), values (L,) as in `SlotGradients`, then `positions` (W,) int64 into
        `watched`, ascending, and `full` (W, dim) float32, the full gradients of the watched rows that were touched.
    """
    gradients = torch.cat([gradients[sources] * weights[:, None], products @ transposed.T])
    touched, where = torch.unique(rows, return_inverse=True)
    summed = torch.zeros(len(touched), gradients.shape[1], dtype=gradients.dtype, device=gradients.device)
    summed = summed.index_add(0, where, gradients)
    position, slot = slots_of_rows(indptr, touched)
    values = summed[position, columns[slot].to(torch.int64)]
    offsets = torch.zeros(len(touched) + 1, dtype=torch.int64, device=rows.device)
    offsets[1:] = torch.cumsum(indptr[touched + 1] - indptr[touched], 0)
    if len(watched) == 0:
        none = torch.zeros(0, dtype=torch.int64, device=rows.device)
        return indptr[touched], offsets, values, none, summed[:0]
    place = torch.searchsorted(watched, touched).clamp(max=len(watched) - 1)
    hit = watched[place] == touched
    return indptr[touched], offsets, values, place[hit], summed[hit]
