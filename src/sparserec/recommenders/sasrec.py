"""SASRec: what comes next, from a small transformer over the sequence of items so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sparserec.errors import SparserecError
from sparserec.protocols import Histories
from sparserec.recommenders.base import Batch, Drop, RecommenderKind, Served
from sparserec.recommenders.sequences import Sequences, TimedHistory, places
from sparserec.recommenders.settings import SASRecSettings
from sparserec.tables import Table


class SASRec:
    """Self-attentive sequential recommendation: one item table for the input and for the scores.

    A sequence is the newest `length` items of a history. Blocks of causal self-attention with one head and a network of
    two layers follow, each with layer norm before and the input added after; the score of an item is the inner product
    of its row with the last state. Matrices of the blocks are kept as tables beside the items: small, dense, in every
    step.

    Source: Kang and McAuley, "Self-attentive sequential recommendation" (arXiv 1808.09781). Unlike the original, layer
    norm comes before the queries, keys and values alike, and the loss is whatever the recommender is trained with.

    Args:
        tables: "items" (n_items, dim), and what `weights` makes.
        history: what users took while the model is trained; read when `scores` is asked for.
        dropout: share of the numbers that training sets to 0 at each place of the network.
    """

    def __init__(self, tables: Mapping[str, Table], history: Histories, dropout: float = 0.0):
        self.tables, self._history, self.dropout = tables, history, dropout
        self.length = tables["positions"].n_rows
        self._blocks = sum(name.startswith("attention") for name in tables)

    def scores(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Scores of the positives (B,) and of the negatives (B, K) after the whole training history of the users."""
        states = self.states(Sequences(_timed(self._history)), batch.users.numpy())
        positives = self.tables["items"].lookup(batch.positives)
        return (states * positives).sum(1), self._against(states, batch.negatives)

    def next_scores(self, sequences: Tensor, negatives: Tensor, drop: Drop) -> tuple[Tensor, Tensor]:
        """Scores of what came next at every place of sequences, and of negatives there.

        Args:
            sequences: (B, T) int64, the newest item last, -1 before the oldest.
            negatives: (K,) int64 shared by all P places of `places(sequences)`, or (P, K).
            drop: applied to the input and to the output of every block.

        Returns:
            (P,) and (P, K), differentiable.
        """
        before, after = sequences[:, :-1], sequences[:, 1:]
        states = self.hidden(before, drop)[places(sequences)]
        following = self.tables["items"].lookup(after[places(sequences)])
        return (states * following).sum(1), self._against(states, negatives)

    def states(self, sequences: Sequences, users: np.ndarray) -> Tensor:
        """The last state of users (B,), (B, dim); 0 for those without a history."""
        known = torch.from_numpy(sequences.last(users, self.length))
        return self.hidden(known, lambda values: values)[:, -1] * (known[:, -1:] >= 0)

    def hidden(self, sequences: Tensor, drop: Drop) -> Tensor:
        """States (B, T, dim) after every place of sequences (B, T), which are at most `length` long."""
        count, steps = sequences.shape
        present = sequences >= 0
        items, positions = self.tables["items"], self._matrix("positions")
        values = items.lookup(sequences.clamp(min=0).reshape(-1)).view(count, steps, items.dim)
        values = drop(values * items.dim**0.5 + positions[self.length - steps :]) * present[..., None]
        # A place sees itself and those before it; itself even where nothing is, so that no softmax is over nothing.
        causal = torch.ones(steps, steps, dtype=torch.bool).tril()
        sees = (causal & present[:, None, :]) | torch.eye(steps, dtype=torch.bool)
        for number in range(1, self._blocks + 1):
            norms, attention, network = (self._matrix(f"{name}{number}") for name in ("norms", "attention", "network"))
            normed = F.layer_norm(values, (items.dim,), norms[0], norms[1])
            query, key, value = (normed @ attention.T).chunk(3, dim=-1)
            values = values + drop(F.scaled_dot_product_attention(query, key, value, attn_mask=sees))
            normed = F.layer_norm(values, (items.dim,), norms[2], norms[3])
            first, second = network.chunk(2)
            inner = torch.relu(normed @ first[:, :-1].T + first[:, -1])
            values = values + drop(inner @ second[:, :-1].T + second[:, -1])
        norm = self._matrix("norm")
        return F.layer_norm(values, (items.dim,), norm[0], norm[1])

    def scorer(self, history: Histories) -> SASRecScorer:
        """The model as it is now, for full ranking of what follows these histories."""
        return SASRecScorer(self, Sequences(_timed(history)))

    def served(self) -> Served:
        """The item table, and the matrices of the transformer as a file has them."""
        dim, rows, shifts = self.tables["items"].dim, [self._array("positions")], []
        for number in range(1, self._blocks + 1):
            network, norms = self._array(f"network{number}"), self._array(f"norms{number}")
            rows += [self._array(f"attention{number}"), network[:, :dim]]
            shifts += [norms, network[:, dim].reshape(2, dim)]
        return Served(self.tables["items"], encoder=(np.vstack(rows), np.vstack([*shifts, self._array("norm")])))

    def _against(self, states: Tensor, negatives: Tensor) -> Tensor:
        items = self.tables["items"]
        if negatives.dim() == 1:
            return items.product(negatives, states).T
        return torch.einsum("bd,bkd->bk", states, items.lookup(negatives.reshape(-1)).view(*negatives.shape, -1))

    def _array(self, name: str) -> np.ndarray:
        table = self.tables[name]
        return table.values.detach().numpy().reshape(table.n_rows, table.dim)

    def _matrix(self, name: str) -> Tensor:
        return self.tables[name].lookup(torch.arange(self.tables[name].n_rows))


