"""Runs: the public calls, the run folder, the second training, export and evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparserec.deferred import deferred

if TYPE_CHECKING:
    from sparserec.runs.api import train
    from sparserec.runs.evaluation import evaluate_on_device, evaluate_path
    from sparserec.runs.run import Run
    from sparserec.runs.threads import default_threads, set_threads

__all__ = ["Run", "default_threads", "evaluate_on_device", "evaluate_path", "set_threads", "train"]

__getattr__ = deferred(
    __name__,
    {
        "api": ["train"],
        "evaluation": ["evaluate_on_device", "evaluate_path"],
        "run": ["Run"],
        "threads": ["default_threads", "set_threads"],
    },
)
