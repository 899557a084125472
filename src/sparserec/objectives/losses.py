"""Losses over the scores of a positive and of its negatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from sparserec.objectives.base import ObjectiveKind
from sparserec.objectives.settings import SoftmaxSettings


class Objective(Protocol):
    """What is learned: scores in, a scalar out."""

    def __call__(self, positive: Tensor, negative: Tensor, allowed: Tensor) -> Tensor:
        """Loss of a batch.

        Args:
            positive: (B,) scores of the positives.
            negative: (B, K) scores of the negatives.
            allowed: (B, K) bool, False where a negative is an interaction of that user and must not count.

        Returns:
            a scalar, the mean over the batch.
        """
        ...


@runtime_checkable
class CorrectsChances(Protocol):
    """An objective over negatives shared by a batch that may count them by their chances; see `SampledSoftmax`."""

    def corrected(self, negative: Tensor, log_chances: Callable[[], Tensor]) -> Tensor:
        """Scores of negatives (B, K), with what their chances change."""
        ...


class BPR:
    """Bayesian personalised ranking: -log sigmoid(positive - negative), averaged over the allowed negatives.

    Source: Rendle et al., "BPR: Bayesian personalized ranking from implicit feedback", 2009.
    """

    def __call__(self, positive: Tensor, negative: Tensor, allowed: Tensor) -> Tensor:
        """Loss of a batch; see `Objective`."""
        pair = F.softplus(negative - positive[:, None]) * allowed
        return (pair.sum(1) / allowed.sum(1).clamp(min=1)).mean()


class SampledSoftmax:
    """Cross entropy of the positive against itself and the allowed negatives, at a temperature.

    Source: Wu et al., "On the effectiveness of sampled softmax loss for item recommendation" (arXiv 2201.02327).
    Without `logq`, no correction for the sampling distribution is made: over uniform negatives it would be a constant.
    With it, the logarithm of its chance to be drawn is subtracted from the logit of each negative, and nothing from
    that of the positive, which is not drawn. Source: Bengio and Senécal, "Adaptive importance sampling to accelerate
    training of a neural probabilistic language model", 2008.

    Args:
        temperature: > 0, divides the scores.
        logq: whether negatives are corrected by their chances.
    """

    def __init__(self, temperature: float = 0.1, logq: bool = False):
        self._temperature, self._logq = temperature, logq

    def corrected(self, negative: Tensor, log_chances: Callable[[], Tensor]) -> Tensor:
        """Scores of negatives (B, K), with what their chances change.

        Args:
            negative: (B, K) scores.
            log_chances: gives the logarithm of each negative's chance to be drawn, (K,); asked only where it counts.
        """
        return negative - self._temperature * log_chances() if self._logq else negative

    def __call__(self, positive: Tensor, negative: Tensor, allowed: Tensor) -> Tensor:
        """Loss of a batch; see `Objective`."""
        return _SoftmaxLoss.apply(positive, negative, allowed, self._temperature)  # type: ignore[return-value]


class _SoftmaxLoss(torch.autograd.Function):
    """The softmax cross entropy in as few passes over the (B, K) scores as it takes: they are most of a step's work."""

    @staticmethod
    def forward(ctx, positive: Tensor, negative: Tensor, allowed: Tensor, temperature: float) -> Tensor:
        negatives = torch.where(allowed, negative, -torch.inf)
        positive_logits = positive / temperature
        if temperature != 1:
            negatives /= temperature
        top = torch.maximum(negatives.amax(1), positive_logits)
        negatives.sub_(top[:, None]).exp_()
        positive_exp = (positive_logits - top).exp()
        total = negatives.sum(1) + positive_exp
        ctx.save_for_backward(negatives, positive_exp, total)
        ctx.temperature = temperature
        return (total.log() + top - positive_logits).mean()

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor):  # pyright: ignore[reportIncompatibleMethodOverride]
        negatives, positive_exp, total = ctx.saved_tensors
        scale = gradient / (ctx.temperature * len(total))
        return (positive_exp / total - 1) * scale, negatives * (scale / total)[:, None], None, None


SOFTMAX = ObjectiveKind(
    make=lambda settings: SampledSoftmax(settings.temperature, bool(settings.logq)),
    settings=SoftmaxSettings,
    summary="cross entropy of a positive against the negatives of the batch",
)
BAYESIAN = ObjectiveKind(
    make=lambda settings: BPR(),
    shared_negatives=False,
    summary="each positive above negatives of its own, pair by pair",
)
