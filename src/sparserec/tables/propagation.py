"""Rows of tables after a linear operator over all rows, such as that of a graph, a block of columns at a time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from sparserec.tables import ops
from sparserec.tables.base import Table

COLUMNS = 16
"""Columns of a block at most; a line of the processor's cache holds so many float32."""

Operator = Callable[[Tensor], Tensor]
"""Columns (n, w) float32 -> columns (n, w): linear, symmetric, the same for every column. It may write over them."""


class _Propagated(torch.autograd.Function):
    """Rows of the operator's image forward; backward, every table gets the columns of its gradient block by block."""

    @staticmethod
    def forward(ctx, anchor: Tensor, propagation: Propagation, rows: Tensor) -> Tensor:
        ctx.propagation, ctx.rows = propagation, rows
        out = torch.empty(len(rows), propagation.dim, device=propagation.device)
        for first, block in propagation.blocks():
            out[:, first : first + block.shape[1]] = block[rows]
        return out

    @staticmethod
    def backward(ctx, *gradients: Tensor):
        ctx.propagation.leave(ctx.rows, gradients[0])
        return None, None, None


class Propagation:
    """The image of several tables, one below the other, under an operator.

    The operator's image is dense. It is computed `width` columns at a time, forward and backward: nothing of n rows and
    `dim` columns exists, but at most as many arrays of n x `width` numbers as the operator holds at once. Of a block
    forward the rows asked for are kept; backward, each table keeps the gradients of its parameters (of a sparse table:
    the active ones) and of watched rows. Since the operator reaches every row, all of them count as touched.

    Args:
        tables: tables of one width, on one device.
        operator: see `Operator`; symmetric, so that it is its own transpose in the backward pass.
    """

    def __init__(self, tables: Sequence[Table], operator: Operator):
        self._tables, self._operator = list(tables), operator
        self.dim = self._tables[0].dim
        self.n_rows = sum(table.n_rows for table in self._tables)
        self.width = max(1, min(COLUMNS, self.dim // 4))
        self.device = self._tables[0].device
        self._anchor = torch.zeros((), requires_grad=True, device=self.device)

    def lookup(self, rows: Tensor) -> Tensor:
        """Rows (B,) int64 of all tables counted through, repeats allowed -> (B, dim) that gradients flow back from."""
        return _Propagated.apply(self._anchor, self, rows)  # type: ignore[return-value]

    @torch.no_grad()
    def blocks(self) -> Iterator[tuple[int, Tensor]]:
        """Blocks of columns of the image: the first column of each, and (n_rows, w) float32."""
        for first in range(0, self.dim, self.width):
            last = min(first + self.width, self.dim)
            block = torch.empty(self.n_rows, last - first, device=self.device)
            for table, columns in self._parts(block):
                table.read_columns(first, columns)
            yield first, self._operator(block)

    @torch.no_grad()
    def leave(self, rows: Tensor, gradient: Tensor) -> None:
        """Leave in each table its share of a gradient (B, dim) with respect to the rows (B,) of the image."""
        touched, summed = ops.sum_rows(gradient, rows)
        for first in range(0, self.dim, self.width):
            part = summed[:, first : first + self.width]
            block = torch.zeros(self.n_rows, part.shape[1], device=self.device)
            block[touched] = part
            for table, columns in self._parts(self._operator(block)):
                table.leave_columns(first, columns)

    def _parts(self, block: Tensor) -> Iterator[tuple[Table, Tensor]]:
        """Each table with its rows of a block; views."""
        bounds = [0, *itertools.accumulate(table.n_rows for table in self._tables)]
        for table, (first, last) in zip(self._tables, itertools.pairwise(bounds), strict=True):
            yield table, block[first:last]
