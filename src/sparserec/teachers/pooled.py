"""A trained teacher: dense item vectors, summed over a history, that find each of its items from the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch.nn.functional import embedding_bag, normalize, softplus

LOWEST = -1e9
"""Score of an item that is no negative."""


@dataclass(frozen=True)
class PooledSettings:
    """How a `PooledTeacher` is trained.

    Attributes:
        epochs: passes over the users.
        temperature: divides the cosines in the softmax, > 0.
        lr: initial step size of Adam, three times that for the weights; decays as a cosine to 2 %.
        batch: users a step.
        negatives: items drawn a step, half of them uniformly, half by the root of their interactions; a catalogue of
            at most twice as many is used whole.
        seed: of the order of the users and of the negatives.
    """

    epochs: int = 8
    temperature: float = 0.1
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
    recommendation" (arXiv 2201.02327), with the user of Kabbur, Ning and Karypis, "FISM", 2013.

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


class _Trainer:
    def __init__(self, history: sp.csr_array, vectors: np.ndarray, settings: PooledSettings):
        self._settings = settings
        self._indptr, self._indices = history.indptr.astype(np.int64), history.indices.astype(np.int64)
        degrees = np.maximum(np.bincount(self._indices, minlength=len(vectors)), 1)
        start = vectors / max(float(np.sqrt((vectors**2).sum(axis=1).mean())), 1e-12)
        self._out = torch.nn.Parameter(torch.tensor(start, dtype=torch.float32))
        self._into = torch.nn.Parameter(torch.tensor(start, dtype=torch.float32))
        self._weights = torch.nn.Parameter(torch.tensor(np.log(np.median(degrees) / degrees), dtype=torch.float32))
        self._adam = torch.optim.Adam([{"params": [self._out, self._into]}, {"params": [self._weights]}])
        self._known = np.flatnonzero(np.diff(self._indptr) > 1)
        self._chances = 0.5 * np.sqrt(degrees) / np.sqrt(degrees).sum() + 0.5 / len(degrees)
        self._steps = -(-len(self._known) // settings.batch)

    def epoch(self, epoch: int) -> float:
        """One pass over the users; the mean loss."""
        settings, total = self._settings, 0.0
        order = np.random.default_rng([settings.seed, 21, epoch]).permutation(self._known)
        for step in range(self._steps):
            done = (epoch * self._steps + step) / max(1, settings.epochs * self._steps)
            for group, times in zip(self._adam.param_groups, (1, 3), strict=True):
                group["lr"] = times * settings.lr * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * done)))
            users = np.sort(order[step * settings.batch : (step + 1) * settings.batch])
            loss = self._loss(users, np.random.default_rng([settings.seed, 22, epoch, step]))
            self._adam.zero_grad()
            loss.backward()
            self._adam.step()
            total += float(loss.detach())
        return total / max(1, self._steps)

    def _loss(self, users: np.ndarray, generator: np.random.Generator) -> Tensor:
        counts = self._indptr[users + 1] - self._indptr[users]
        offsets = np.concatenate(([0], np.cumsum(counts)))
        places = np.arange(offsets[-1]) + np.repeat(self._indptr[users] - offsets[:-1], counts)
        taken, owner = self._indices[places], np.repeat(np.arange(len(users)), counts)
        items, at = torch.from_numpy(taken), torch.from_numpy(owner)
        weights = self._weights[items].exp()
        pooled = embedding_bag(
            items, self._into, torch.from_numpy(offsets[:-1]), mode="sum", per_sample_weights=weights
        )
        heat = self._settings.temperature
        rest = self._rest(normalize(pooled), taken, owner, generator)
        without = pooled[at] - weights[:, None] * self._into[items]
        own = (normalize(without) * normalize(self._out[items])).sum(1) / heat
        share = torch.from_numpy(counts.astype(np.float32) ** -0.5)[at]
        return (softplus(rest[at] - own) * share).sum() / share.sum()

    def _rest(self, users: Tensor, taken: np.ndarray, owner: np.ndarray, generator: np.random.Generator) -> Tensor:
        """Logarithm (B,) of the sum over negatives of exp(cosine / temperature); drawn ones stand for all."""
        count, heat = self._settings.negatives, self._settings.temperature
        if len(self._chances) <= 2 * count:
            scores = users @ normalize(self._out).T / heat
            rows, columns = owner, taken
        else:
            drawn = np.sort(generator.choice(len(self._chances), count, p=self._chances))
            often = torch.from_numpy(np.log(count * self._chances[drawn]).astype(np.float32))
            scores = users @ normalize(self._out[torch.from_numpy(drawn)]).T / heat - often
            first, last = np.searchsorted(drawn, taken, "left"), np.searchsorted(drawn, taken, "right")
            hits = last - first
            rows = np.repeat(owner, hits)
            columns = np.arange(hits.sum()) + np.repeat(first - np.concatenate(([0], np.cumsum(hits)[:-1])), hits)
        index = (torch.from_numpy(rows), torch.from_numpy(columns))
        return torch.logsumexp(scores.index_put(index, torch.tensor(LOWEST)), 1)

    @torch.no_grad()
    def teacher(self) -> PooledTeacher:
        into = self._into * self._weights.exp()[:, None]
        return PooledTeacher(into.numpy(), normalize(self._out).numpy())
