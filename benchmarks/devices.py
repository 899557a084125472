"""A training step on the CPU and on a CUDA device: the same run, on the same machine, one after the other.

Seconds a step are medians over steps after the first ones, with the host waiting for the device in each, as it does in
training; the loss of the last step tells that both learn the same.

    SPARSEREC_DATA=/path/to/data python benchmarks/devices.py
"""

from __future__ import annotations

import contextlib
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import torch

from sparserec import load, train
from sparserec.bench.data import HELD_OUT, data_path
from sparserec.bench.script import Rows, run
from sparserec.tables import choose_device, device_name

RECIPES = {"mf": {}, "lightgcn": {"l2": 0.01}, "neumf": {}}
SKIPPED = 10
"""First steps, which compile kernels."""


class EnoughError(Exception):
    """All steps that are asked for have been timed."""


def measured(data: object, device: str, steps: int, threads: int, **settings: object) -> dict[str, float]:
    """Milliseconds of a step, and the mean loss of the steps."""
    times, losses = [time.perf_counter()], [0.0]

    def report(progress: object) -> None:
        times.append(time.perf_counter())
        losses[0] = progress.loss
        if len(times) > SKIPPED + steps:
            raise EnoughError

    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(EnoughError):
        train(data, Path(folder) / "run", device=device, threads=threads, report=report, data=HELD_OUT, **settings)
    each = [after - before for before, after in itertools.pairwise(times)][SKIPPED:]
    return {"milliseconds": round(1000 * statistics.median(each), 2), "loss": round(losses[0], 5)}


def main(
    dataset: str = "gowalla",
    base: Sequence[str] = tuple(RECIPES),
    method: Sequence[str] = ("sparserec", "dense"),
    density: float = 0.1,
    steps: Annotated[int, "timed steps"] = 40,
    threads: Annotated[int | None, "CPU threads, all when not given"] = os.cpu_count(),
) -> Rows:
    gpu, data = choose_device("cuda"), load(data_path(dataset))
    for recipe in base:
        for name in method:
            settings = {"recipe": recipe, "method": name, **RECIPES[recipe]}
            if name != "dense":
                settings["density"] = density
            of = {}
            for device in ("cpu", "cuda"):
                torch.cuda.reset_peak_memory_stats()
                of[device] = measured(data, device, steps, threads, **settings)
            row = {"base": recipe, "method": name}
            row |= {f"{device} {figure}": value for device, each in of.items() for figure, value in each.items()}
            row["ratio"] = round(of["cpu"]["milliseconds"] / of["cuda"]["milliseconds"], 1)
            yield row | {"cuda peak MB": round(torch.cuda.max_memory_allocated() / 1e6, 1)}
    return {"dataset": dataset, "density": density, "threads": threads, "device": device_name(gpu), "steps": steps}


if __name__ == "__main__":
    run(main, quick={"dataset": "ml-latest-small", "base": ("mf",), "steps": 5})
