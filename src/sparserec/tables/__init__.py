"""Tables: how the embedding of a row is represented, trained and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparserec.deferred import deferred

if TYPE_CHECKING:
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

__getattr__ = deferred(
    __name__,
    {
        "base": ["SlotGradients", "Table", "TableKind"],
        "dense": ["DenseTable"],
        "devices": ["CPU", "choose_device", "device_name"],
        "ops": ["sum_bags"],
        "optimizer": ["RowAdam"],
        "propagation": ["Propagation"],
        "sparse": ["SparseTable", "column_dtype"],
        "threshold": ["ThresholdTable"],
    },
)
