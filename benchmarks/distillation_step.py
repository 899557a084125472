"""A training step over the whole catalogue with each distillation loss, with and without evidence for exploration.

The losses differ in how much of their gradient is 0, and the kernels pass over that. Takes the start and the teacher's
lists of a run that was trained before, from its first step on.

    python benchmarks/distillation_step.py RUN
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import torch

import common
from sparserec.objectives.distillation import DISTILLATION, Lesson
from sparserec.recommenders import FISM
from sparserec.runs import Run, set_threads
from sparserec.training.build import build, build_explorer, build_optimizers
from sparserec.training.tasks import DistillationTask


def steps(run: Run, loss: str, explores: bool, count: int) -> dict[str, float]:
    """Median milliseconds of a step, and the share of the gradient of the scores that is not 0."""
    config, split = run.config, run.split()
    if not explores:
        config = config.model_copy(update={"method": "static"})
    model, known = build(run.config, split, run.folder, lambda text: None)
    assert isinstance(known, DistillationTask)
    assert isinstance(model, FISM)
    filled: list[float] = []

    def objective(scores: torch.Tensor, lesson: Lesson) -> torch.Tensor:
        if not filled:  # in the first step, which is not timed
            scores.register_hook(lambda gradient: filled.append(np.count_nonzero(gradient.numpy()) / gradient.numel()))
        return DISTILLATION[loss]()(scores, lesson)

    task = DistillationTask(split.train, known.lists, objective)
    optimizers = build_optimizers(config, model)
    explorer = build_explorer(config, model, split, 10**9)  # no exploration in so few steps
    order, times = np.random.default_rng(0).permutation(known.size), []
    for number in range(count + 3):
        chosen = np.take(order, np.arange(config.batch_size) + number * config.batch_size, mode="wrap")
        began = time.perf_counter()
        explorer.watch(number)
        task.loss(model, chosen, np.random.default_rng(number)).backward()
        explorer.observe()
        for optimizer in optimizers.values():
            optimizer.step()
        if number >= 3:  # the first ones compile and allocate
            times.append(time.perf_counter() - began)
    return {"ms": round(1000 * statistics.median(times), 1), "share": round(float(filled[0]), 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the folder of a run with a teacher")
    parser.add_argument("--rounds", type=int, default=15, help="timed steps of each kind (default 15)")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    set_threads(args.threads)
    run, rows = Run.open(args.run), []
    for loss in DISTILLATION:
        plain, watched = (steps(run, loss, explores, args.rounds) for explores in (False, True))
        row = {"loss": loss, "gradient not 0": plain["share"], "ms": plain["ms"], "with evidence ms": watched["ms"]}
        rows.append(row)
        print(row, flush=True)
    facts = {"items": run.facts.n_items, "users a step": run.config.batch_size, "threads": args.threads, "rows": rows}
    common.save("distillation_step", "python benchmarks/distillation_step.py RUN", facts)


if __name__ == "__main__":
    main()
