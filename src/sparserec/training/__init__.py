"""Training: the loop, its tasks and checkpoints, and how they are put together from settings and tables."""

from sparserec.training.build import assemble, build_explorer, build_optimizers, build_task, build_trainer
from sparserec.training.checkpoint import load_state, save_state
from sparserec.training.plan import Plan, build_plan, fingerprint, needs_teacher
from sparserec.training.tasks import DistillationTask, NextItemTask, RankingTask, Task
from sparserec.training.trainer import Progress, Reporter, Trainer

__all__ = [
    "DistillationTask",
    "NextItemTask",
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
    "fingerprint",
    "load_state",
    "needs_teacher",
    "save_state",
]
