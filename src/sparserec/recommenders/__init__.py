"""Recommenders: how rows become scores."""

from sparserec.recommenders.base import Batch, History, Recommender, Rows, Scorer, Served
from sparserec.recommenders.fism import FISM
from sparserec.recommenders.lightgcn import LightGCN
from sparserec.recommenders.mf import MF
from sparserec.recommenders.neumf import NeuMF
from sparserec.recommenders.sasrec import SASRec

__all__ = ["FISM", "MF", "Batch", "History", "LightGCN", "NeuMF", "Recommender", "Rows", "SASRec", "Scorer", "Served"]
