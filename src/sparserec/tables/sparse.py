"""SparseTable: an embedding table that holds its active parameters and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from sparserec.errors import SparserecError
from sparserec.tables import cpu, ops
from sparserec.tables.base import SlotGradients, TableKind

MOST_COLUMNS = 2**31 - 1
"""Columns of a table at most."""
Evaluate = Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, sp.csr_array]]
"""What `SparseTable.loss_of_products` takes."""


class _Lookup(torch.autograd.Function):
    """Sparse rows forward; backward hands the batch's gradient to the table, which reduces it when asked."""

    @staticmethod
    def forward(ctx, anchor: Tensor, table: SparseTable, rows: Tensor) -> Tensor:
        ctx.table, ctx.rows = table, rows
        return ops.gather_rows(table.values, table.columns, table.indptr, rows, table.dim)

    @staticmethod
    def backward(ctx, *gradients: Tensor):
        ctx.table.inbox.append((ctx.rows, gradients[0], *_entries_of(ctx.rows)))
        return None, None, None


class _Product(torch.autograd.Function):
    """Products of sparse rows with a dense matrix; backward, the table gets their gradient and keeps the matrix."""

    @staticmethod
    def forward(ctx, anchor: Tensor, matrix: Tensor, table: SparseTable, rows: Tensor) -> Tensor:
        ctx.table, ctx.rows, ctx.transposed = table, rows, matrix.T.contiguous()
        return ops.multiply_rows(table.values, table.columns, table.indptr, rows, ctx.transposed)

    @staticmethod
    def backward(ctx, *gradients: Tensor):
        table, gradient = ctx.table, gradients[0].contiguous()
        table.product_inbox.append((ctx.rows, gradient, ctx.transposed))
        if not ctx.needs_input_grad[1]:
            return None, None, None, None
        back = ops.multiply_rows_back(table.values, table.columns, table.indptr, ctx.rows, gradient, table.dim)
        return None, back.T, None, None


class _Pool(torch.autograd.Function):
    """Weighted sums of sparse rows; backward, the table gets the gradient of the sums, the weights get theirs."""

    @staticmethod
    def forward(ctx, anchor: Tensor, weights: Tensor, table: SparseTable, rows: Tensor, offsets: Tensor) -> Tensor:
        ctx.table, ctx.rows, ctx.offsets, ctx.weights = table, rows, offsets, weights.detach()
        return ops.pool_rows(table.values, table.columns, table.indptr, rows, offsets, weights, table.dim)

    @staticmethod
    def backward(ctx, *gradients: Tensor):
        table, gradient = ctx.table, gradients[0].contiguous()
        bags = torch.repeat_interleave(torch.arange(len(ctx.offsets) - 1, device=table.device), torch.diff(ctx.offsets))
        table.inbox.append((ctx.rows, gradient, bags, ctx.weights))
        if not ctx.needs_input_grad[1]:
            return None, None, None, None, None
        back = ops.pool_rows_back(table.values, table.columns, table.indptr, ctx.rows, ctx.offsets, gradient)
        return None, back, None, None, None


class _LossOfProducts(torch.autograd.Function):
    """A loss of products that are not kept; backward, the table gets an entry for each that the loss depends on."""

    @staticmethod
    def forward(ctx, anchor: Tensor, matrix: Tensor, table: SparseTable, evaluate: Evaluate) -> Tensor:
        ctx.table, ctx.matrix = table, matrix.detach()
        loss, ctx.slope = evaluate(table.values, table.columns, table.indptr, ctx.matrix.T.contiguous())
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor):  # pyright: ignore[reportIncompatibleMethodOverride]
        table, slope = ctx.table, ctx.slope * np.float32(gradient)
        rows = np.repeat(np.arange(table.n_rows), np.diff(slope.indptr))
        entries = (torch.from_numpy(slope.indices.astype(np.int64)), torch.from_numpy(slope.data))
        table.inbox.append((torch.from_numpy(rows), ctx.matrix, *entries))
        if not ctx.needs_input_grad[1]:
            return None, None, None, None
        turned = slope.tocsc()
        items, offsets = (torch.from_numpy(part.astype(np.int64)) for part in (turned.indices, turned.indptr))
        structure, weights = (table.values, table.columns, table.indptr), torch.from_numpy(turned.data)
        return None, ops.pool_rows(*structure, items, offsets, weights, table.dim), None, None


