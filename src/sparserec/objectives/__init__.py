"""Objectives: what is learned, and against which negatives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparserec.axes import OBJECTIVES
from sparserec.deferred import deferred

if TYPE_CHECKING:
    from sparserec.objectives.base import ObjectiveKind
    from sparserec.objectives.distillation import DistillationLoss, Lesson, LossOfProducts
    from sparserec.objectives.losses import BPR, CorrectsChances, Objective, SampledSoftmax
    from sparserec.objectives.negatives import NegativeSampler

__all__ = [
    "BPR",
    "OBJECTIVES",
    "CorrectsChances",
    "DistillationLoss",
    "Lesson",
    "LossOfProducts",
    "NegativeSampler",
    "Objective",
    "ObjectiveKind",
    "SampledSoftmax",
]

__getattr__ = deferred(
    __name__,
    {
        "base": ["ObjectiveKind"],
        "distillation": ["DistillationLoss", "Lesson", "LossOfProducts"],
        "losses": ["BPR", "CorrectsChances", "Objective", "SampledSoftmax"],
        "negatives": ["NegativeSampler"],
    },
)
