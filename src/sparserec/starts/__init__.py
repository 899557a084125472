"""Starts: what a training begins with, stage by stage; each leaves its result in the run folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparserec.deferred import deferred

if TYPE_CHECKING:
    from sparserec.starts.base import Context, OfHistories, SparseStart, Start, StartKind
    from sparserec.starts.budget import active_parameters, width
    from sparserec.starts.chains import begin, decided, has_teacher, remove_start, same_teacher

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

__getattr__ = deferred(
    __name__,
    {
        "base": ["Context", "OfHistories", "SparseStart", "Start", "StartKind"],
        "budget": ["active_parameters", "width"],
        "chains": ["begin", "decided", "has_teacher", "remove_start", "same_teacher"],
    },
)
