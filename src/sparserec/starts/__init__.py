"""Starts: what a training begins with, stage by stage; each leaves its result in the run folder."""

from sparserec.starts.base import Context, OfHistories, SparseStart, Start, StartKind
from sparserec.starts.begin import begin, decided, has_teacher, remove_start, same_teacher
from sparserec.starts.budget import active_parameters, width

__all__ = [
    "Context",
    "OfHistories",
    "SparseStart",
    "Start",
    "StartKind",
    "active_parameters",
    "begin",
    "decided",
    "has_teacher",
    "remove_start",
    "same_teacher",
    "width",
]
