"""Training: the loop, its tasks and checkpoints, and how they are put together from settings and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparserec.deferred import deferred

if TYPE_CHECKING:
    from sparserec.training.build import (
        assemble,
        build_explorer,
        build_optimizers,
        build_task,
        build_trainer,
        build_view,
    )
    from sparserec.training.checkpoint import load_state, save_state, section
    from sparserec.training.plan import Plan, build_plan, fingerprint, needs_teacher
    from sparserec.training.tasks import DistillationTask, NextItemTask, NothingToLearn, RankingTask, Task
    from sparserec.training.trainer import Progress, Reporter, Trainer

__all__ = [
    "DistillationTask",
    "NextItemTask",
    "NothingToLearn",
    "Plan",
    "Progress",
    "RankingTask",
    "Reporter",
    "Task",
    "Trainer",
    "assemble",
    "build_explorer",
    "build_optimizers",
    "build_plan",
    "build_task",
    "build_trainer",
    "build_view",
    "fingerprint",
    "load_state",
    "needs_teacher",
    "save_state",
    "section",
]

__getattr__ = deferred(
    __name__,
    {
        "build": [
            "assemble",
            "build_explorer",
            "build_optimizers",
            "build_task",
            "build_trainer",
            "build_view",
            "refuse_impossible",
        ],
        "checkpoint": ["load_state", "save_state", "section"],
        "plan": ["Plan", "build_plan", "fingerprint", "needs_teacher"],
        "tasks": ["DistillationTask", "NextItemTask", "NothingToLearn", "RankingTask", "Task"],
        "trainer": ["Progress", "Reporter", "Trainer"],
    },
)
