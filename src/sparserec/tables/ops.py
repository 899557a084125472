"""Torch custom operators for sparse lookups: Numba kernels on the CPU, Triton's on CUDA devices, else the reference.

Below them, what needs no operator because nothing is traced or differentiated there: the same choice of kernels.
"""

# No `from __future__ import annotations` here: PyTorch 2.4 takes no annotations that are text.

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sparserec.tables import cpu, reference


def large(*shape: int) -> Tensor:
    """An array (...,) float32 yet to be written, of huge pages: NumPy asks for them, and PyTorch by default doesn't.

    The system then has a small part of the work of giving out memory, which took longer than the products themselves.
    """
    return torch.from_numpy(np.empty(shape, dtype=np.float32))


@torch.library.custom_op("sparserec::gather_rows", mutates_args=())
def gather_rows(values: Tensor, columns: Tensor, indptr: Tensor, rows: Tensor, dim: int) -> Tensor:
    """Dense rows (B, dim) of a sparse table; arguments as in `reference.lookup`. Not differentiable by itself."""
    return reference.lookup(values, columns, indptr, rows, dim)


@gather_rows.register_kernel("cpu")
def _(values: Tensor, columns: Tensor, indptr: Tensor, rows: Tensor, dim: int) -> Tensor:
    out = torch.empty(len(rows), dim, dtype=torch.float32)
    cpu.gather(values.numpy(), columns.numpy(), indptr.numpy(), rows.numpy(), out.numpy())
    return out


@gather_rows.register_kernel("cuda")
def _(values: Tensor, columns: Tensor, indptr: Tensor, rows: Tensor, dim: int) -> Tensor:
    from sparserec.tables import gpu

    return gpu.gather(values, columns, indptr, rows, dim)


@gather_rows.register_fake
def _(values: Tensor, columns: Tensor, indptr: Tensor, rows: Tensor, dim: int) -> Tensor:
    return values.new_empty(rows.shape[0], dim)


@torch.library.custom_op("sparserec::multiply_rows", mutates_args=())
def multiply_rows(values: Tensor, columns: Tensor, indptr: Tensor, rows: Tensor, transposed: Tensor) -> Tensor:
    """Products (B, K) of sparse rows with a matrix given as (dim, K); as `reference.product`. Not differentiable."""
    return reference.product(values, columns, indptr, rows, transposed.T)


@multiply_rows.register_kernel("cpu")
def _(values: Tensor, columns: Tensor, indptr: Tensor, rows: Tensor, transposed: Tensor) -> Tensor:
    out = large(len(rows), transposed.shape[1])
    cpu.multiply(
        values.numpy(), columns.numpy(), indptr.numpy(), rows.numpy(), transposed.contiguous().numpy(), out.numpy()
    )
    return out


@multiply_rows.register_kernel("cuda")
def _(values: Tensor, columns: Tensor, indptr: Tensor, rows: Tensor, transposed: Tensor) -> Tensor:
    return gather_rows(values, columns, indptr, rows, transposed.shape[0]) @ transposed


@multiply_rows.register_fake
def _(values: Tensor, columns: Tensor, indptr: Tensor, rows: Tensor, transposed: Tensor) -> Tensor:
    return values.new_empty(rows.shape[0], transposed.shape[1])


@torch.library.custom_op("sparserec::multiply_rows_back", mutates_args=())
def multiply_rows_back(
    values: Tensor, columns: Tensor, indptr: Tensor, rows: Tensor, gradients: Tensor, dim: int
) -> Tensor:
    """Gradient of the matrix of `multiply_rows`, as (dim, K), from the gradients (B, K) of its products."""
    return reference.lookup(values, columns, indptr, rows, dim).T @ gradients


@multiply_rows_back.register_kernel("cpu")
def _(values: Tensor, columns: Tensor, indptr: Tensor, rows: Tensor, gradients: Tensor, dim: int) -> Tensor:
    out = large(dim, gradients.shape[1])
    cpu.multiply_back(
        values.numpy(), columns.numpy(), indptr.numpy(), rows.numpy(), gradients.contiguous().numpy(), out.numpy()
    )
    return out


@multiply_rows_back.register_kernel("cuda")
def _(values: Tensor, columns: Tensor, indptr: Tensor, rows: Tensor, gradients: Tensor, dim: int) -> Tensor:
    return gather_rows(values, columns, indptr, rows, dim).T @ gradients


