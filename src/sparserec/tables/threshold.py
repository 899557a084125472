"""ThresholdTable: a dense table whose entries are cut by a threshold that each row learns."""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from torch import Tensor

from sparserec.tables import reference
from sparserec.tables.base import SlotGradients, TableKind
from sparserec.tables.dense import DenseTable


class ThresholdTable:
    """`n_rows` x `dim` embeddings sign(w) max(0, |w| - sigmoid(s)), w and a threshold s for each row both learned.

    Source: Liu et al., "Learnable embedding sizes for recommender systems" (PEP, arXiv 2101.07577), with their
    threshold for each feature, here a row; the soft threshold is that of Kusupati et al., "Soft threshold weight
    reparameterization for learnable sparsity" (arXiv 2002.03231). Weight decay acts on s too and raises a low one.

    Args:
        matrix: (n_rows, dim) float32, initial w.
        threshold: initial s of every row; sigmoid(s) is cut off.
    """

    def __init__(self, matrix: np.ndarray, threshold: float = -5.0):
        self.n_rows, self.dim = matrix.shape
        cuts = np.full((self.n_rows, 1), threshold, np.float32)
        self._parameters = DenseTable(np.concatenate([cuts, matrix], axis=1))

    @property
    def values(self) -> Tensor:
        """(n_rows * (1 + dim),) float32: of each row s, then w."""
        return self._parameters.values

    @property
    def nnz(self) -> int:
        """Number of parameters, thresholds included."""
        return self._parameters.nnz

    @property
    def device(self) -> torch.device:
        """Where the table lies."""
        return self._parameters.device

    def to(self, device: torch.device) -> Self:
        """Move the table there, with all that is attached to it, and return it."""
        self._parameters.to(device)
        return self

    def weights(self) -> np.ndarray:
        """w, (n_rows, dim) float32; a view, or a copy from another device."""
        return self._parameters.matrix[:, 1:].cpu().numpy()

    def margins(self) -> np.ndarray:
        """|w| - sigmoid(s), (n_rows, dim) float32: what is above 0 survives the threshold."""
        return (self._parameters.matrix[:, 1:].abs() - self._cuts()).cpu().numpy()

    def lookup(self, rows: Tensor) -> Tensor:
        """Rows (B,) int64, repeats allowed -> dense (B, dim) float32 that gradients flow back from."""
        parameters = self._parameters.lookup(rows)
        weights = parameters[:, 1:]
        return weights.sign() * torch.relu(weights.abs() - torch.sigmoid(parameters[:, :1]))

    def product(self, rows: Tensor, matrix: Tensor) -> Tensor:
        """Inner products (B, K) of rows (B,) with those of a matrix (K, dim); gradients flow back to both."""
        return self.lookup(rows) @ matrix.T

    def pool(self, rows: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
        """Weighted sums (B, dim) of rows (L,), sum `b` over the entries `offsets[b]:offsets[b + 1]`, weights (L,)."""
        return reference.sum_weighted(self.lookup(rows), offsets, weights)

    def read_columns(self, first: int, out: Tensor) -> None:
        """Write the columns from number `first` on of all rows into `out` (n_rows, w)."""
        self._parameters.read_columns(1 + first, out)
        out.copy_(out.sign() * (out.abs() - self._cuts()).clamp_(min=0))

    def leave_columns(self, first: int, gradient: Tensor) -> None:
        """Add the gradient (n_rows, w) of the columns from number `first` on: every row counts as touched."""
        weights, cuts = torch.empty_like(gradient), self._cuts()
        self._parameters.read_columns(1 + first, weights)
        alive = gradient * (weights.abs() > cuts)
        self._parameters.leave_columns(1 + first, alive)
        self._parameters.leave_columns(0, -(alive * weights.sign()).sum(1, keepdim=True) * cuts * (1 - cuts))

    def take_gradients(self) -> SlotGradients | None:
        """Gradients of the touched rows since the last call; None when there are none."""
        return self._parameters.take_gradients()

    def attach(self, name: str, dtype: torch.dtype) -> None:
        """Keep a zero-filled array aligned with `values` under this name."""
        self._parameters.attach(name, dtype)

    def attached(self, name: str) -> Tensor:
        """The array kept under this name, (n_rows * (1 + dim),)."""
        return self._parameters.attached(name)

    def state(self) -> dict[str, Tensor]:
        """Values and attached arrays."""
        return self._parameters.state()

    def load(self, state: dict[str, Tensor]) -> None:
        """Put back what `state` returned, after checking it."""
        self._parameters.load(state)

    def _cuts(self) -> Tensor:
        """sigmoid(s) of every row, (n_rows, 1)."""
        return torch.sigmoid(self._parameters.matrix[:, :1])


KIND = TableKind(
    of_matrix=ThresholdTable,
    prune_scores=lambda table: table.margins() + 1,  # a threshold cuts less than 1
    keeps_values=False,
    summary="every number is a parameter, cut by a threshold that each row learns",
)
