"""What every table offers: rows in, a dense batch out, and gradients by row to its optimiser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class SlotGradients:
    """Gradients of the parameters of the rows that one batch touched, each row once.

    A row's parameters are consecutive slots of the table's flat value array.

    Attributes:
        first_slot: (T,) int64, the first slot of each touched row.
        offsets: (T + 1,) int64; row `t` has the gradients `values[offsets[t]:offsets[t + 1]]`.
        values: (offsets[-1],) float32.
    """

    first_slot: Tensor
    offsets: Tensor
    values: Tensor


class Table(Protocol):
    """An embedding table: `n_rows` rows of `dim` numbers, however it stores them.

    The training loop calls `lookup`, then `backward` on a loss, then hands `take_gradients` to the optimiser. Only
    tables and optimisers know where the parameters are.
    """

    n_rows: int
    dim: int

    @property
    def values(self) -> Tensor:
        """(parameters,) float32: the flat array that the optimiser updates in place."""
        ...

    @property
    def nnz(self) -> int:
        """How many parameters the table has now."""
        ...

    @property
    def device(self) -> torch.device:
        """Where the table lies; what is handed to it lies there too."""
        ...

    def to(self, device: torch.device) -> Self:
        """Move the table there, with all that is attached to it, and return it; nothing may wait to be taken."""
        ...

    def lookup(self, rows: Tensor) -> Tensor:
        """Rows (B,) int64, repeats allowed -> a dense batch (B, dim) float32 that gradients flow back from."""
        ...

    def product(self, rows: Tensor, matrix: Tensor) -> Tensor:
        """Inner products (B, K) of rows (B,) with those of a dense matrix (K, dim); gradients flow back to both."""
        ...

    def pool(self, rows: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
        """Weighted sums (B, dim) of rows (L,), sum `b` over the entries `offsets[b]:offsets[b + 1]`, weights (L,)."""
        ...

    def read_columns(self, first: int, out: Tensor) -> None:
        """Write the columns from number `first` on of all rows into `out` (n_rows, w) float32; not differentiable."""
        ...

    def leave_columns(self, first: int, gradient: Tensor) -> None:
        """Add the gradient (n_rows, w) of the columns from number `first` on: every row counts as touched."""
        ...

    def take_gradients(self) -> SlotGradients | None:
        """The gradients since the last call, summed by row, and forget them. None when there are none."""
        ...

    def attach(self, name: str, dtype: torch.dtype) -> None:
        """Keep a zero-filled array aligned with `values` under this name (an optimiser's moments)."""
        ...

    def attached(self, name: str) -> Tensor:
        """The array kept under this name, (parameters,)."""
        ...

    def state(self) -> dict[str, Tensor]:
        """Everything that a checkpoint needs, the attached arrays included."""
        ...

    def load(self, state: dict[str, Tensor]) -> None:
        """Put back what `state` returned."""
        ...


@dataclass(frozen=True)
class TableKind:
    """One way to represent rows.

    Attributes:
        of_matrix: the table that begins with the values of a matrix (n_rows, dim); None for sparse tables, which begin
            with a mask.
        prune_scores: of tables that are pruned to a mask after a training: what stays before what, (n_rows, dim)
            float32, 0 or more; None where they can't be.
        keeps_values: whether pruned tables go on with the values that they have, instead of those they began with.
        summary: a few words, for the lists of kinds.
    """

    of_matrix: Callable[[np.ndarray], Any] | None = None
    prune_scores: Callable[[Any], np.ndarray] | None = None
    keeps_values: bool = True
    summary: str = ""
