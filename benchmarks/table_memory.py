"""Memory of training: table, gradients, optimiser state and evidence, against dense Adam.

Measured as peak resident memory, each side in a process of its own: the highest during steps and explorations, less
that before the tables existed. Both sides see the same batches.

    python benchmarks/table_memory.py
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import numpy as np
import torch

from sparserec.bench.fresh import fresh
from sparserec.bench.machine import reset_peak, status_bytes
from sparserec.bench.script import run
from sparserec.errors import SparserecError

DIM, DENSITY, BATCH = 256, 0.05, 1024


def dense(rows: int, steps: int) -> int:
    """Bytes of nn.Embedding and Adam, as most recommenders are trained."""

    def train(table: torch.nn.Embedding, steps: int) -> None:
        optimizer = torch.optim.Adam(table.parameters(), lr=0.01)
        for chosen in batches(table.num_embeddings, steps):
            optimizer.zero_grad(set_to_none=True)
            table(chosen).sub(1).square().sum().backward()
            optimizer.step()

    train(torch.nn.Embedding(10, 4), 1)  # loads what a first step loads, so that it does not count
    before = reset_peak()
    train(torch.nn.Embedding(rows, DIM), steps)
    return status_bytes("VmHWM") - before


def sparse(rows: int, steps: int, sample: str) -> tuple[int, float]:
    """Bytes of SparseTable, RowAdam and a SparseRec explorer that watches a share `sample` of the rows, or "default".

    With " x 5" after it five such samples are watched one after the other between two explorations.

    Returns:
        the bytes and the share.
    """
    from sparserec.bench.parts import RunConfig, Step, default_sample, random_table, set_threads
    from sparserec.sparsity import ExplorerConfig, make_explorer
    from sparserec.tables import RowAdam

    set_threads(None)
    drop_fraction = RunConfig().exploration.drop_fraction

    def train(n_rows: int) -> tuple[int, float]:
        """Parameters that explorations moved, and the share of rows that was watched."""
        table, moved = random_table(n_rows, DIM, DENSITY, np.random.default_rng(0)), 0
        of_one, _, samples = sample.partition(" x ")
        share = default_sample([table]) if of_one == "default" else float(of_one)
        window = {"interval": max(1, steps // 4), "end": 10 * steps}
        several = {"sample_fraction": share, "samples": int(samples or 1)}
        config = ExplorerConfig(**window, drop_fraction=drop_fraction, **several)
        explorer = make_explorer("sparserec", [table], config, [np.ones(n_rows)], 0)
        step = Step(explorer, [RowAdam(table, lr=0.01)])
        for number, chosen in enumerate(batches(n_rows, steps)):
            step(number, lambda chosen=chosen: table.lookup(chosen).sub(1).square().sum())
            if explorer.due(number + 1):
                moved += explorer.revise(number + 1).grown
        return moved, share

    train(1000)
    before = reset_peak()
    moved, share = train(rows)
    if not moved:
        raise SparserecError("nothing was explored: the measurement would leave a part out")
    return status_bytes("VmHWM") - before, share


def batches(rows: int, steps: int) -> Iterator[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        yield torch.randint(0, rows, (BATCH,), generator=generator)


def main(
    rows: int = 200_000,
    steps: int = 40,
    samples: Annotated[Sequence[str], "shares of rows to watch"] = ("default", "default x 5", "0.1", "0.4", "1"),
) -> dict:
    whole, measured = fresh(dense, rows=rows, steps=steps), []
    for sample in samples:
        size, share = fresh(sparse, rows=rows, steps=steps, sample=sample)
        name = sample.replace("default", f"default ({share:g})")
        figures = {"sparse bytes": size, "share of dense": round(size / whole, 4)}
        measured.append({"watched share of rows": name, **figures})
    facts = {"table rows": rows, "dim": DIM, "density": DENSITY, "steps": steps, "dense Adam bytes": whole}
    return {**facts, "rows": measured}


if __name__ == "__main__":
    run(main, quick={"rows": 20_000, "steps": 8, "samples": ["default"]})