@multiply_rows_back.register_fake
def _(values: Tensor, columns: Tensor, indptr: Tensor, rows: Tensor, gradients: Tensor, dim: int) -> Tensor:
    return values.new_empty(dim, gradients.shape[1])


@torch.library.custom_op("sparserec::pool_rows", mutates_args=())
def pool_rows(
    values: Tensor, columns: Tensor, indptr: Tensor, rows: Tensor, offsets: Tensor, weights: Tensor, dim: int
) -> Tensor:
    """Weighted sums (B, dim) of sparse rows; arguments as in `reference.pool`. Not differentiable by itself."""
    return reference.pool(values, columns, indptr, rows, offsets, weights, dim)


@pool_rows.register_kernel("cpu")
def _(
    values: Tensor, columns: Tensor, indptr: Tensor, rows: Tensor, offsets: Tensor, weights: Tensor, dim: int
) -> Tensor:
    out = torch.empty(len(offsets) - 1, dim, dtype=torch.float32)
    parts = (values, columns, indptr, rows, offsets, weights.detach().contiguous(), out)
    cpu.pool(*(part.numpy() for part in parts))
    return out


@pool_rows.register_fake
def _(
    values: Tensor, columns: Tensor, indptr: Tensor, rows: Tensor, offsets: Tensor, weights: Tensor, dim: int
) -> Tensor:
    return values.new_empty(offsets.shape[0] - 1, dim)


@torch.library.custom_op("sparserec::pool_rows_back", mutates_args=())
def pool_rows_back(
    values: Tensor, columns: Tensor, indptr: Tensor, rows: Tensor, offsets: Tensor, gradients: Tensor
) -> Tensor:
    """Gradients (L,) of the weights of `pool_rows`, from those of its sums (B, dim)."""
    entries = reference.lookup(values, columns, indptr, rows, gradients.shape[1])
    return (entries * gradients[reference.bags_of(offsets)]).sum(1)


@pool_rows_back.register_kernel("cpu")
def _(values: Tensor, columns: Tensor, indptr: Tensor, rows: Tensor, offsets: Tensor, gradients: Tensor) -> Tensor:
    out = torch.empty(len(rows), dtype=torch.float32)
    parts = (values, columns, indptr, rows, offsets, gradients.contiguous(), out)
    cpu.pool_back(*(part.numpy() for part in parts))
    return out


@pool_rows_back.register_fake
def _(values: Tensor, columns: Tensor, indptr: Tensor, rows: Tensor, offsets: Tensor, gradients: Tensor) -> Tensor:
    return values.new_empty(rows.shape[0])


@torch.library.custom_op("sparserec::reduce_rows", mutates_args=())
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
    return reference.reduce_rows(gradients, sources, weights, products, transposed, rows, columns, indptr, watched)


