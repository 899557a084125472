"""Memory of training: table, gradients, optimiser state and evidence, against dense Adam.

Measured as peak resident memory, each side in a process of its own: the highest during steps and explorations, less
that before the tables existed. Both sides see the same batches.

    python benchmarks/table_memory.py
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

import numpy as np
import torch

import common

N_ROWS, DIM, DENSITY, BATCH = 200_000, 256, 0.05, 1024


def dense(steps: int) -> tuple[int, float]:
    """nn.Embedding and Adam, as most recommenders are trained."""
    warm_up(lambda table: torch.optim.Adam(table.parameters(), lr=0.01), torch.nn.Embedding(10, 4))
    before = start()
    table = torch.nn.Embedding(N_ROWS, DIM)
    optimizer = torch.optim.Adam(table.parameters(), lr=0.01)
    for rows in batches(steps):
        optimizer.zero_grad(set_to_none=True)
        table(rows).sub(1).square().sum().backward()
        optimizer.step()
    return common.status_bytes("VmHWM") - before, 1.0


def warm_up(make, table) -> None:
    """Load what a first step loads, so that it does not count."""
    optimizer = make(table)
    table(torch.tensor([1])).square().sum().backward()
    optimizer.step()


def sparse(steps: int, sample: str) -> tuple[int, float]:
    """SparseTable, RowAdam and a SparseRec explorer that watches a share `sample` of the rows, or the package's own."""
    from sparserec.runs import RunConfig, set_threads
    from sparserec.sparsity import ExplorerConfig, budget_of, make_explorer, random_mask
    from sparserec.tables import RowAdam, SparseTable
    from sparserec.training.build import default_sample

    set_threads(None)
    settings = RunConfig().exploration
    interval = max(1, steps // 4)

    def build(n_rows: int):
        mask = random_mask(n_rows, DIM, budget_of(DENSITY, n_rows, DIM), np.random.default_rng(0))
        mask.values[:] = np.random.default_rng(1).standard_normal(len(mask.values), dtype=np.float32)
        table = SparseTable(mask.indptr, mask.columns, mask.values, DIM)
        share = default_sample([table]) if sample == "default" else float(sample)
        config = ExplorerConfig(
            interval=interval,
            end=10 * steps,
            drop_fraction=settings.drop_fraction,
            sample_fraction=share,
        )
        explorer = make_explorer("sparserec", [table], config, [np.ones(n_rows)], 0)
        return table, RowAdam(table, lr=0.01), explorer, share

    def train(n_rows: int) -> tuple[int, float]:
        table, optimizer, explorer, share = build(n_rows)
        explored = 0
        for step, rows in enumerate(batches(steps)):
            explorer.watch(step)
            table.lookup(rows % n_rows).sub(1).square().sum().backward()
            explorer.observe()
            optimizer.step()
            if explorer.due(step + 1):
                explored += explorer.revise(step + 1).grown
        return explored, share

    train(1000)
    before = start()
    explored, share = train(N_ROWS)
    if not explored:
        sys.exit("nothing was explored: the measurement would leave a part out")
    return common.status_bytes("VmHWM") - before, share


def batches(steps: int):
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        yield torch.randint(0, N_ROWS, (BATCH,), generator=generator)


def start() -> int:
    common.reset_peak()
    return common.status_bytes("VmRSS")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--samples", nargs="+", default=["default", "0.1", "0.4"], help="shares of rows to watch")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        print(json.dumps(dense(args.steps) if args.side == "dense" else sparse(args.steps, args.side)))
        return
    peaks = {}
    for side in ("dense", *args.samples):
        command = [sys.executable, __file__, "--side", side, "--steps", str(args.steps)]
        peak, share = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
        peaks[f"default ({share:g})" if side == "default" else side] = peak
    whole = peaks.pop("dense")
    result = {
        "table rows": N_ROWS,
        "dim": DIM,
        "density": DENSITY,
        "steps": args.steps,
        "dense Adam bytes": whole,
        "rows": [
            {"watched share of rows": sample, "sparse bytes": peak, "share of dense": round(peak / whole, 4)}
            for sample, peak in peaks.items()
        ],
    }
    common.save("table_memory", "python benchmarks/table_memory.py", result)


if __name__ == "__main__":
    main()
