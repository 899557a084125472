"""Objectives: what is learned, and against which negatives."""

from sparserec.axes import OBJECTIVES
from sparserec.objectives.base import ObjectiveKind
from sparserec.objectives.distillation import DistillationLoss, Lesson
from sparserec.objectives.losses import BPR, Objective, SampledSoftmax
from sparserec.objectives.negatives import NegativeSampler

__all__ = [
    "BPR",
    "OBJECTIVES",
    "DistillationLoss",
    "Lesson",
    "NegativeSampler",
    "Objective",
    "ObjectiveKind",
    "SampledSoftmax",
]
