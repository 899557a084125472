"""Matrix factorisation over 25 million rows of 256 columns at density 0.01, where a dense table would take 25.6 GB.

Users and items together make the rows; interactions are drawn as they are needed, popular items more often. The mask is
random, since a factorisation of this size is dense while it is computed. Reported are peak resident memory, with that
of Python and torch in it, and rows looked up and updated a second.

    python benchmarks/large_catalogue.py
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch

from sparserec.bench.machine import status_bytes
from sparserec.bench.parts import Step, random_table, set_threads
from sparserec.bench.script import run
from sparserec.bench.timing import timed
from sparserec.objectives import NegativeSampler, SampledSoftmax
from sparserec.recommenders import MF, Batch
from sparserec.sparsity import ExplorerConfig, make_explorer
from sparserec.tables import RowAdam


def main(
    users: int = 15_000_000,
    items: int = 10_000_000,
    dim: int = 256,
    density: float = 0.01,
    batch: int = 4096,
    negatives: int = 1024,
    steps: int = 300,
    explorations: int = 2,
    sample: Annotated[float, "share of rows that is watched"] = 0.01,
) -> dict:
    set_threads(None)

    def build():
        sizes = enumerate((users, items))
        tables = [random_table(rows, dim, density, np.random.default_rng(seed), 0.1) for seed, rows in sizes]
        shown = {"interval": steps // (explorations + 1), "end": steps}
        config = ExplorerConfig(**shown, sample_fraction=sample, importance="uniform")
        return tables, make_explorer("sparserec", tables, config, [np.ones(table.n_rows) for table in tables], 0)

    building, (tables, explorer) = timed(build)
    budget = sum(table.nnz for table in tables)
    model, loss = MF(*tables, similarity="dot"), SampledSoftmax(1.0)
    step = Step(explorer, [RowAdam(table, lr=0.01) for table in tables])
    sampler = NegativeSampler(np.zeros(users + 1, dtype=np.int64), np.zeros(0, np.int32), items, count=negatives)
    generator = np.random.default_rng(1)
    print(f"built {budget:,} active parameters in {building:.0f} s", flush=True)
    stepping, exploring, moved, losses = 0.0, 0.0, 0, []
    for number in range(steps):
        chosen = generator.integers(0, users, batch)
        # The square of a uniform number: half of the draws fall on the first quarter of the items.
        positives = (generator.random(batch) ** 2 * items).astype(np.int64)
        drawn, allowed = sampler.draw(chosen, generator)
        example = Batch(torch.from_numpy(chosen), torch.from_numpy(positives), torch.from_numpy(drawn))
        mask = torch.from_numpy(allowed)
        seconds, value = timed(lambda n=number, e=example, m=mask: step(n, lambda: loss(*model.scores(e), m)))
        stepping += seconds
        losses.append(value.item())
        if explorer.due(number + 1):
            seconds, revision = timed(lambda n=number: explorer.revise(n + 1))
            exploring, moved = exploring + seconds, moved + revision.grown
            print(f"step {number + 1}: {moved:,} parameters moved so far", flush=True)
    assert sum(table.nnz for table in tables) == budget, "the budget has changed"
    return {
        "rows": users + items,
        "dim": dim,
        "density": density,
        "active parameters": budget,
        "dense table bytes": 4 * dim * (users + items),
        "peak RSS bytes": status_bytes("VmHWM"),
        "steps": steps,
        "batch": batch,
        "negatives": negatives,
        "rows a second": round(steps * (2 * batch + negatives) / stepping),
        "interactions a second": round(steps * batch / stepping),
        "building s": round(building, 1),
        "an exploration s": round(exploring / max(1, explorations), 1),
        "parameters moved": moved,
        "loss of the first and last ten steps": [
            round(float(np.mean(part)), 4) for part in (losses[:10], losses[-10:])
        ],
    }


if __name__ == "__main__":
    run(main, quick={"users": 3000, "items": 2000, "batch": 64, "negatives": 16, "steps": 12})
