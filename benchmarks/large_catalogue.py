"""Matrix factorisation over 25 million rows of 256 columns at density 0.01, where a dense table would take 25.6 GB.

Users and items together make the rows; interactions are drawn as they are needed, popular items more often. The mask is
random, since a factorisation of this size is dense while it is computed. Reported are peak resident memory, with that
of Python and torch in it, and rows looked up and updated a second.

    python benchmarks/large_catalogue.py
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

import common
from sparserec.objectives import NegativeSampler, SampledSoftmax
from sparserec.recommenders import MF, Batch
from sparserec.runs import set_threads
from sparserec.sparsity import ExplorerConfig, budget_of, make_explorer, random_mask
from sparserec.tables import RowAdam, SparseTable


def build(n_rows: int, dim: int, density: float, seed: int) -> SparseTable:
    generator = np.random.default_rng(seed)
    mask = random_mask(n_rows, dim, budget_of(density, n_rows, dim), generator)
    mask.values[:] = generator.standard_normal(len(mask.values), dtype=np.float32)
    mask.values[:] *= 0.1
    return SparseTable(mask.indptr, mask.columns, mask.values, dim)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=15_000_000)
    parser.add_argument("--items", type=int, default=10_000_000)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--density", type=float, default=0.01)
    parser.add_argument("--batch", type=int, default=4096)
    parser.add_argument("--negatives", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--explorations", type=int, default=2)
    parser.add_argument("--sample", type=float, default=0.01, help="share of rows that is watched (default 0.01)")
    args = parser.parse_args()
    set_threads(None)
    began = time.perf_counter()
    tables = [build(rows, args.dim, args.density, seed) for seed, rows in enumerate((args.users, args.items))]
    budget = sum(table.nnz for table in tables)
    model = MF(*tables, similarity="dot")
    optimizers = [RowAdam(table, lr=0.01) for table in tables]
    interval = args.steps // (args.explorations + 1)
    config = ExplorerConfig(interval=interval, end=args.steps, sample_fraction=args.sample, importance="uniform")
    explorer = make_explorer("sparserec", tables, config, [np.ones(table.n_rows) for table in tables], 0)
    loss = SampledSoftmax(1.0)
    none = np.zeros(args.users + 1, dtype=np.int64)
    sampler = NegativeSampler(none, np.zeros(0, np.int32), args.items, count=args.negatives)
    built, generator = time.perf_counter() - began, np.random.default_rng(1)
    print(f"built {budget:,} active parameters in {built:.0f} s", flush=True)
    stepping, exploring, explored, losses = 0.0, 0.0, 0, []
    for step in range(args.steps):
        users = generator.integers(0, args.users, args.batch)
        # The square of a uniform number: half of the draws fall on the first quarter of the items.
        positives = (generator.random(args.batch) ** 2 * args.items).astype(np.int64)
        negatives, allowed = sampler.draw(users, generator)
        batch = Batch(torch.from_numpy(users), torch.from_numpy(positives), torch.from_numpy(negatives))
        began = time.perf_counter()
        explorer.watch(step)
        value = loss(*model.scores(batch), torch.from_numpy(allowed))
        value.backward()
        explorer.observe()
        for optimizer in optimizers:
            optimizer.step()
        stepping += time.perf_counter() - began
        losses.append(value.item())
        if explorer.due(step + 1):
            began = time.perf_counter()
            explored += explorer.revise(step + 1).grown
            exploring += time.perf_counter() - began
            print(f"step {step + 1}: {explored:,} parameters moved so far", flush=True)
    if sum(table.nnz for table in tables) != budget:
        raise SystemExit("the budget has changed")
    rows = args.steps * (2 * args.batch + args.negatives)
    result = {
        "rows": args.users + args.items,
        "dim": args.dim,
        "density": args.density,
        "active parameters": budget,
        "dense table bytes": 4 * args.dim * (args.users + args.items),
        "peak RSS bytes": common.status_bytes("VmHWM"),
        "steps": args.steps,
        "batch": args.batch,
        "negatives": args.negatives,
        "rows a second": round(rows / stepping),
        "interactions a second": round(args.steps * args.batch / stepping),
        "building s": round(built, 1),
        "an exploration s": round(exploring / max(1, args.explorations), 1),
        "parameters moved": explored,
        "loss of the first and last ten steps": [
            round(float(np.mean(part)), 4) for part in (losses[:10], losses[-10:])
        ],
    }
    common.save("large_catalogue", "python benchmarks/large_catalogue.py", result)


if __name__ == "__main__":
    main()
