"""DenseTable: every parameter exists. The baseline, with the same optimiser and the same seam."""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from torch import Tensor

from sparserec.errors import SparserecError
from sparserec.tables import ops, reference
from sparserec.tables.base import SlotGradients, TableKind
from sparserec.tables.sparse import saved_attached


class _Lookup(torch.autograd.Function):
    @staticmethod
    def forward(ctx, anchor: Tensor, table: DenseTable, rows: Tensor) -> Tensor:
        ctx.table, ctx.rows = table, rows
        return table.matrix.index_select(0, rows)

    @staticmethod
    def backward(ctx, *gradients: Tensor):
        ctx.table.inbox.append((ctx.rows, gradients[0]))
        return None, None, None


class DenseTable:
    """`n_rows` x `dim` embeddings, all of them stored; only the rows that a batch touched are updated.

    Args:
        matrix: (n_rows, dim) float32.
    """

    def __init__(self, matrix: np.ndarray):
        self.n_rows, self.dim = matrix.shape
        self.values = torch.from_numpy(np.ascontiguousarray(matrix, dtype=np.float32)).reshape(-1)
        self.inbox: list[tuple[Tensor, Tensor]] = []
        self._columns: Tensor | None = None
        self._anchor = torch.zeros((), requires_grad=True)
        self._attached: dict[str, Tensor] = {}

    @property
    def matrix(self) -> Tensor:
        """The table as a matrix (n_rows, dim); a view."""
        return self.values.view(self.n_rows, self.dim)

    @property
    def nnz(self) -> int:
        """Number of parameters, n_rows x dim."""
        return len(self.values)

    @property
    def device(self) -> torch.device:
        """Where the table lies."""
        return self.values.device

    def to(self, device: torch.device) -> Self:
        """Move the table there, with all that is attached to it, and return it."""
        self.values, self._anchor = self.values.to(device), torch.zeros((), requires_grad=True, device=device)
        self._attached = {name: array.to(device) for name, array in self._attached.items()}
        return self

    def lookup(self, rows: Tensor) -> Tensor:
        """Rows (B,) int64, repeats allowed -> dense (B, dim) float32 that gradients flow back from."""
        return _Lookup.apply(self._anchor, self, rows)  # type: ignore[return-value]

    def product(self, rows: Tensor, matrix: Tensor) -> Tensor:
        """Inner products (B, K) of rows (B,) with those of a matrix (K, dim); gradients flow back to both."""
        return self.lookup(rows) @ matrix.T

    def pool(self, rows: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
        """Weighted sums (B, dim) of rows (L,), sum `b` over the entries `offsets[b]:offsets[b + 1]`, weights (L,)."""
        return reference.sum_weighted(self.lookup(rows), offsets, weights)

    def read_columns(self, first: int, out: Tensor) -> None:
        """Write the columns from number `first` on of all rows into `out` (n_rows, w)."""
        out.copy_(self.matrix[:, first : first + out.shape[1]])

    def leave_columns(self, first: int, gradient: Tensor) -> None:
        """Add the gradient (n_rows, w) of the columns from number `first` on: every row counts as touched."""
        if self._columns is None:
            self._columns = torch.zeros(self.n_rows, self.dim, device=self.device)
        self._columns[:, first : first + gradient.shape[1]] += gradient

    def take_gradients(self) -> SlotGradients | None:
        """Gradients of the touched rows since the last call; None when there are none."""
        if self._columns is not None:
            self.inbox.append((torch.arange(self.n_rows, device=self.device), self._columns))
            self._columns = None
        if not self.inbox:
            return None
        rows = torch.cat([rows for rows, _ in self.inbox])
        gradients = torch.cat([gradient for _, gradient in self.inbox])
        self.inbox.clear()
        touched, summed = ops.sum_rows(gradients, rows)
        offsets = torch.arange(len(touched) + 1, device=self.device) * self.dim
        return SlotGradients(touched * self.dim, offsets, summed.reshape(-1))

    def attach(self, name: str, dtype: torch.dtype) -> None:
        """Keep a zero-filled array aligned with `values` under this name."""
        self._attached[name] = torch.zeros(self.nnz, dtype=dtype, device=self.device)

    def attached(self, name: str) -> Tensor:
        """The array kept under this name, (n_rows * dim,)."""
        return self._attached[name]

    def state(self) -> dict[str, Tensor]:
        """Values and attached arrays."""
        return {"values": self.values, **{f"attached.{name}": array for name, array in self._attached.items()}}

    def load(self, state: dict[str, Tensor]) -> None:
        """Put back what `state` returned, after checking it."""
        if state["values"].shape != self.values.shape:
            raise SparserecError(f"the saved table has {len(state['values'])} parameters, this one {self.nnz}")
        self._attached = saved_attached(self._attached, state)
        self.values = state["values"].to(self.device, copy=True)


KIND = TableKind(
    of_matrix=DenseTable,
    prune_scores=lambda table: np.abs(table.matrix.cpu().numpy()),
    summary="every number is a parameter",
)
