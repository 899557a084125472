"""NeuMF: a weighted product of two rows and a network over two others, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from sparserec.errors import SparserecError
from sparserec.protocols import Histories
from sparserec.recommenders.base import ROWS, Batch, RecommenderKind, Served
from sparserec.recommenders.network import network, network_of_pairs
from sparserec.recommenders.settings import NeuMFSettings
from sparserec.tables import Table

PAIRS = 1 << 17
"""Pairs of a user and an item that are scored at a time outside training."""


class NeuMF:
    """Neural matrix factorisation over four tables: two for a weighted product (GMF), two for a network (MLP).

    A score is <h, p_u * q_i> + MLP(p'_u, q'_i), the network a stack of layers with ReLU between them and the output a
    weighted sum of the last. The first layer is linear in the user and in the item, so its two halves are computed once
    a user and once an item. With shared negatives the hidden numbers of a pair exist for a tile of pairs at a time
    (`network_of_pairs`); with a user's own there are B x K x `hidden[0]` of them. Layers are matrices with the bias as
    their last column, kept as tables beside the others: small, dense, in every step.

    Source: He et al., "Neural collaborative filtering" (arXiv 1708.05031). Unlike the original nothing is trained
    before, both parts have rows of one width, and the loss is whatever the recommender is trained with.

    Args:
        tables: "users" and "items" of the product, "mlp_users" and "mlp_items" of the network, all (n, dim); "layer1",
            "layer2", ... and "output" as `weights` makes them.
    """

    def __init__(self, tables: Mapping[str, Table]):
        self.tables = tables
        self._layers = [name for name in tables if name.startswith("layer")]

    def scores(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Scores of the positives (B,) and of the negatives (B, K), differentiable."""
        count, place = len(batch.users), torch.arange(len(batch.users), device=batch.users.device)
        parts = _Parts(self, batch.users, torch.cat([batch.positives, batch.negatives.reshape(-1)]))
        positive = parts.pairs(place, place)
        if batch.negatives.dim() == 1:
            return positive, parts.every(slice(count, None))
        width = batch.negatives.shape[1]
        negative = parts.pairs(place.repeat_interleave(width), count + torch.arange(count * width, device=place.device))
        return positive, negative.view(count, width)

    def matrices(self) -> tuple[list[Tensor], Tensor]:
        """The layers (out, in + 1) and the output weights (dim + hidden[-1] + 1,), differentiable."""
        layers, output = [self._matrix(name) for name in self._layers], self._matrix("output")
        return layers, output[0]

    def _matrix(self, name: str) -> Tensor:
        table = self.tables[name]
        return table.lookup(torch.arange(table.n_rows, device=table.device))

    def scorer(self, history: Histories) -> NeuMFScorer:
        """The model as it is now, for full ranking; users have rows of their own, whatever their histories."""
        return NeuMFScorer(self)

    def served(self) -> Served:
        """Raises SparserecError: a score is no inner product of rows."""
        raise SparserecError(
            "NeuMF can't be exported: its scores are no inner products, and a file for devices holds rows alone; "
            "train mf, lightgcn or fism for a device"
        )


class _Parts:
    """What users and items bring to their scores, each computed once.

    Args:
        model: NeuMF.
        users: (B,) int64 and
        items: (K,) int64, the rows that pairs are made of.
    """

    def __init__(self, model: NeuMF, users: Tensor, items: Tensor):
        dim, (layers, output) = model.tables["users"].dim, model.matrices()
        self._rest, self._output, self._bias = layers[1:], output[dim:-1], output[-1]
        self._users = model.tables["users"].lookup(users) * output[:dim]
        self._items = model.tables["items"].lookup(items)
        first = layers[0]
        self._of_users = model.tables["mlp_users"].lookup(users) @ first[:, :dim].T + first[:, -1]
        self._of_items = model.tables["mlp_items"].lookup(items) @ first[:, dim:-1].T

    def pairs(self, users: Tensor, items: Tensor) -> Tensor:
        """Scores (P,) of the users number (P,) with the items number (P,)."""
        products = (self._users[users] * self._items[items]).sum(1)
        of_network = network(self._of_users[users] + self._of_items[items], self._rest, self._output)
        return products + of_network + self._bias

    def every(self, items: slice) -> Tensor:
        """Scores (B, K) of all users with the items of a slice."""
        products = self._users @ self._items[items].T
        of_network = network_of_pairs(self._of_users, self._of_items[items], self._rest, self._output)
        return products + of_network + self._bias


class NeuMFScorer:
    """Scores of all items for blocks of users, `PAIRS` pairs at a time."""

    def __init__(self, model: NeuMF):
        self._model = model
        self.n_items = model.tables["items"].n_rows

    @torch.no_grad()
    def score(self, users: np.ndarray) -> np.ndarray:
        """Users (B,) int64 -> scores (B, n_items) float32."""
        device = self._model.tables["items"].device
        who = torch.from_numpy(np.asarray(users, dtype=np.int64)).to(device)
        out = torch.empty(len(users), self.n_items, device=device)
        block = max(1, PAIRS // max(1, len(who)))
        for first in range(0, self.n_items, block):
            items = torch.arange(first, min(first + block, self.n_items), device=device)
            out[:, first : first + len(items)] = _Parts(self._model, who, items).every(slice(None))
        return out.cpu().numpy()


def weights(dim: int, hidden: Sequence[int], generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Initial layers and output of the network, float32.

    Layers are drawn as He et al. (arXiv 1502.01852) do for ReLU, their biases, in the last column, are 0. The output
    begins as the plain product: 1 for each column of the rows, small numbers for the network.

    Args:
        dim: columns of the tables.
        hidden: outputs of each layer, at least one.
        generator: the source of randomness.
    """
    matrices, inputs = {}, 2 * dim
    for number, outputs in enumerate(hidden, start=1):
        layer = generator.standard_normal((outputs, inputs), dtype=np.float32) * np.float32((2 / inputs) ** 0.5)
        matrices[f"layer{number}"] = np.hstack([layer, np.zeros((outputs, 1), np.float32)])
        inputs = outputs
    last = generator.standard_normal((1, inputs), dtype=np.float32) * np.float32(0.1)
    matrices["output"] = np.hstack([np.ones((1, dim), np.float32), last, np.zeros((1, 1), np.float32)])
    return matrices


KIND = RecommenderKind(
    make=lambda tables, history, settings: NeuMF(tables),
    tables={**ROWS, "mlp_users": "users", "mlp_items": "items"},
    settings=NeuMFSettings,
    matrices=lambda settings, dim, generator: weights(dim, settings.hidden, generator),
    exports=False,
    on_gpu=True,
    summary="weighted product of two rows plus a small network over two others",
)
