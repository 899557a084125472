"""Objectives: what is learned, and against which negatives."""

from sparserec.objectives.distillation import DISTILLATION, DistillationLoss, Lesson
from sparserec.objectives.losses import BPR, Objective, SampledSoftmax
from sparserec.objectives.negatives import NegativeSampler

__all__ = ["BPR", "DISTILLATION", "DistillationLoss", "Lesson", "NegativeSampler", "Objective", "SampledSoftmax"]
