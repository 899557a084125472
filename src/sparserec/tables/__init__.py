"""Tables: how the embedding of a row is represented, trained and kept."""

from sparserec.tables.base import SlotGradients, Table
from sparserec.tables.dense import DenseTable
from sparserec.tables.optimizer import RowAdam
from sparserec.tables.propagation import Propagation
from sparserec.tables.sparse import SparseTable, column_dtype
from sparserec.tables.threshold import ThresholdTable

__all__ = [
    "DenseTable",
    "Propagation",
    "RowAdam",
    "SlotGradients",
    "SparseTable",
    "Table",
    "ThresholdTable",
    "column_dtype",
]
