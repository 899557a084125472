"""What a step learns from: a batch of interactions, or a batch of users and what a teacher would recommend to them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from sparserec.errors import SparserecError, option
from sparserec.interactions import Interactions
from sparserec.objectives import CorrectsChances, DistillationLoss, Lesson, LossOfProducts, NegativeSampler, Objective
from sparserec.recommenders import ROWS, Batch, RanksByProducts, RanksCatalogue, RanksNext, Recommender, Side, rows_of
from sparserec.recommenders.sequences import Sequences, places
from sparserec.tables import SparseTable
from sparserec.teachers import TeacherLists


class Task(Protocol):
    """Examples that the training loop goes over, and the loss of a batch of them."""

    size: int
    """Examples in an epoch."""

    def loss(self, model: Recommender, chosen: np.ndarray, generator: np.random.Generator) -> Tensor:
        """Loss of the examples number `chosen` (B,) int64, differentiable; `generator` for anything random."""
        ...


class NothingToLearn:
    """No examples: the start is what a training leads to."""

    size = 0

    def loss(self, model: Recommender, chosen: np.ndarray, generator: np.random.Generator) -> Tensor:
        """Never asked for."""
        raise AssertionError("there are no examples")


class RankingTask:
    """Each example is an interaction, to be ranked above negatives.

    Args:
        train: the interactions.
        sampler: draws the negatives.
        objective: the loss.
        l2: half of it times the squared norms of an example's rows joins the loss.
        sides: the model's tables of users and of items by name, whose rows those are.
    """

    def __init__(
        self,
        train: Interactions,
        sampler: NegativeSampler,
        objective: Objective,
        l2: float = 0.0,
        sides: Mapping[str, Side] = ROWS,
    ):
        self.size = train.nnz
        self._users, self._items = train.rows(), train.indices
        self._sampler, self._objective, self._l2, self._sides = sampler, objective, l2, sides

    def loss(self, model: Recommender, chosen: np.ndarray, generator: np.random.Generator) -> Tensor:
        """See `Task`."""
        users = self._users[chosen]
        negatives, allowed = self._sampler.draw(users, generator)
        device = next(iter(model.tables.values())).device
        batch = Batch(
            users=torch.from_numpy(users).to(device),
            positives=torch.from_numpy(self._items[chosen].astype(np.int64)).to(device),
            negatives=torch.from_numpy(negatives).to(device),
        )
        positive, negative = model.scores(batch)
        negative = _corrected(self._objective, self._sampler, negatives, negative)
        loss = self._objective(positive, negative, torch.from_numpy(allowed).to(device))
        if self._l2:
            rows = {"users": batch.users, "items": batch.positives}
            for name, side in self._sides.items():
                vectors = model.tables[name].lookup(rows[side])
                loss = loss + self._l2 / 2 * vectors.square().sum(1).mean()
        return loss


class NextItemTask:
    """Each example is a user: at every place of their sequence, what came next is to be ranked above negatives.

    Args:
        train: the histories, with timestamps.
        sampler: draws the negatives; none is an interaction of the user.
        objective: the loss.
    """

    def __init__(self, train: Interactions, sampler: NegativeSampler, objective: Objective):
        self._users = np.flatnonzero(train.user_degrees() >= 2)
        self.size = len(self._users)
        if not self.size:
            raise SparserecError(
                "no user has two interactions in the training part, so there is nothing that came next to learn from: "
                f"choose {option('model', 'fism')} or {option('model', 'mf')}, which need no order"
            )
        self._sequences = Sequences(train)
        self._sampler, self._objective = sampler, objective

    def loss(self, model: Recommender, chosen: np.ndarray, generator: np.random.Generator) -> Tensor:
        """See `Task`."""
        assert isinstance(model, RanksNext)
        users, dropout = self._users[chosen], model.dropout
        sequences = torch.from_numpy(self._sequences.last(users, model.length + 1))
        at = np.nonzero(places(sequences).numpy())[0]
        negatives, allowed = self._sampler.draw(users[at], generator)
        chance = torch.Generator().manual_seed(int(generator.integers(2**63)))

        def drop(values: Tensor) -> Tensor:
            stays = torch.rand(values.shape, generator=chance) >= dropout
            return values * stays / (1 - dropout)

        positive, negative = model.next_scores(sequences, torch.from_numpy(negatives), drop)
        negative = _corrected(self._objective, self._sampler, negatives, negative)
        return self._objective(positive, negative, torch.from_numpy(allowed))


def _corrected(objective: Objective, sampler: NegativeSampler, items: np.ndarray, scores: Tensor) -> Tensor:
    """Scores (B, K) of negatives, by their chances where the objective counts these; items (K,) if shared."""
    if items.ndim > 1 or not isinstance(objective, CorrectsChances):
        return scores
    return objective.corrected(scores, lambda: torch.from_numpy(sampler.log_chances(items)).to(scores.device))


class DistillationTask:
    """Each example is a user with a list of a teacher's, to which their whole ranking is compared.

    Args:
        train: the histories.
        lists: the teacher's, for users of `train`.
        objective: the loss.
    """

    def __init__(self, train: Interactions, lists: TeacherLists, objective: DistillationLoss):
        # Nothing is known of a user without a history, and nothing can be learned from them.
        self._with_history = np.flatnonzero(train.user_degrees()[lists.users])
        self.size = len(self._with_history)
        self._train, self.lists, self._objective = train, lists, objective

    def loss(self, model: Recommender, chosen: np.ndarray, generator: np.random.Generator) -> Tensor:
        """See `Task`."""
        assert isinstance(model, RanksCatalogue)
        rows = np.sort(self._with_history[chosen])
        users = self.lists.users[rows]
        offsets, items = rows_of(self._train, users)
        position = np.repeat(np.arange(len(users)), np.diff(offsets))
        lesson = Lesson(
            items=torch.from_numpy(self.lists.items[rows].astype(np.int64)),
            scores=torch.from_numpy(np.ascontiguousarray(self.lists.scores[rows])),
            taken=torch.from_numpy(np.stack([items, position])),
        )
        asked, objective = torch.from_numpy(users), self._objective
        if isinstance(objective, LossOfProducts) and isinstance(model, RanksByProducts):
            table, vectors = model.catalogue(asked)
            if isinstance(table, SparseTable):
                return table.loss_of_products(vectors, partial(objective.of_products, lesson=lesson))
        return objective(model.catalogue_scores(asked), lesson)
