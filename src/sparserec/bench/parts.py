"""The parts of a training that benchmarks take by themselves, in one place, and what they do with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from torch import Tensor

from sparserec.errors import SparserecError
from sparserec.sparsity import Explorer, budget_of, random_mask
from sparserec.tables import RowAdam, SparseTable
from sparserec.training import DataConfig, Run, RunConfig, Trainer, load_config, set_threads
from sparserec.training.build import (
    build,
    build_explorer,
    build_objective,
    build_optimizers,
    build_plan,
    build_sampler,
    default_sample,
)
from sparserec.training.checkpoint import load_state
from sparserec.training.config import TeacherConfig, parse_config
from sparserec.training.data import cut
from sparserec.training.refit import everything
from sparserec.training.start import needs_teacher, same_teacher, width
from sparserec.training.tables import active_parameters
from sparserec.training.tasks import DistillationTask, RankingTask
from sparserec.training.teaching import POWERS, choose_spectrum, teachers, train_teacher

__all__ = [
    "POWERS",
    "DataConfig",
    "DistillationTask",
    "RankingTask",
    "Run",
    "RunConfig",
    "Step",
    "TeacherConfig",
    "Trainer",
    "active_parameters",
    "build",
    "build_explorer",
    "build_objective",
    "build_optimizers",
    "build_plan",
    "build_sampler",
    "choose_spectrum",
    "cut",
    "default_sample",
    "everything",
    "finished",
    "load_config",
    "load_state",
    "needs_teacher",
    "parse_config",
    "random_table",
    "same_teacher",
    "set_threads",
    "teachers",
    "train_teacher",
    "width",
]


class Step:
    """A training step, as the loop does it between two explorations.

    Args:
        explorer: of the tables.
        optimizers: one for each table.
    """

    def __init__(self, explorer: Explorer, optimizers: Iterable[RowAdam]):
        self._explorer, self._optimizers = explorer, list(optimizers)

    def __call__(self, number: int, loss: Callable[[], Tensor]) -> Tensor:
        """Step `number`, down the gradient of `loss`. Returns the loss."""
        self._explorer.watch(number)
        value = loss()
        value.backward()
        self._explorer.observe()
        for optimizer in self._optimizers:
            optimizer.step()
        return value


def random_table(n_rows: int, dim: int, density: float, generator: np.random.Generator, scale: float = 1.0):
    """A `SparseTable` of normal numbers times `scale` at random places."""
    mask = random_mask(n_rows, dim, budget_of(density, n_rows, dim), generator)
    mask.values[:] = generator.standard_normal(len(mask.values), dtype=np.float32)
    mask.values[:] *= scale
    return SparseTable(mask.indptr, mask.columns, mask.values, dim)


def finished(run: Any) -> Run:
    """This run. Raises SparserecError when Ctrl-C ended its training."""
    if run.ended == "interrupted":
        raise SparserecError("interrupted; the same command goes on")
    return run
