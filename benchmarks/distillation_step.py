"""A training step over the whole catalogue with each distillation loss, with and without evidence for exploration.

The losses differ in how much of their gradient is 0, and the kernels pass over that. Takes the start and the teacher's
lists of a run that was trained before, from its first step on.

    python benchmarks/distillation_step.py RUN
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import torch

from sparserec import Run
from sparserec.axes import OBJECTIVES
from sparserec.bench.parts import (
    Context,
    DistillationTask,
    Step,
    begin,
    build_explorer,
    build_optimizers,
    set_threads,
)
from sparserec.bench.script import Rows, run
from sparserec.bench.timing import medians
from sparserec.objectives import Lesson

LISTS = {name: kind for name, kind in OBJECTIVES.items() if kind.learns == "lists"}
WARM = 3
"""First steps, which compile and allocate."""


def steps(trained: Run, loss: str, explores: bool, count: int) -> tuple[float, float]:
    """Median milliseconds of a step, and the share of the gradient of the scores that is not 0."""
    config, split = trained.config, trained.split()
    if not explores:
        config = config.model_copy(update={"method": "static"})
    model, task_of_run = begin(Context(trained.config, split, trained.folder))
    objective = LISTS[loss].make(LISTS[loss].settings())
    filled: list[float] = []

    def of_all_scores(scores: torch.Tensor, lesson: Lesson) -> torch.Tensor:
        scores.register_hook(lambda gradient: filled.append(np.count_nonzero(gradient.numpy()) / gradient.numel()))
        return objective(scores, lesson)

    task, counted = (DistillationTask(split.train, task_of_run.lists, kind) for kind in (objective, of_all_scores))
    explorer = build_explorer(config, model, split, 10**9)  # no exploration in so few steps
    step, order = (
        Step(explorer, build_optimizers(config, model).values()),
        np.random.default_rng(0).permutation(task_of_run.size),
    )

    def timed_step(number: int, task: DistillationTask = task) -> None:
        chosen = np.take(order, np.arange(config.batch_size) + number * config.batch_size, mode="wrap")
        step(number, lambda: task.loss(model, chosen, np.random.default_rng(number)))

    timed_step(0, counted)

    seconds = medians({"step": timed_step}, range(count + WARM), warm=WARM)["step"]
    return round(1000 * seconds, 1), round(float(filled[0]), 4)


def main(
    run_folder: Annotated[Path, "RUN: of a run with a teacher"],
    rounds: Annotated[int, "timed steps of each kind"] = 15,
    threads: int = 2,
) -> Rows:
    set_threads(threads)
    trained = Run.open(run_folder)
    for loss in LISTS:
        (plain, share), (watched, _) = (steps(trained, loss, explores, rounds) for explores in (False, True))
        yield {"loss": loss, "gradient not 0": share, "ms": plain, "with evidence ms": watched}
    return {"items": trained.facts.n_items, "users a step": trained.config.batch_size, "threads": threads}


if __name__ == "__main__":
    run(main, quick={"rounds": 2})
