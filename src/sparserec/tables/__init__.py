"""Tables: how the embedding of a row is represented, trained and kept."""

from sparserec.tables.base import SlotGradients, Table
from sparserec.tables.dense import DenseTable
from sparserec.tables.optimizer import RowAdam
from sparserec.tables.propagation import Propagation
from sparserec.tables.sparse import SparseTable, column_dtype

__all__ = ["DenseTable", "Propagation", "RowAdam", "SlotGradients", "SparseTable", "Table", "column_dtype"]