@reduce_rows.register_kernel("cpu")
def _(
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
    grads, pointers = gradients.contiguous().numpy(), indptr.numpy()
    back, matrix = products.contiguous().numpy(), transposed.contiguous().numpy()
    order, bounds, touched = group_by_row(rows.numpy())
    offsets = np.zeros(len(touched) + 1, dtype=np.int64)
    np.cumsum(pointers[touched + 1] - pointers[touched], out=offsets[1:])
    values = np.empty(offsets[-1], dtype=np.float32)
    entries = sources.numpy(), weights.contiguous().numpy()
    cpu.reduce_active(grads, *entries, back, matrix, order, bounds, touched, columns.numpy(), pointers, offsets, values)
    groups, positions = intersect(touched, watched.numpy())
    full = np.zeros((len(groups), grads.shape[1]), dtype=np.float32)
    if len(back) and len(groups):
        summed = np.zeros((len(groups), back.shape[1]), dtype=np.float32)
        cpu.add_full(back, *_entries_of(len(back)), len(sources), order, bounds, groups, summed)
        _multiply(summed, matrix.T, full)
    cpu.add_full(grads, *entries, 0, order, bounds, groups, full)
    parts = (pointers[touched], offsets, values, positions, full)
    return tuple(torch.from_numpy(part) for part in parts)  # type: ignore[return-value]


@reduce_rows.register_kernel("cuda")
def _(*arguments: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    from sparserec.tables import gpu

    return gpu.reduce_rows(*arguments)


def _multiply(factors: np.ndarray, matrix: np.ndarray, out: np.ndarray) -> None:
    """Write the product of factors (W, K) with a matrix (K, C) into `out` (W, C), for less where most factors are 0."""
    if np.count_nonzero(factors) * 2 * cpu.FEW > factors.size:
        np.matmul(factors, matrix, out=out)
    else:
        cpu.multiply_few(factors, np.ascontiguousarray(matrix), out)


def _entries_of(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Sources and weights of entries that are the rows of a matrix themselves."""
    return np.arange(count), np.ones(count, dtype=np.float32)


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
    groups = np.flatnonzero(watched[place] == touched)
    return groups, place[groups]


@torch.library.custom_op("sparserec::sum_rows", mutates_args=())
def sum_rows(gradients: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients (B, dim) summed by row: the touched rows (T,) int64, ascending, and their sums (T, dim)."""
    touched, where = torch.unique(rows, return_inverse=True)
    summed = torch.zeros(len(touched), gradients.shape[1], dtype=gradients.dtype, device=gradients.device)
    return touched, summed.index_add(0, where, gradients)


@sum_rows.register_kernel("cpu")
def _(gradients: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    order, bounds, touched = group_by_row(rows.numpy())
    summed = np.zeros((len(touched), gradients.shape[1]), dtype=np.float32)
    entries = _entries_of(len(gradients))
    cpu.add_full(gradients.contiguous().numpy(), *entries, 0, order, bounds, np.arange(len(touched)), summed)
    return torch.from_numpy(touched), torch.from_numpy(summed)


@sum_rows.register_kernel("cuda")
def _(gradients: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    from sparserec.tables import gpu

    return gpu.sum_rows(gradients, rows)


def sum_bags(matrix: Tensor, indices: Tensor, indptr: Tensor) -> Tensor:
    """Sums (B, w) of the rows `indices[indptr[b]:indptr[b + 1]]` of a matrix (n, w); a new tensor, not differentiable.

    Args:
        matrix: (n, w) float32.
        indices: (L,) int32 or int64.
        indptr: (B + 1,), of the same type.
    """
    if matrix.is_cuda:
        from sparserec.tables import gpu

        return gpu.sum_bags(matrix, indices, indptr)
    # In less than half the time of a loop of our own.
    return F.embedding_bag(indices, matrix, indptr, mode="sum", include_last_offset=True)


def read_columns(values: Tensor, columns: Tensor, indptr: Tensor, first: int, out: Tensor) -> None:
    """Write the columns from number `first` on of every row of a sparse table into `out` (n_rows, w), contiguous."""
    if out.is_cuda:
        from sparserec.tables import gpu

        return gpu.read_columns(values, columns, indptr, first, out)
    cpu.read_columns(values.numpy(), columns.numpy(), indptr.numpy(), first, out.numpy())


def add_columns(columns: Tensor, indptr: Tensor, first: int, gradients: Tensor, out: Tensor) -> None:
    """Add the gradients (n_rows, w) of the columns from number `first` on to those of the active ones, `out` (nnz,)."""
    if out.is_cuda:
        from sparserec.tables import gpu

        return gpu.add_columns(columns, indptr, first, gradients, out)
    cpu.add_columns(columns.numpy(), indptr.numpy(), first, gradients.numpy(), out.numpy())


def adam(
    state: Sequence[Tensor],
    first_slot: Tensor,
    offsets: Tensor,
    gradients: Tensor,
    correct: np.ndarray | Tensor,
    *numbers: float,
) -> None:
    """One lazy Adam step on the slots of the touched rows, in place.

    Args:
        state: values, first and second moments (nnz,) float32, and ages (nnz,) uint16.
        first_slot, offsets, gradients: as in `SlotGradients`.
        correct: (2, A) float32, see `cpu.adam`; an array on the CPU.
        *numbers: step size, decay of the two moments, epsilon, weight decay and `relative`, in this order.
    """
    if gradients.is_cuda:
        from sparserec.tables import gpu

        assert isinstance(correct, Tensor)
        return gpu.adam(state, first_slot, offsets, gradients, correct, *numbers)
    arrays = [part.numpy() for part in (*state, first_slot, offsets, gradients)]
    arguments = [*arrays, correct, *(np.float32(number) for number in numbers)]
    cpu.adam(*arguments)
