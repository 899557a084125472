"""Bytes of gradients and evidence in training, and the time of a step: sampled rows against all rows.

Matrix factorisation with batches of a real data set, one exploration window, from a random mask. Counted are the arrays
themselves, at their highest: the gradient of the batch that backward leaves, that of active parameters, that of watched
rows, and the evidence. "dense" is a table with all parameters, whose gradient is an array as large as the table.

    python benchmarks/backward_memory.py --dataset gowalla
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch

from sparserec import Split, load, split
from sparserec.bench.data import data_path
from sparserec.bench.parts import Context, begin, build_explorer, build_optimizers, load_config, set_threads
from sparserec.bench.script import Rows, run
from sparserec.bench.timing import medians
from sparserec.tables import SparseTable

DIM, DENSITIES, WARM = 64, (0.5, 0.2, 0.1, 0.05, 0.02), 5
SHARES = {"default sample": None, "a fifth of the rows": 0.2, "all rows": 1.0}


def window(parts: Split, density: float, share: float | None, steps: int) -> tuple[int, int, float]:
    """One exploration window of `steps` steps after a few to warm up: highest bytes, those of evidence, seconds."""
    exploration = {"sample_fraction": share}
    config = load_config("mf", dim=DIM, density=density, init="random", epochs=1, exploration=exploration)
    with tempfile.TemporaryDirectory() as folder:
        model, task = begin(Context(config, parts, Path(folder)))
    # The window is as long as the training given here, divided by the rounds of exploration.
    length = round((WARM + steps + 1) * config.exploration.rounds / config.exploration.end)
    explorer, optimizers = build_explorer(config, model, parts, length), build_optimizers(config, model)
    tables = [table for table in model.tables.values() if isinstance(table, SparseTable)]
    active: list[int] = []
    for table in tables:
        count_gradients(table, active)
    peaks, evidence = [0], [0]

    def step(number: int) -> None:
        chosen = np.random.default_rng([0, number]).permutation(task.size)[: config.batch_size]
        explorer.watch(number)
        task.loss(model, chosen, np.random.default_rng([1, number])).backward()
        batch = sum(bytes_of(entry) for table in tables for entry in [*table.inbox, *table.product_inbox])
        watched = sum(array.nbytes for table in tables for array in table.watched_gradients())
        explorer.observe()
        active.clear()
        for optimizer in optimizers.values():
            optimizer.step()
        evidence[0] = sum(array.nbytes for name, array in explorer.state().items() if name.startswith("evidence"))
        peaks.append(batch + watched + evidence[0] + sum(active))

    seconds = medians({"step": step}, range(WARM + steps), warm=WARM)["step"]
    return max(peaks), evidence[0], seconds


def count_gradients(table: SparseTable, sizes: list[int]) -> None:
    """Let a table tell how large the gradients of its active parameters are."""
    take = table.take_gradients

    def counted():
        gradients = take()
        if gradients is not None:
            sizes.append(bytes_of((gradients.first_slot, gradients.offsets, gradients.values)))
        return gradients

    table.take_gradients = counted


def bytes_of(tensors: tuple[torch.Tensor, ...]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def main(dataset: str = "gowalla", steps: int = 60, threads: int | None = None) -> Rows:
    set_threads(threads)
    parts = split(load(data_path(dataset)))
    dense = 4 * (parts.train.n_users + parts.train.n_items) * DIM
    for density in DENSITIES:
        for name, share in SHARES.items():
            size, evidence, seconds = window(parts, density, share, steps)
            yield {
                "density": density,
                "watched": name,
                "bytes of gradients and evidence": size,
                "share of a dense gradient": round(size / dense, 3),
                "of these evidence": evidence,
                "seconds a step": round(seconds, 4),
            }
    return {"data": dataset, "columns": DIM, "steps": steps, "dense gradient bytes": dense}


if __name__ == "__main__":
    run(main, quick={"dataset": "ml-latest-small", "steps": 5})
