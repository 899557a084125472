"""Recommenders: how rows become scores."""

from sparserec.recommenders.base import Batch, History, Recommender, Scorer, Served
from sparserec.recommenders.fism import FISM
from sparserec.recommenders.mf import MF

__all__ = ["FISM", "MF", "Batch", "History", "Recommender", "Scorer", "Served"]
