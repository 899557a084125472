"""Starts: what a training begins with, stage by stage; each leaves its result in the run folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparserec.deferred import deferred

if TYPE_CHECKING:
    from sparserec.starts.base import Context, OfHistories, SparseStart, Start, StartKind
    from sparserec.starts.beside import add_item_columns
    from sparserec.starts.budget import (
        PlannedFile,
        active_parameters,
        bytes_beside_ids,
        planned_file_bytes,
        smallest_budget,
        width,
    )
    from sparserec.starts.chains import begin, decided, has_teacher, remove_start, same_teacher
    from sparserec.starts.fitting import Fitted, fitted, refuse_hopeless
    from sparserec.starts.planning import planned_stages

__all__ = [
    "Context",
    "Fitted",
    "OfHistories",
    "PlannedFile",
    "SparseStart",
    "Start",
    "StartKind",
    "active_parameters",
    "add_item_columns",
    "begin",
    "bytes_beside_ids",
    "decided",
    "fitted",
    "has_teacher",
    "planned_file_bytes",
    "planned_stages",
    "refuse_hopeless",
    "remove_start",
    "same_teacher",
    "smallest_budget",
    "width",
]

__getattr__ = deferred(
    __name__,
    {
        "base": ["Context", "OfHistories", "SparseStart", "Start", "StartKind"],
        "beside": ["add_item_columns"],
        "budget": [
            "PlannedFile",
            "active_parameters",
            "bytes_beside_ids",
            "planned_file_bytes",
            "smallest_budget",
            "width",
        ],
        "fitting": ["Fitted", "fitted", "refuse_hopeless"],
        "planning": ["planned_stages"],
        "chains": ["begin", "decided", "has_teacher", "remove_start", "same_teacher"],
    },
)
