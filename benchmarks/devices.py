"""A training step on the CPU and on a CUDA device: the same run, on the same machine, one after the other.

Seconds a step are medians over steps after the first ones, with the host waiting for the device in each, as it does in
training; the loss of the last step tells that both learn the same.

    SPARSEREC_DATA=/path/to/data python benchmarks/devices.py
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import shlex
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch

import common
from sparserec import load, train
from sparserec.tables import choose_device, device_name

RECIPES = {"mf": {}, "lightgcn": {"l2": 0.01}, "neumf": {}}
SKIPPED = 10
"""First steps, which compile kernels."""


class EnoughError(Exception):
    """So many steps have been timed, and that is all that was wanted."""


def timed(data: object, device: str, steps: int, threads: int, **settings: object) -> dict[str, float]:
    """Seconds of a step, and the mean loss of the steps."""
    times, losses = [time.perf_counter()], [0.0]

    def report(progress: object) -> None:
        times.append(time.perf_counter())
        losses[0] = progress.loss
        if len(times) > SKIPPED + steps:
            raise EnoughError

    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(EnoughError):
        train(data, Path(folder) / "run", device=device, threads=threads, report=report, **settings)
    each = [after - before for before, after in itertools.pairwise(times)][SKIPPED:]
    return {"milliseconds": round(1000 * statistics.median(each), 2), "loss": round(losses[0], 5)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="gowalla")
    parser.add_argument("--base", nargs="+", default=list(RECIPES), choices=list(RECIPES))
    parser.add_argument("--method", nargs="+", default=["sparserec", "dense"])
    parser.add_argument("--density", type=float, default=0.1)
    parser.add_argument("--steps", type=int, default=40, help="timed steps (default 40)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="CPU threads (default all)")
    args = parser.parse_args()
    data, gpu, rows = load(common.data_path(args.dataset)), choose_device("cuda"), []
    for base in args.base:
        for method in args.method:
            own = {"recipe": base, "method": method, "density": args.density, **RECIPES[base]}
            if method == "dense":
                del own["density"]
            found = {}
            for device in ("cpu", "cuda"):
                torch.cuda.reset_peak_memory_stats()
                found[device] = timed(data, device, args.steps, args.threads, **own)
            row = {"base": base, "method": method}
            row |= {f"{device} {name}": value for device, each in found.items() for name, value in each.items()}
            row["ratio"] = round(found["cpu"]["milliseconds"] / found["cuda"]["milliseconds"], 1)
            row["cuda peak MB"] = round(torch.cuda.max_memory_allocated() / 1e6, 1)
            rows.append(row)
            print(row, flush=True)
    facts = {"dataset": args.dataset, "density": args.density, "threads": args.threads, "device": device_name(gpu)}
    command = shlex.join(["python", "benchmarks/devices.py", *sys.argv[1:]])
    common.save("devices", command, {**facts, "steps": args.steps, "rows": rows})


if __name__ == "__main__":
    main()
