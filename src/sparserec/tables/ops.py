"""What is done with the rows of tables: Numba kernels on the CPU, on CUDA devices Triton's or else the reference.

Plain functions that look at the device, and no operators of PyTorch's: nothing here is traced or differentiated, and
the first call of such an operator loads PyTorch's compiler, which takes over a second and 140 MB.
"""

from __future__ import annotations

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


def gather_rows(values: Tensor, columns: Tensor, indptr: Tensor, rows: Tensor, dim: int) -> Tensor:
    """Dense rows (B, dim) of a sparse table; arguments as in `reference.lookup`. Not differentiable by itself."""
    if values.is_cuda:
        from sparserec.tables import gpu

        return gpu.gather(values, columns, indptr, rows, dim)
    out = torch.empty(len(rows), dim, dtype=torch.float32)
    cpu.gather(*_arrays(values, columns, indptr, rows, out))
    return out


def multiply_rows(values: Tensor, columns: Tensor, indptr: Tensor, rows: Tensor, transposed: Tensor) -> Tensor:
    """Products (B, K) of sparse rows with a matrix given as (dim, K); as `reference.product`. Not differentiable."""
    if values.is_cuda:
        return gather_rows(values, columns, indptr, rows, transposed.shape[0]) @ transposed
    out = large(len(rows), transposed.shape[1])
    cpu.multiply(*_arrays(values, columns, indptr, rows, transposed, out))
    return out


def multiply_rows_back(
    values: Tensor, columns: Tensor, indptr: Tensor, rows: Tensor, gradients: Tensor, dim: int
) -> Tensor:
    """Gradient of the matrix of `multiply_rows`, as (dim, K), from the gradients (B, K) of its products."""
    if values.is_cuda:
        return gather_rows(values, columns, indptr, rows, dim).T @ gradients
    out = large(dim, gradients.shape[1])
    cpu.multiply_back(*_arrays(values, columns, indptr, rows, gradients, out))
    return out


def pool_rows(
    values: Tensor, columns: Tensor, indptr: Tensor, rows: Tensor, offsets: Tensor, weights: Tensor, dim: int
) -> Tensor:
    """Weighted sums (B, dim) of sparse rows; arguments as in `reference.pool`. Not differentiable by itself."""
    if values.is_cuda:
        return reference.pool(values, columns, indptr, rows, offsets, weights, dim)
    out = torch.empty(len(offsets) - 1, dim, dtype=torch.float32)
    cpu.pool(*_arrays(values, columns, indptr, rows, offsets, weights, out))
    return out


def pool_rows_back(
    values: Tensor, columns: Tensor, indptr: Tensor, rows: Tensor, offsets: Tensor, gradients: Tensor
) -> Tensor:
    """Gradients (L,) of the weights of `pool_rows`, from those of its sums (B, dim)."""
    if values.is_cuda:
        entries = reference.lookup(values, columns, indptr, rows, gradients.shape[1])
        return (entries * gradients[reference.bags_of(offsets)]).sum(1)
    out = torch.empty(len(rows), dtype=torch.float32)
    cpu.pool_back(*_arrays(values, columns, indptr, rows, offsets, gradients, out))
    return out


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
    if gradients.is_cuda:
        from sparserec.tables import gpu

        return gpu.reduce_rows(gradients, sources, weights, products, transposed, rows, columns, indptr, watched)
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


def _arrays(*tensors: Tensor) -> list[np.ndarray]:
    """The tensors as contiguous arrays; those that are contiguous already without a copy."""
    return [part.detach().contiguous().numpy() for part in tensors]


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


def sum_rows(gradients: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients (B, dim) summed by row: the touched rows (T,) int64, ascending, and their sums (T, dim)."""
    if gradients.is_cuda:
        from sparserec.tables import gpu

        return gpu.sum_rows(gradients, rows)
    order, bounds, touched = group_by_row(rows.numpy())
    summed = np.zeros((len(touched), gradients.shape[1]), dtype=np.float32)
    entries = _entries_of(len(gradients))
    cpu.add_full(gradients.contiguous().numpy(), *entries, 0, order, bounds, np.arange(len(touched)), summed)
    return torch.from_numpy(touched), torch.from_numpy(summed)


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
