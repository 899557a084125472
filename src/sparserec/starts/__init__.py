"""Starts: what a training begins with, stage by stage; each leaves its result in the run folder."""

from sparserec.starts.base import Context, OfHistories, SparseStart, Start, StartKind
from sparserec.starts.begin import begin, decided, has_teacher, remove_start, same_teacher
from sparserec.starts.budget import active_parameters, width
from sparserec.starts.fitting import Fitted, fitted, refuse_hopeless
from sparserec.starts.planning import planned_stages

__all__ = [
    "Context",
    "Fitted",
    "OfHistories",
    "SparseStart",
    "Start",
    "StartKind",
    "active_parameters",
    "begin",
    "decided",
    "fitted",
    "has_teacher",
    "planned_stages",
    "refuse_hopeless",
    "remove_start",
    "same_teacher",
    "width",
]
