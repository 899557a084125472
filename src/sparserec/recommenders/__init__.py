"""Recommenders: how rows become scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparserec.deferred import deferred
from sparserec.protocols import Histories, Scorer

if TYPE_CHECKING:
    from sparserec.recommenders.base import (
        ROWS,
        Batch,
        RanksByProducts,
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
    "RanksByProducts",
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

__getattr__ = deferred(
    __name__,
    {
        "base": [
            "Batch",
            "ROWS",
            "RanksByProducts",
            "RanksCatalogue",
            "RanksNext",
            "Recommender",
            "RecommenderKind",
            "Served",
            "Side",
        ],
        "fism": ["FISM"],
        "histories": ["rows_of"],
        "lightgcn": ["LightGCN"],
        "mf": ["MF"],
        "neumf": ["NeuMF"],
        "sasrec": ["SASRec"],
    },
)
