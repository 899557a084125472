"""Recommenders: how rows become scores."""

from sparserec.recommenders.base import Batch, Recommender, Scorer, Served
from sparserec.recommenders.mf import MF

RECOMMENDERS = {"mf": MF}

__all__ = ["MF", "RECOMMENDERS", "Batch", "Recommender", "Scorer", "Served"]
