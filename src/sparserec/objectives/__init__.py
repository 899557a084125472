"""Objectives: what is learned, and against which negatives."""

from sparserec.objectives.losses import BPR, Objective, SampledSoftmax
from sparserec.objectives.negatives import NegativeSampler

__all__ = ["BPR", "NegativeSampler", "Objective", "SampledSoftmax"]
