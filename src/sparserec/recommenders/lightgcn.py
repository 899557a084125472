"""LightGCN: a row is the mean of what it and its neighbours near and far say, and a score an inner product."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sparserec.protocols import Histories
from sparserec.recommenders.base import BLOCK, ROWS, Batch, RecommenderKind, Served
from sparserec.recommenders.graph import Graph
from sparserec.recommenders.product import ProductScorer
from sparserec.recommenders.settings import LightGCNSettings, Similarity
from sparserec.tables import Propagation, Table


class LightGCN:
    """LightGCN over a user table and an item table of the same width.

    The tables are those of layer 0. Rows are propagated over the graph of the training interactions, 16 columns at a
    time (see `Propagation`): a training step holds the batch's rows of all columns, the gradients of active parameters
    and of watched rows, and three arrays of (n_users + n_items) x 16 numbers; never a propagated table.

    Every row has a gradient in each step, so the optimiser's weight decay would be on all of them, and rows that are
    seldom in a batch would fade; the setting `l2` decays those of the batch, as published. Rows are propagated once for
    a batch, so large batches make epochs cheap.

    Source: He et al., "LightGCN: simplifying and powering graph convolution network for recommendation" (arXiv
    2002.02126).

    Args:
        users: (n_users, dim) table.
        items: (n_items, dim) table.
        history: the interactions that make the graph.
        layers: propagations, of which the mean is taken with the rows themselves; 0 is matrix factorisation.
        similarity: "dot" as published, or "cosine" of propagated rows, which Wu et al. (arXiv 2201.02327) take with
            a softmax over many negatives.
    """

    def __init__(
        self,
        users: Table,
        items: Table,
        history: Histories,
        layers: int = 3,
        similarity: Similarity = "dot",
    ):
        self._similarity = similarity
        self.tables: Mapping[str, Table] = {"users": users, "items": items}
        graph = Graph(history, items.n_rows, users.device)
        self._propagation = Propagation([users, items], lambda block: graph.mean_of_layers(block, layers))

    def scores(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Scores of the positives (B,) and of the negatives (B, K), differentiable."""
        count, n_users = len(batch.users), self.tables["users"].n_rows
        items = torch.cat([batch.positives, batch.negatives.reshape(-1)]) + n_users
        rows = self._propagation.lookup(torch.cat([batch.users, items]))
        if self._similarity == "cosine":
            rows = F.normalize(rows, dim=1, eps=1e-8)
        users, positive, negative = rows[:count], rows[count : 2 * count], rows[2 * count :]
        if batch.negatives.dim() == 1:
            others = users @ negative.T
        else:
            others = torch.einsum("bd,bkd->bk", users, negative.view(*batch.negatives.shape, -1))
        return (users * positive).sum(1), others

    def scorer(self, history: Histories) -> ProductScorer:
        """The model as it is now, over the graph it was trained with, whatever the histories given."""
        return ProductScorer(self.served())

    def served(self) -> Served:
        """The propagated rows of now, dense: a device knows nothing of the graph; of unit length for the cosine."""
        n_users, n_rows = self.tables["users"].n_rows, self._propagation.n_rows
        matrix = _image(self._propagation)
        if self._similarity == "cosine":
            for first in range(0, n_rows, BLOCK):
                block = matrix[first : first + BLOCK]
                block /= torch.linalg.vector_norm(block, dim=1, keepdim=True).clamp(min=1e-8)
        return Served(PropagatedRows(matrix[n_users:n_rows]), PropagatedRows(matrix[:n_users]))


class PropagatedRows:
    """Rows of a propagated table, whole.

    Args:
        matrix: (n_rows, dim) float32.
    """

    def __init__(self, matrix: Tensor):
        self.n_rows, self.dim = matrix.shape
        self._matrix = matrix

    @property
    def device(self) -> torch.device:
        """Where the rows lie."""
        return self._matrix.device

    def lookup(self, rows: Tensor) -> Tensor:
        """Rows (B,) int64 -> (B, dim)."""
        return self._matrix[rows]


def _image(propagation: Propagation) -> Tensor:
    """The propagated rows (n_rows, dim); on the CPU in a nameless temporary file, which ranking reads by blocks.

    The file goes away with the tensor.
    """
    shape = propagation.n_rows, propagation.dim
    if propagation.device.type == "cpu":
        with tempfile.TemporaryFile(prefix="sparserec-") as file:
            matrix = torch.from_numpy(np.memmap(file, np.float32, "w+", shape=shape))
    else:
        matrix = torch.empty(shape, device=propagation.device)
    for first, block in propagation.blocks():
        matrix[:, first : first + block.shape[1]] = block
    return matrix


KIND = RecommenderKind(
    make=lambda tables, history, settings: LightGCN(
        tables["users"], tables["items"], history, settings.layers, settings.similarity
    ),
    tables=ROWS,
    settings=LightGCNSettings,
    needs_history=True,
    on_gpu=True,
    summary="inner product of two rows after propagation over the graph of interactions",
)
