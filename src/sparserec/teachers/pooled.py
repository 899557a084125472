"""A trained teacher: dense item vectors, summed over a history, that find each of its items from the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch.nn.functional import embedding_bag, normalize, softplus

from sparserec.tables.ops import group_by_row
from sparserec.teachers import pooling

LOWEST = -1e9
"""Score of an item that is no negative."""
SHORTEST = float(pooling.SHORTEST)


@dataclass(frozen=True)
class PooledSettings:
    """How a `PooledTeacher` is trained.

    Attributes:
        epochs: passes over the users.
        temperature: divides the cosines in the softmax, > 0.
        power: of the sum over negatives in the softmax, > 0; 1 is the softmax itself.
        lr: initial step size of Adam, three times that for the weights; decays as a cosine to 2 %.
        batch: users a step.
        negatives: items drawn a step, half of them uniformly, half by the root of their interactions; a catalogue of
            at most twice as many is used whole.
        seed: of the order of the users and of the negatives.
    """

    epochs: int = 8
    temperature: float = 0.1
    power: float = 1.0
    lr: float = 0.01
    batch: int = 512
    negatives: int = 4096
    seed: int = 0


class PooledTeacher:
    """Scores are cosines of a history's weighted sum of item vectors with the vectors of the items to rank.

    Args:
        into: (n_items, dim) float32, vectors of the items of a history, times their weights.
        out: (n_items, dim) float32, vectors of the items to rank, of length 1.
    """

    def __init__(self, into: np.ndarray, out: np.ndarray):
        self.into, self.out = into, out
        self.n_items, self.dim = out.shape

    def score_histories(self, histories: sp.csr_array) -> np.ndarray:
        """Binary histories (B, n_items) -> cosines with all items (B, n_items) float32; 0 for an empty history."""
        users = np.asarray(sp.csr_array(histories, dtype=np.float32) @ self.into)
        users /= np.maximum(np.linalg.norm(users, axis=1, keepdims=True), 1e-12)
        return users @ self.out.T


def train_pooled(
    history: sp.csr_array,
    vectors: np.ndarray,
    settings: PooledSettings,
    progress: Callable[[int, float], None] | None = None,
) -> PooledTeacher:
    """Train with a softmax of cosines in which each item of a history is to be found from the others.

    A step pools the histories of its users once. For each of their items i the vector without it is u - w_i y_i, and
    the loss is -log of the share of exp(cos(u - w_i y_i, x_i) / temperature) among that and the negatives, which are
    no items of the history and are scored with u. Items of a user count together as their number to the power 1/2.

    Source: the objective is the sampled softmax of Wu et al., "On the effectiveness of sampled softmax loss for item
    recommendation" (arXiv 2201.02327), with the user of Kabbur, Ning and Karypis, "FISM", 2013; the power of the sum
    over negatives is that of Wu et al., "BSL: understanding and improving softmax loss for recommendation", ICDE 2024.

    Args:
        history: (n_users, n_items) binary.
        vectors: (n_items, dim) float32, what both sides start from; rows of popular items are expected to be longer.
        settings: how to train.
        progress: told the number of epochs done and the mean loss of the last.
    """
    trainer = _Trainer(history, vectors, settings)
    for epoch in range(settings.epochs):
        loss = trainer.epoch(epoch)
        if progress:
            progress(epoch + 1, loss)
    return trainer.teacher()


@dataclass(frozen=True)
class _Batch:
    """Some users.

    Attributes:
        counts: (B,) items of each.
        taken: (N,) these items, user by user.
        owner: (N,) the place in the batch of the user who took them.
        drawn: (M,) items to rank them against, ascending; all items of a small catalogue.
    """

    counts: np.ndarray
    taken: np.ndarray
    owner: np.ndarray
    drawn: np.ndarray


@dataclass(frozen=True)
class _Entries:
    """The items of the histories of a batch, one entry each, those of a user one after the other.

    Attributes:
        offsets: (B + 1,) int64, where the entries of a user begin.
        owner: (N,) int64, the place in the batch of the user.
        known: (N,) int64, the row of an item of a history; equal where items are equal.
        ranked: (N,) int64, the row of an item to rank; equal where items are equal.
    """

    offsets: np.ndarray
    owner: np.ndarray
    known: np.ndarray
    ranked: np.ndarray


class _Rows:
    """A copy of the rows of a table that a batch needs, to be differentiated instead of all of them."""

    def __init__(self, table: Tensor, rows: np.ndarray):
        self._table, self._rows = table, np.unique(rows)
        self._index = torch.from_numpy(self._rows)
        self.values = table.detach().index_select(0, self._index).requires_grad_()

    def places(self, rows: np.ndarray) -> np.ndarray:
        """Where these rows of the table are in `values`."""
        return np.searchsorted(self._rows, rows)

    def give_gradients(self) -> None:
        """Put the gradients of `values` into those of the table, which are 0."""
        assert self._table.grad is not None
        assert self.values.grad is not None
        self._table.grad.index_copy_(0, self._index, self.values.grad)

    def clear_gradients(self) -> None:
        """Make the gradients of the table 0 again."""
        assert self._table.grad is not None
        self._table.grad.index_fill_(0, self._index, 0.0)


class _LeftOut(torch.autograd.Function):
    """See `left_out_cosines`."""

    @staticmethod
    def forward(ctx: Any, pooled: Tensor, weights: Tensor, into: Tensor, out: Tensor, entries: _Entries) -> Tensor:
        tensors = [part.detach().contiguous() for part in (pooled, weights, into, out)]
        cosines, lengths = torch.empty(len(weights)), torch.empty(2, len(weights))
        ctx.entries = entries
        ctx.save_for_backward(*tensors, cosines, lengths)
        pooling.cosines(*_LeftOut._arguments(entries, *tensors, cosines, lengths))
        return cosines

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        of_inputs = [torch.empty_like(part) for part in ctx.saved_tensors[:2]]
        of_inputs += [torch.zeros_like(part) for part in ctx.saved_tensors[2:4]]
        of_pooled, of_weights, of_into, of_out = (part.numpy() for part in of_inputs)
        given = (*_LeftOut._arguments(ctx.entries, *ctx.saved_tensors), gradients[0].contiguous().numpy())
        order, bounds, _ = group_by_row(ctx.entries.known)
        of_sums = [*given, ctx.entries.offsets, of_pooled, of_weights]
        of_items = [*given, order, bounds, of_into, of_out]
        pooling.cosines_back_to_sums(*of_sums)
        pooling.cosines_back_to_items(*of_items)
        return (*of_inputs, None)

    @staticmethod
    def _arguments(entries: _Entries, *tensors: Tensor) -> tuple[np.ndarray, ...]:
        pooled, weights, into, out, cosines, lengths = (part.numpy() for part in tensors)
        return pooled, entries.owner, into, entries.known, weights, out, entries.ranked, cosines, lengths


def left_out_cosines(pooled: Tensor, weights: Tensor, into: Tensor, out: Tensor, entries: _Entries) -> Tensor:
    """Cosines (N,) of sums from each of which a part is left out, pooled - weights * into, with rows of `out`.

    Differentiable; no (N, dim) array is made, forward or backward.

    Args:
        pooled: (B, dim), the sums.
        weights: (N,), of the parts.
        into: (V, dim), rows of the parts.
        out: (R, dim).
        entries: which part of which sum, and with which row of `out`.
    """
    return _LeftOut.apply(pooled, weights, into, out, entries)  # type: ignore[return-value]


class _Adam:
    """Adam for all numbers of a tensor, `times` the step size; see `pooling.adam`."""

    def __init__(self, parameter: Tensor, times: float = 1.0):
        self._parameter, self._times, self._steps = parameter, times, 0
        self._state = np.zeros((2, parameter.numel()), dtype=np.float32)

    def step(self, lr: float) -> None:
        assert self._parameter.grad is not None
        self._steps += 1
        betas = (pooling.BETA1, pooling.BETA2)
        numbers = (self._times * lr, *(1 - float(beta) ** self._steps for beta in betas))
        values, gradients = (part.detach().view(-1) for part in (self._parameter, self._parameter.grad))
        arrays = (values.numpy(), gradients.numpy(), *self._state)
        pooling.adam(*arrays, *(np.float32(number) for number in numbers))


class _Trainer:
    def __init__(self, history: sp.csr_array, vectors: np.ndarray, settings: PooledSettings):
        self._settings = settings
        self._indptr, self._indices = history.indptr.astype(np.int64), history.indices.astype(np.int64)
        degrees = np.maximum(np.bincount(self._indices, minlength=len(vectors)), 1)
        start = vectors / max(float(np.sqrt((vectors**2).sum(axis=1).mean())), 1e-12)
        self._out = torch.nn.Parameter(torch.tensor(start, dtype=torch.float32))
        self._into = torch.nn.Parameter(torch.tensor(start, dtype=torch.float32))
        self._weights = torch.nn.Parameter(torch.tensor(np.log(np.median(degrees) / degrees), dtype=torch.float32))
        self._out.grad, self._into.grad = torch.zeros_like(self._out), torch.zeros_like(self._into)
        self._adam = [_Adam(self._out), _Adam(self._into), _Adam(self._weights, times=3)]
        self._known = np.flatnonzero(np.diff(self._indptr) > 1)
        self._chances = 0.5 * np.sqrt(degrees) / np.sqrt(degrees).sum() + 0.5 / len(degrees)
        self._steps = -(-len(self._known) // settings.batch)

    def epoch(self, epoch: int) -> float:
        """One pass over the users; the mean loss."""
        settings, total = self._settings, 0.0
        order = np.random.default_rng([settings.seed, 21, epoch]).permutation(self._known)
        for step in range(self._steps):
            done = (epoch * self._steps + step) / max(1, settings.epochs * self._steps)
            lr = settings.lr * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * done)))
            users = np.sort(order[step * settings.batch : (step + 1) * settings.batch])
            total += self._step(users, lr, np.random.default_rng([settings.seed, 22, epoch, step]))
        return total / max(1, self._steps)

    def _step(self, users: np.ndarray, lr: float, generator: np.random.Generator) -> float:
        """Loss and update of one batch. Only the rows that it touches are copied, differentiated and cleared again."""
        batch = self._draw(users, generator)
        into, out = self._rows(batch)
        loss = self._loss(batch, into, out)
        self._weights.grad = None
        loss.backward()
        for rows in (into, out):
            rows.give_gradients()
        for optimizer in self._adam:
            optimizer.step(lr)
        for rows in (into, out):
            rows.clear_gradients()
        return float(loss.detach())

    def _draw(self, users: np.ndarray, generator: np.random.Generator) -> _Batch:
        counts = self._indptr[users + 1] - self._indptr[users]
        offsets = np.cumsum(counts) - counts
        places = np.arange(counts.sum()) + np.repeat(self._indptr[users] - offsets, counts)
        count, every = self._settings.negatives, len(self._chances)
        drawn = np.arange(every) if every <= 2 * count else np.sort(generator.choice(every, count, p=self._chances))
        return _Batch(counts, self._indices[places], np.repeat(np.arange(len(users)), counts), drawn)

    def _rows(self, batch: _Batch) -> tuple[_Rows, _Rows]:
        return _Rows(self._into, batch.taken), _Rows(self._out, np.concatenate((batch.taken, batch.drawn)))

    def _loss(self, batch: _Batch, into: _Rows, out: _Rows) -> Tensor:
        items, at = torch.from_numpy(batch.taken), torch.from_numpy(batch.owner)
        offsets = np.concatenate(([0], np.cumsum(batch.counts)))
        entries = _Entries(offsets, batch.owner, into.places(batch.taken), out.places(batch.taken))
        weights, heat = self._weights[items].exp(), self._settings.temperature
        known, starts = torch.from_numpy(entries.known), torch.from_numpy(offsets[:-1])
        pooled = embedding_bag(known, into.values, starts, mode="sum", per_sample_weights=weights)
        drawn = out.values.index_select(0, torch.from_numpy(out.places(batch.drawn)))
        rest = self._rest(normalize(pooled), drawn, batch)
        of_positive = left_out_cosines(pooled, weights, into.values, out.values, entries) / heat
        share = torch.from_numpy(batch.counts.astype(np.float32) ** -0.5)[at]
        return (softplus(self._settings.power * rest[at] - of_positive) * share).sum() / share.sum()

    def _rest(self, users: Tensor, negatives: Tensor, batch: _Batch) -> Tensor:
        """Logarithm (B,) of the sum over negatives of exp(cosine / temperature); drawn ones stand for all."""
        lengths = negatives.norm(dim=1).clamp_min(SHORTEST)
        scores = users @ negatives.T / (lengths * self._settings.temperature)
        if len(batch.drawn) < len(self._chances):
            often = np.log(len(batch.drawn) * self._chances[batch.drawn])
            scores = scores - torch.from_numpy(often.astype(np.float32))
        first, last = (np.searchsorted(batch.drawn, batch.taken, side) for side in ("left", "right"))
        hits = last - first
        rows = np.repeat(batch.owner, hits)
        columns = np.arange(hits.sum()) + np.repeat(first - np.concatenate(([0], np.cumsum(hits)[:-1])), hits)
        index = (torch.from_numpy(rows), torch.from_numpy(columns))
        return torch.logsumexp(scores.index_put(index, torch.tensor(LOWEST)), 1)

    @torch.no_grad()
    def teacher(self) -> PooledTeacher:
        into = self._into * self._weights.exp()[:, None]
        return PooledTeacher(into.numpy(), normalize(self._out).numpy())
