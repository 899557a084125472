"""Distillation: a student learns a teacher's ranking of the catalogue from the top of it.

The scores are those of the whole catalogue, items first: (n_items, B). Their gradient is as large, unless most of it is
0: a loss of which that is true can be had of a sparse table and the users' vectors, and neither array is made. Items of
a user's own history are never ranked for them, and are left out of every loss.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from sparserec.objectives import regression
from sparserec.objectives.base import ObjectiveKind

EMPHASIS = 6.0
"""How much more the head of a list counts than its end in `ListRegression`."""
RELATIVE_TO = 20
"""A user's errors count relative to the mean of the teacher's best scores for them, this many: users count alike."""
ROOM = 4096
"""Slopes of `regression.ROWS` items that there is room for at first."""


@dataclass(frozen=True)
class Lesson:
    """What the teacher says about a batch of users.

    Attributes:
        items: (B, L) int64, the teacher's list of each user, best first.
        scores: (B, L) float32, descending.
        taken: (2, H) int64, item and position in the batch of every interaction of the batch's histories.
    """

    items: Tensor
    scores: Tensor
    taken: Tensor


DistillationLoss = Callable[[Tensor, Lesson], Tensor]
"""Catalogue scores (n_items, B) and a lesson -> a scalar, the mean over the batch."""


@runtime_checkable
class LossOfProducts(Protocol):
    """A `DistillationLoss` whose gradient is 0 for most scores, and which does not need all of them at once."""

    def __call__(self, scores: Tensor, lesson: Lesson) -> Tensor:
        """See `DistillationLoss`."""
        ...

    def of_products(
        self, values: Tensor, columns: Tensor, indptr: Tensor, transposed: Tensor, lesson: Lesson
    ) -> tuple[Tensor, sp.csr_array]:
        """The loss of the products of sparse rows with the users' vectors, and its gradient.

        Args:
            values, columns, indptr: the sparse rows of the items.
            transposed: (dim, B) float32, the vectors of the users.
            lesson: of the users.

        Returns:
            a scalar, not differentiable, and its gradient (n_items, B) float32 by the products.
        """
        ...


class ListRegression:
    """Squared error on the listed items; an unlisted item costs only where it is scored above the end of the list.

    The teacher's scores of unlisted items are not known, but none is above its lowest listed one: a student that ranks
    an item there is right about it, whatever its score. Errors are relative to the user's best teacher scores.

    Args:
        emphasis: >= 0, how much more the head of the list counts than its end: an item with a share s of the best
            score has the weight 1 + emphasis * s.
    """

    def __init__(self, emphasis: float = EMPHASIS):
        self._emphasis = emphasis
        self._room = ROOM

    def __call__(self, scores: Tensor, lesson: Lesson) -> Tensor:
        """Loss of a batch; see `DistillationLoss`."""
        return _Regression.apply(scores, lesson, self._emphasis)  # type: ignore[return-value]

    def of_products(
        self, values: Tensor, columns: Tensor, indptr: Tensor, transposed: Tensor, lesson: Lesson
    ) -> tuple[Tensor, sp.csr_array]:
        """See `LossOfProducts`; equal to the gradient of the loss of all scores."""
        n_items, count = len(indptr) - 1, transposed.shape[1]
        floor, scale, weight = _terms(lesson, self._emphasis)
        weight = weight.expand(lesson.scores.shape).contiguous()
        owners = np.repeat(np.arange(count), lesson.items.shape[1])
        listed = regression.by_item(lesson.items.numpy().ravel(), owners, n_items)
        taken = regression.by_item(lesson.taken[0].numpy(), lesson.taken[1].numpy(), n_items)[:2]
        arrays = (values, columns, indptr, transposed, floor, scale, weight.ravel(), lesson.scores.ravel())
        plain = [part.numpy() for part in arrays]
        error, firsts = torch.empty(lesson.scores.shape), np.arange(0, n_items, regression.ROWS)
        while True:
            blocks = torch.zeros(len(firsts), count)
            # NumPy's: a page that is not written takes no memory.
            places = np.empty((len(firsts), self._room), dtype=np.int32)
            slopes = np.empty((len(firsts), self._room), dtype=np.float32)
            arguments = [*plain, listed, taken, error.view(-1).numpy(), blocks.numpy(), places, slopes]
            counts = regression.of_products(*arguments)
            needed = np.add.reduceat(counts, firsts)
            if needed.max() <= self._room:
                break
            # Once in a while: the next batches find it large enough.
            self._room = min(2 * int(needed.max()), regression.ROWS * count)
        loss = 0.5 * ((blocks.sum(0) + (weight * error.square()).sum(1)) * scale).sum()
        used = [np.concatenate([row[:n] for row, n in zip(part, needed, strict=True)]) for part in (slopes, places)]
        pointers = np.concatenate(([0], np.cumsum(counts)))
        return loss, sp.csr_array((*used, pointers.astype(np.int32)), shape=(n_items, count))


class _Regression(torch.autograd.Function):
    """The loss with its slope, in one pass over the scores."""

    @staticmethod
    def forward(ctx, scores: Tensor, lesson: Lesson, emphasis: float) -> Tensor:
        n_items, count = scores.shape
        plain, targets = scores.detach().contiguous().numpy(), lesson.scores
        floor, scale, weight = _terms(lesson, emphasis)
        listed = lesson.items.numpy(), np.arange(count)[:, None]
        taken = lesson.taken[0].numpy(), lesson.taken[1].numpy()
        listed_scores, taken_scores = plain[listed], plain[taken]
        # Out of the way for a moment: what is not listed is the rest.
        plain[listed] = plain[taken] = -np.inf
        # NumPy's: see `tables.ops` about large arrays.
        slope, blocks = np.empty_like(plain), torch.zeros(-(-n_items // regression.ROWS), count)
        regression.above_floor(plain, floor.numpy(), scale.numpy(), slope, blocks.numpy())
        plain[taken], plain[listed] = taken_scores, listed_scores
        error = torch.from_numpy(listed_scores) - targets
        slope[listed] = (weight * error * scale[:, None]).numpy()
        ctx.slope = torch.from_numpy(slope)
        return 0.5 * ((blocks.sum(0) + (weight * error.square()).sum(1)) * scale).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor):  # pyright: ignore[reportIncompatibleMethodOverride]
        slope = ctx.slope
        return slope if gradient == 1 else slope.mul_(gradient), None, None


class ListSoftmax:
    """Cross entropy of the student's softmax over the catalogue against the teacher's over its list.

    That is their Kullback-Leibler divergence, up to a constant.

    Source: Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network" (arXiv 1503.02531).

    Args:
        temperature: > 0, in units of the mean of the user's best teacher scores.
    """

    def __init__(self, temperature: float = 0.2):
        self._temperature = temperature

    def __call__(self, scores: Tensor, lesson: Lesson) -> Tensor:
        """Loss of a batch; see `DistillationLoss`."""
        heat = self._temperature * _best(lesson)
        target = torch.softmax(lesson.scores / heat[:, None], dim=1)
        logits = _without(scores, lesson.taken) / heat
        listed = logits.gather(0, lesson.items.T)
        return (torch.logsumexp(logits, 0) - (target.T * listed).sum(0)).mean()


class RelaxedRanking:
    """The teacher's order among its first items, and each of them above all that is not listed, whose order is free.

    Source: Kang et al., "DE-RRD: A knowledge distillation framework for recommender system" (arXiv 2012.04357), with
    the whole catalogue in the place of sampled uninteresting items.

    Args:
        length: items at the head of the list whose order counts.
        temperature: > 0, in units of the mean of the user's best teacher scores.
    """

    def __init__(self, length: int = 50, temperature: float = 0.2):
        self._length, self._temperature = length, temperature

    def __call__(self, scores: Tensor, lesson: Lesson) -> Tensor:
        """Loss of a batch; see `DistillationLoss`."""
        logits = _without(scores, lesson.taken) / (self._temperature * _best(lesson))
        head = logits.gather(0, lesson.items.T[: self._length])
        rest = logits.scatter(0, lesson.items.T, -torch.inf).logsumexp(0)
        # Chances of an item against all that come after it in the list, and the rest: sums from the end upwards.
        below = head.flip(0).logcumsumexp(0).flip(0)
        return (torch.logaddexp(below, rest[None, :]) - head).sum(0).mean() / len(head)


def _terms(lesson: Lesson, emphasis: float) -> tuple[Tensor, Tensor, Tensor]:
    """Of `ListRegression`: the end of each list (B,), what its user's squares count (B,), and what errors count."""
    targets = lesson.scores
    weight = 1 + emphasis * targets / targets[:, :1].clamp(min=1e-12) if emphasis else torch.ones(1)
    return targets[:, -1].contiguous(), (1 / _best(lesson)).square() / len(targets), weight


def _best(lesson: Lesson) -> Tensor:
    """Mean of each user's best teacher scores, (B,); at least a twentieth of the batch's mean, so nobody dominates."""
    best = lesson.scores[:, :RELATIVE_TO].mean(1)
    return best.clamp(min=max(1e-6, 0.05 * float(best.mean())))


def _without(scores: Tensor, taken: Tensor) -> Tensor:
    return scores.index_put((taken[0], taken[1]), torch.tensor(-torch.inf))


REGRESSION = ObjectiveKind(
    make=lambda settings: ListRegression(),
    learns="lists",
    of_products=True,
    summary="squared error on the teacher's list; other items cost only above its end",
)
LIST_SOFTMAX = ObjectiveKind(
    make=lambda settings: ListSoftmax(),
    learns="lists",
    summary="cross entropy against the teacher's softmax over its list",
)
RELAXED = ObjectiveKind(
    make=lambda settings: RelaxedRanking(),
    learns="lists",
    summary="the teacher's order among its first items, each above all that is not listed",
)