class SASRecScorer:
    """Scores of all items for blocks of users, after their histories."""

    def __init__(self, model: SASRec, sequences: Sequences):
        self._model, self._sequences = model, sequences
        self.n_items = model.tables["items"].n_rows

    @torch.no_grad()
    def score(self, users: np.ndarray) -> np.ndarray:
        """Users (B,) int64 -> scores (B, n_items) float32."""
        states = self._model.states(self._sequences, np.asarray(users, dtype=np.int64))
        return self._model.tables["items"].product(torch.arange(self.n_items), states).T.contiguous().numpy()


def weights(dim: int, length: int, blocks: int, generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Initial matrices of the transformer, float32: positions, norms, attention and network of each block, a last norm.

    Matrices are drawn with a variance of 1 / dim, biases, in the last column of a network, are 0.

    Args:
        dim: columns of the item table.
        length: longest sequence.
        blocks: at least one.
        generator: the source of randomness.
    """

    def drawn(rows: int, scale: float) -> np.ndarray:
        return generator.standard_normal((rows, dim), dtype=np.float32) * np.float32(scale)

    ones, zeros = np.ones((1, dim), np.float32), np.zeros((1, dim), np.float32)
    matrices = {"positions": drawn(length, 0.01)}
    for number in range(1, blocks + 1):
        matrices[f"norms{number}"] = np.vstack([ones, zeros, ones, zeros])
        matrices[f"attention{number}"] = drawn(3 * dim, dim**-0.5)
        matrices[f"network{number}"] = np.hstack([drawn(2 * dim, dim**-0.5), np.zeros((2 * dim, 1), np.float32)])
    return {**matrices, "norm": np.vstack([ones, zeros])}


def _timed(history: Histories) -> TimedHistory:
    """A history that has times; it may say that they are missing, as `Sequences` then does."""
    if not hasattr(history, "timestamps"):
        raise SparserecError("sequences need histories with timestamps")
    return cast(TimedHistory, history)


KIND = RecommenderKind(
    make=lambda tables, history, settings: SASRec(tables, history, settings.dropout),
    tables={"items": "items"},
    settings=SASRecSettings,
    matrices=lambda settings, dim, generator: weights(dim, settings.length, settings.blocks, generator),
    encoder=lambda settings: (settings.length, settings.blocks),
    next_item=True,
    summary="inner product of an item's row with the last state of a transformer over the sequence so far",
)
