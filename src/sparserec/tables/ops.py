"""Torch custom operators for sparse lookups: Numba kernels on the CPU, the plain reference on any other device."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sparserec.tables import kernels, reference


@torch.library.custom_op("sparserec::gather_rows", mutates_args=())
def gather_rows(values: Tensor, columns: Tensor, indptr: Tensor, rows: Tensor, dim: int) -> Tensor:
    """Dense rows (B, dim) of a sparse table; arguments as in `reference.lookup`. Not differentiable by itself."""
    return reference.lookup(values, columns, indptr, rows, dim)


@gather_rows.register_kernel("cpu")
def _(values: Tensor, columns: Tensor, indptr: Tensor, rows: Tensor, dim: int) -> Tensor:
    out = torch.empty(len(rows), dim, dtype=torch.float32)
    kernels.gather(values.numpy(), columns.numpy(), indptr.numpy(), rows.numpy(), out.numpy())
    return out


@gather_rows.register_fake
def _(values: Tensor, columns: Tensor, indptr: Tensor, rows: Tensor, dim: int) -> Tensor:
    return values.new_empty(rows.shape[0], dim)


@torch.library.custom_op("sparserec::reduce_rows", mutates_args=())
def reduce_rows(
    gradients: Tensor, rows: Tensor, columns: Tensor, indptr: Tensor, watched: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of a batch summed by row; arguments and results as in `reference.reduce_rows`."""
    return reference.reduce_rows(gradients, rows, columns, indptr, watched)


@reduce_rows.register_kernel("cpu")
def _(
    gradients: Tensor, rows: Tensor, columns: Tensor, indptr: Tensor, watched: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    grads, pointers = gradients.contiguous().numpy(), indptr.numpy()
    order, bounds, touched = group_by_row(rows.numpy())
    offsets = np.zeros(len(touched) + 1, dtype=np.int64)
    np.cumsum(pointers[touched + 1] - pointers[touched], out=offsets[1:])
    values = np.empty(offsets[-1], dtype=np.float32)
    kernels.reduce_active(grads, order, bounds, touched, columns.numpy(), pointers, offsets, values)
    which, positions = intersect(touched, watched.numpy())
    full = np.empty((len(which), grads.shape[1]), dtype=np.float32)
    if len(which):
        kernels.reduce_full(grads, order, bounds, which, full)
    parts = (pointers[touched], offsets, values, positions, full)
    return tuple(torch.from_numpy(part) for part in parts)  # type: ignore[return-value]


def group_by_row(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Group equal rows.

    Returns:
        order (B,), a stable sort; bounds (T + 1,), so that group `t` is `order[bounds[t]:bounds[t + 1]]`; touched (T,),
        the row of each group, ascending.
    """
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    first = np.flatnonzero(np.diff(ordered, prepend=-1))
    return order, np.append(first, len(rows)), ordered[first]


def intersect(touched: np.ndarray, watched: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which touched rows are watched: their indices into `touched` and into `watched` (both ascending, distinct)."""
    if len(watched) == 0:
        none = np.zeros(0, dtype=np.int64)
        return none, none
    place = np.minimum(np.searchsorted(watched, touched), len(watched) - 1)
    which = np.flatnonzero(watched[place] == touched)
    return which, place[which]


@torch.library.custom_op("sparserec::sum_rows", mutates_args=())
def sum_rows(gradients: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients (B, dim) summed by row: the touched rows (T,) int64, ascending, and their sums (T, dim)."""
    touched, where = torch.unique(rows, return_inverse=True)
    summed = torch.zeros(len(touched), gradients.shape[1], dtype=gradients.dtype, device=gradients.device)
    return touched, summed.index_add(0, where, gradients)


@sum_rows.register_kernel("cpu")
def _(gradients: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    order, bounds, touched = group_by_row(rows.numpy())
    summed = np.empty((len(touched), gradients.shape[1]), dtype=np.float32)
    kernels.reduce_full(gradients.contiguous().numpy(), order, bounds, np.arange(len(touched)), summed)
    return torch.from_numpy(touched), torch.from_numpy(summed)
