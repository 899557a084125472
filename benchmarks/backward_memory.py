"""Bytes of gradients and evidence in training, and the time of a step: sampled rows against all rows.

Matrix factorisation with batches of a real data set, one exploration window, from a random mask. Counted are the arrays
themselves, at their highest: the gradient of the batch that backward leaves, that of active parameters, that of watched
rows, and the evidence. "dense" is a table with all parameters, whose gradient is an array as large as the table.

    python benchmarks/backward_memory.py --dataset gowalla
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

import common
import sparserec
from sparserec.interactions import split
from sparserec.tables import SparseTable
from sparserec.training import load_config, set_threads
from sparserec.training.build import build, build_explorer, build_optimizers

DIM, DENSITIES, WARM = 64, (0.2, 0.1, 0.05), 5
SHARES = {"default sample": None, "a fifth of the rows": 0.2, "all rows": 1.0}


def window(parts, density: float, share: float | None, steps: int) -> dict:
    """One exploration window of `steps` steps after a few to warm up."""
    config = load_config(
        "mf", dim=DIM, density=density, init="random", epochs=1, exploration={"sample_fraction": share}
    )
    with tempfile.TemporaryDirectory() as folder:
        model, task = build(config, parts, Path(folder), lambda words: None)
    # The window is as long as the training given here, divided by the rounds of exploration.
    length = round((WARM + steps + 1) * config.exploration.rounds / config.exploration.end)
    explorer, optimizers = build_explorer(config, model, parts, length), build_optimizers(config, model)
    tables = [table for table in model.tables.values() if isinstance(table, SparseTable)]
    active: list[int] = []
    for table in tables:
        count_gradients(table, active)
    peak, times = 0, []
    for step in range(WARM + steps):
        chosen = np.random.default_rng([0, step]).permutation(task.size)[: config.batch_size]
        began = time.perf_counter()
        explorer.watch(step)
        task.loss(model, chosen, np.random.default_rng([1, step])).backward()
        batch = sum(bytes_of(entry) for table in tables for entry in [*table.inbox, *table.product_inbox])
        watched = sum(array.nbytes for table in tables for array in table.watched_gradients())
        explorer.observe()
        active.clear()
        for optimizer in optimizers.values():
            optimizer.step()
        times.append(time.perf_counter() - began)
        evidence = sum(array.nbytes for name, array in explorer.state().items() if name.startswith("evidence"))
        peak = max(peak, batch + watched + evidence + sum(active))
    return {"bytes": peak, "evidence": evidence, "seconds": statistics.median(times[WARM:])}


def count_gradients(table: SparseTable, into: list[int]) -> None:
    """Let a table tell how large the gradients of its active parameters are."""
    plain = table.take_gradients

    def counted():
        found = plain()
        if found is not None:
            into.append(bytes_of((found.first_slot, found.offsets, found.values)))
        return found

    table.take_gradients = counted


def bytes_of(tensors: tuple[torch.Tensor, ...]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="gowalla")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--threads", type=int, default=None)
    args = parser.parse_args()
    set_threads(args.threads)
    parts = split(sparserec.load(common.data_path(args.dataset)))
    cells = (parts.train.n_users + parts.train.n_items) * DIM
    rows = []
    for density in DENSITIES:
        for name, share in SHARES.items():
            found = window(parts, density, share, args.steps)
            rows.append(
                {
                    "density": density,
                    "watched": name,
                    "bytes of gradients and evidence": found["bytes"],
                    "share of a dense gradient": round(found["bytes"] / (4 * cells), 3),
                    "of these evidence": found["evidence"],
                    "seconds a step": round(found["seconds"], 4),
                }
            )
    result = {
        "data": args.dataset,
        "columns": DIM,
        "steps": args.steps,
        "dense gradient bytes": 4 * cells,
        "rows": rows,
    }
    common.save("backward_memory", f"python benchmarks/backward_memory.py --dataset {args.dataset}", result)


if __name__ == "__main__":
    main()
