"""Starts: what a training begins with, stage by stage; each leaves its result in the run folder."""

from sparserec.starts.base import Context, OfHistories, SparseStart, Start, StartKind
from sparserec.starts.begin import begin, decided, has_teacher, remove_start, same_teacher
from sparserec.starts.budget import (
    PlannedFile,
    active_parameters,
    bytes_beside_ids,
    planned_file_bytes,
    smallest_budget,
    width,
)

__all__ = [
    "Context",
    "OfHistories",
    "PlannedFile",
    "SparseStart",
    "Start",
    "StartKind",
    "active_parameters",
    "begin",
    "bytes_beside_ids",
    "decided",
    "has_teacher",
    "planned_file_bytes",
    "remove_start",
    "same_teacher",
    "smallest_budget",
    "width",
]
