"""Recommenders: how rows become scores."""

from sparserec.protocols import Histories, Scorer
from sparserec.recommenders.base import (
    ROWS,
    Batch,
    RanksCatalogue,
    RanksNext,
    Recommender,
    RecommenderKind,
    Served,
    Side,
)
from sparserec.recommenders.fism import FISM
from sparserec.recommenders.histories import rows_of
from sparserec.recommenders.lightgcn import LightGCN
from sparserec.recommenders.mf import MF
from sparserec.recommenders.neumf import NeuMF
from sparserec.recommenders.sasrec import SASRec

__all__ = [
    "FISM",
    "MF",
    "ROWS",
    "Batch",
    "Histories",
    "LightGCN",
    "NeuMF",
    "RanksCatalogue",
    "RanksNext",
    "Recommender",
    "RecommenderKind",
    "SASRec",
    "Scorer",
    "Served",
    "Side",
    "rows_of",
]