class SparseTable:
    """`n_rows` x `dim` embeddings of which only the active parameters exist, in CSR.

    Nothing of size n_rows x dim is allocated, forward, backward or when the structure is revised. Gradients don't pass
    through `torch.Tensor.grad`: the backward pass leaves the batch's gradient in the table, where the optimiser takes
    the active coordinates (`take_gradients`) and the explorer the watched rows in full (`watched_gradients`).

    Args:
        indptr: (n_rows + 1,) int64 row pointers.
        columns: (nnz,) integers below `dim`, strictly ascending within a row.
        values: (nnz,) float32.
        dim: number of columns, at most 2^31 - 1; a column takes a byte of each parameter up to 256 of them, two up to
            65,536, else four.

    Raises:
        SparserecError: when the structure is not a valid CSR structure.
    """

    def __init__(self, indptr: np.ndarray, columns: np.ndarray, values: np.ndarray, dim: int):
        if not 1 <= dim <= MOST_COLUMNS:
            raise SparserecError(f"dim must lie between 1 and {MOST_COLUMNS}, not {dim}")
        self.n_rows, self.dim = len(indptr) - 1, dim
        # Checked before the columns are cast: a column that does not fit would wrap around.
        check_structure(np.asarray(indptr, np.int64), np.asarray(columns), len(values), dim)
        self._set_structure(np.asarray(indptr, np.int64), np.asarray(columns).astype(column_dtype(dim)))
        self.values = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
        self.inbox: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
        self.product_inbox: list[tuple[Tensor, Tensor, Tensor]] = []
        self._anchor = torch.zeros((), requires_grad=True)
        self._attached: dict[str, Tensor] = {}
        self._watched = torch.zeros(0, dtype=torch.int64)
        self._reduced: tuple[SlotGradients, Tensor, Tensor] | None = None
        self._columns: tuple[Tensor, Tensor] | None = None

    @property
    def nnz(self) -> int:
        """Number of active parameters."""
        return len(self.values)

    @property
    def device(self) -> torch.device:
        """Where the table lies."""
        return self.values.device

    def to(self, device: torch.device) -> Self:
        """Move the table there, with all that is attached to it, and return it."""
        self.indptr, self.columns, self.values = (part.to(device) for part in (self.indptr, self.columns, self.values))
        self._watched = self._watched.to(device)
        self._anchor = torch.zeros((), requires_grad=True, device=device)
        self._attached = {name: array.to(device) for name, array in self._attached.items()}
        return self

    def lookup(self, rows: Tensor) -> Tensor:
        """Rows (B,) int64, repeats allowed -> dense (B, dim) float32 that gradients flow back from."""
        return _Lookup.apply(self._anchor, self, rows)  # type: ignore[return-value]

    def product(self, rows: Tensor, matrix: Tensor) -> Tensor:
        """Inner products (B, K) of rows (B,) with those of a matrix (K, dim); gradients flow back to both.

        The work is in proportion to the active parameters of the rows, forward and backward; watched rows add theirs.
        """
        return _Product.apply(self._anchor, matrix, self, rows)  # type: ignore[return-value]

    def pool(self, rows: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
        """Weighted sums (B, dim) of rows; gradients flow back to the table and to the weights.

        Args:
            rows: (L,) int64, repeats allowed.
            offsets: (B + 1,) int64; sum `b` takes the entries `offsets[b]:offsets[b + 1]`.
            weights: (L,) float32.
        """
        return _Pool.apply(self._anchor, weights, self, rows, offsets)  # type: ignore[return-value]

    def loss_of_products(self, matrix: Tensor, evaluate: Evaluate) -> Tensor:
        """A loss of the inner products (n_rows, K) of all rows with those of a matrix (K, dim), which aren't kept.

        Gradients flow back to the table and the matrix; the work is in proportion to those that are not 0. On the CPU.

        Args:
            matrix: (K, dim) float32.
            evaluate: values, columns, row pointers and the transposed matrix (dim, K) -> the loss, a scalar, and its
                gradient (n_rows, K) float32 by the products.
        """
        return _LossOfProducts.apply(self._anchor, matrix, self, evaluate)  # type: ignore[return-value]

    def read_columns(self, first: int, out: Tensor) -> None:
        """Write the columns from number `first` on of all rows into `out` (n_rows, w)."""
        ops.read_columns(self.values, self.columns, self.indptr, first, out)

    # -- gradients --------------------------------------------------------------------------------------------------

    @torch.no_grad()  # a matrix of one column may be left as it stands in the graph of the loss
    def _reduce(self) -> tuple[SlotGradients, Tensor, Tensor] | None:
        """Sum what the backward pass left by row, once."""
        if self._reduced is None and (self.inbox or self.product_inbox):
            # One product keeps its matrix; the gradients of any others are made dense and join those of the lookups.
            last = self.product_inbox[-1:]
            dense = self.inbox + [
                (rows, back @ matrix.T, *_entries_of(rows)) for rows, back, matrix in self.product_inbox[:-1]
            ]
            self.inbox, self.product_inbox = [], []
            rows = torch.cat([rows for rows, *_ in [*dense, *last]])
            _, products, transposed = last[0] if last else (rows, self._none(0, 0), self._none(self.dim, 0))
            parts = ops.reduce_rows(
                *_joined(dense, self._none(0, self.dim)),
                products,
                transposed,
                rows,
                self.columns,
                self.indptr,
                self._watched,
            )
            self._reduced = (SlotGradients(*parts[:3]), parts[3], parts[4])
        if self._columns is not None:
            self._reduced, self._columns = self._spread(self._reduced, *self._columns), None
        return self._reduced

    def _none(self, *shape: int) -> Tensor:
        """Zeros where the table lies."""
        return torch.zeros(*shape, device=self.device)

    def leave_columns(self, first: int, gradient: Tensor) -> None:
        """Add the gradient (n_rows, w) of the columns from number `first` on: every row counts as touched.

        Kept are the active coordinates, (nnz,), and the watched rows, (S, dim).
        """
        if self._columns is None:
            self._columns = self._none(self.nnz), self._none(len(self._watched), self.dim)
        active, watched = self._columns
        ops.add_columns(self.columns, self.indptr, first, gradient, active)
        watched[:, first : first + gradient.shape[1]] += gradient[self._watched]

    def _spread(
        self, reduced: tuple[SlotGradients, Tensor, Tensor] | None, active: Tensor, watched: Tensor
    ) -> tuple[SlotGradients, Tensor, Tensor]:
        """Gradients of every row, those of the rows that were looked up among them."""
        if reduced is not None:
            looked_up, positions, full = reduced
            slots = torch.repeat_interleave(
                looked_up.first_slot - looked_up.offsets[:-1], torch.diff(looked_up.offsets)
            )
            active[slots + torch.arange(len(slots), device=self.device)] += looked_up.values
            watched[positions] += full
        rows = torch.arange(len(watched), device=self.device)
        return SlotGradients(self.indptr[:-1], self.indptr, active), rows, watched

    def take_gradients(self) -> SlotGradients | None:
        """Gradients of the active parameters of the touched rows since the last call; None when there are none."""
        reduced = self._reduce()
        self._reduced = None
        return reduced[0] if reduced else None

    def watch(self, rows: np.ndarray) -> None:
        """Ask for full gradients of these rows, (S,) int64 ascending and distinct, from the next backward pass on."""
        self._watched = torch.from_numpy(np.ascontiguousarray(rows, dtype=np.int64)).to(self.device)

    def watched_gradients(self) -> tuple[Tensor, Tensor]:
        """Full gradients of the watched rows that this step touched; call it before `take_gradients`.

        Returns:
            (W,) int64 positions into the watched rows, ascending, and (W, dim) float32.
        """
        reduced = self._reduce()
        if reduced is None:
            return self._watched[:0], self._none(0, self.dim)
        return reduced[1], reduced[2]

    # -- structure --------------------------------------------------------------------------------------------------

    def structure(self) -> tuple[np.ndarray, np.ndarray]:
        """Row pointers (n_rows + 1,) int64 and columns (nnz,) uint8, uint16 or int32, ascending within a row.

        Views, or copies from another device.
        """
        return self.indptr.cpu().numpy(), self.columns.cpu().numpy()

    def magnitudes(self) -> np.ndarray:
        """|w| of every active parameter, (nnz,) float32."""
        return self.values.abs().cpu().numpy()

    def revise(self, keep: np.ndarray, grow_rows: np.ndarray, grow_columns: np.ndarray) -> None:
        """Drop and grow parameters; grown ones start at 0, with zero in every attached array (fresh moments).

        Args:
            keep: (nnz,) bool, False for the parameters to drop.
            grow_rows: (K,) int64 and
            grow_columns: (K,) integers, the coordinates to grow, sorted by row, then column.

        Raises:
            SparserecError: when a row would become empty or a grown coordinate is active already.
        """
        old_indptr, old_columns = self.structure()
        grown = np.bincount(grow_rows, minlength=self.n_rows)
        grow_indptr = _pointers(grown)
        # No row is empty, so the sums between row starts are those of the rows.
        indptr = _pointers(np.add.reduceat(keep, old_indptr[:-1], dtype=np.int64) + grown)
        if np.any(np.diff(indptr) == 0):
            raise SparserecError("a revision may not leave a row without active parameters")
        columns = np.empty(indptr[-1], dtype=old_columns.dtype)
        source = np.empty(indptr[-1], dtype=np.int32 if self.nnz < 2**31 else np.int64)
        cpu.merge_sources(
            keep, old_columns, old_indptr, grow_indptr, grow_columns.astype(old_columns.dtype), indptr, columns, source
        )
        _check_ascending(indptr, columns)
        self._set_structure(indptr, columns, self.device)
        self.values = _moved(self.values, source)
        for name in self._attached:  # one after the other: only one of them exists twice at a time
            self._attached[name] = _moved(self._attached[name], source)

    def _set_structure(self, indptr: np.ndarray, columns: np.ndarray, device: torch.device | str = "cpu") -> None:
        self.indptr, self.columns = torch.from_numpy(indptr).to(device), torch.from_numpy(columns).to(device)

    # -- state ------------------------------------------------------------------------------------------------------

    def attach(self, name: str, dtype: torch.dtype) -> None:
        """Keep a zero-filled array aligned with `values`, through every revision, under this name."""
        self._attached[name] = torch.zeros(self.nnz, dtype=dtype, device=self.device)

    def attached(self, name: str) -> Tensor:
        """The array kept under this name, (nnz,)."""
        return self._attached[name]

    def state(self) -> dict[str, Tensor]:
        """Structure, values and attached arrays."""
        attached = {f"attached.{name}": array for name, array in self._attached.items()}
        return {"indptr": self.indptr, "columns": self.columns, "values": self.values, **attached}

    def load(self, state: dict[str, Tensor]) -> None:
        """Put back what `state` returned, after checking it."""
        indptr, columns = state["indptr"].numpy().copy(), state["columns"].numpy().copy()
        check_structure(indptr, columns, len(state["values"]), self.dim)
        if len(indptr) != self.n_rows + 1:
            raise SparserecError(f"the saved table has {len(indptr) - 1} rows, this one {self.n_rows}")
        self._attached = saved_attached(self._attached, state)
        self._set_structure(indptr, columns, self.device)
        self.values = state["values"].to(self.device, copy=True)


def _entries_of(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Sources and weights of entries that have a gradient each, one for each of the rows (B,)."""
    return torch.arange(len(rows), device=rows.device), torch.ones(len(rows), device=rows.device)


def _joined(entries: list[tuple[Tensor, Tensor, Tensor, Tensor]], none: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of several lookups and sums one below the other, with the sources and weights of their entries.

    Without entries the gradients are `none` (0, dim).
    """
    if not entries:
        return none, none.new_zeros(0, dtype=torch.int64), none.new_zeros(0)
    first = np.concatenate(([0], np.cumsum([len(gradient) for _, gradient, *_ in entries])))
    sources = [source + int(start) for (*_, source, _), start in zip(entries, first[:-1], strict=True)]
    gradients, weights = [entry[1] for entry in entries], [entry[3] for entry in entries]
    return torch.cat(gradients), torch.cat(sources), torch.cat(weights)


def column_dtype(dim: int) -> type[np.integer]:
    """The smallest type that holds a column index: uint8 up to 256 columns, uint16 up to 65,536, else int32."""
    return np.uint8 if dim <= 256 else np.uint16 if dim <= 65_536 else np.int32


def check_structure(indptr: np.ndarray, columns: np.ndarray, nnz: int, dim: int) -> None:
    """Raise SparserecError unless this is CSR with no empty row and columns strictly ascending below `dim`."""
    if len(indptr) < 2 or indptr[0] != 0 or indptr[-1] != nnz or len(columns) != nnz:
        raise SparserecError("row pointers must start at 0 and end at the number of active parameters")
    if np.any(np.diff(indptr) < 1):
        raise SparserecError("every row of a sparse table needs at least one active parameter")
    for column in (int(columns.min()), int(columns.max())):
        if not 0 <= column < dim:
            raise SparserecError(f"column {column} does not exist in a table of {dim} columns")
    _check_ascending(indptr, columns)


def saved_attached(attached: dict[str, Tensor], state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The attached arrays of a saved state; a missing, unknown or short one is an error."""
    saved = {name.removeprefix("attached."): array for name, array in state.items() if name.startswith("attached.")}
    if saved.keys() != attached.keys():
        raise SparserecError(f"optimiser state {sorted(saved)} was saved, {sorted(attached)} is expected")
    for name, array in saved.items():
        if array.shape != state["values"].shape:
            raise SparserecError(f"{name} has {len(array)} numbers for {len(state['values'])} parameters")
    return {name: saved[name].to(current.device, copy=True) for name, current in attached.items()}


def _check_ascending(indptr: np.ndarray, columns: np.ndarray) -> None:
    follows = np.ones(len(columns), dtype=bool)
    follows[1:] = columns[1:] > columns[:-1]
    follows[indptr[:-1]] = True
    if not follows.all():
        raise SparserecError("columns must be strictly ascending within a row: is a grown coordinate already active?")


def _pointers(counts: np.ndarray) -> np.ndarray:
    pointers = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=pointers[1:])
    return pointers


def _moved(array: Tensor, source: np.ndarray) -> Tensor:
    """`array[source]` on the same device, 0 where the source is -1."""
    old = array.cpu().numpy()
    out = np.empty(len(source), dtype=old.dtype)
    cpu.move(old, source, out)
    return torch.from_numpy(out).to(array.device)


KIND = TableKind(summary="only active parameters exist")
