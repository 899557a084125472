"""Tables: how the embedding of a row is represented, trained and kept."""

from sparserec.tables.base import SlotGradients, Table, TableKind
from sparserec.tables.dense import DenseTable
from sparserec.tables.devices import CPU, choose_device, device_name
from sparserec.tables.ops import sum_bags
from sparserec.tables.optimizer import RowAdam
from sparserec.tables.propagation import Propagation
from sparserec.tables.sparse import SparseTable, column_dtype
from sparserec.tables.threshold import ThresholdTable

__all__ = [
    "CPU",
    "DenseTable",
    "Propagation",
    "RowAdam",
    "SlotGradients",
    "SparseTable",
    "Table",
    "TableKind",
    "ThresholdTable",
    "choose_device",
    "column_dtype",
    "device_name",
    "sum_bags",
]
