"""The parts of a training that benchmarks take by themselves, in one place, and what they do with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from torch import Tensor

from sparserec.errors import SparserecError
from sparserec.runs import Run, set_threads
from sparserec.runs.data import cut
from sparserec.runs.refit import everything
from sparserec.settings import DataConfig, RunConfig, TeacherConfig, load_config, parse_config
from sparserec.sparsity import Explorer, budget_of, random_mask
from sparserec.starts import Context, active_parameters, begin, same_teacher, width
from sparserec.starts.settings import StartSettings
from sparserec.starts.spectrum import choose_spectrum
from sparserec.starts.teaching import choose_teachers
from sparserec.starts.thresholds import POWERS
from sparserec.starts.trained import train_vectors
from sparserec.tables import RowAdam, SparseTable
from sparserec.training import (
    DistillationTask,
    RankingTask,
    Trainer,
    build_explorer,
    build_optimizers,
    build_plan,
    load_state,
    needs_teacher,
)
from sparserec.training.build import build_objective, build_sampler, default_sample

__all__ = [
    "POWERS",
    "Context",
    "DataConfig",
    "DistillationTask",
    "RankingTask",
    "Run",
    "RunConfig",
    "StartSettings",
    "Step",
    "TeacherConfig",
    "Trainer",
    "active_parameters",
    "begin",
    "build_explorer",
    "build_objective",
    "build_optimizers",
    "build_plan",
    "build_sampler",
    "choose_spectrum",
    "choose_teachers",
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
    "train_vectors",
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
