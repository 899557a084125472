"""Losses over the scores of a positive and of its negatives."""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor


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

    Source: Wu et al., "On the effectiveness of sampled softmax loss for item recommendation" (arXiv 2201.02327). No
    correction for the sampling distribution is made: over uniform negatives it would be a constant.

    Args:
        temperature: > 0, divides the scores.
    """

    def __init__(self, temperature: float = 0.1):
        self._temperature = temperature

    def __call__(self, positive: Tensor, negative: Tensor, allowed: Tensor) -> Tensor:
        """Loss of a batch; see `Objective`."""
        against = (negative / self._temperature).masked_fill(~allowed, -torch.inf)
        own = positive / self._temperature
        return (torch.logaddexp(own, torch.logsumexp(against, 1)) - own).mean()
