"""A training step: SparseTable and RowAdam against nn.Embedding(sparse=True) and SparseAdam, in one run.

Both do the same matrix factorisation step: the same batch, negatives, loss and width. Rounds alternate; medians are
compared. The sparse side is measured with the mask standing still and while an exploration window is open.

    python benchmarks/training_step.py
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
import torch

import common
from sparserec.objectives import NegativeSampler, SampledSoftmax
from sparserec.recommenders import MF, Batch
from sparserec.runs import set_threads
from sparserec.sparsity import ExplorerConfig, budget_of, make_explorer, random_mask
from sparserec.tables import RowAdam, SparseTable

N_USERS, N_ITEMS = 29_858, 40_981  # Gowalla's


class TorchStep:
    """What torch offers for large tables: sparse gradients and SparseAdam."""

    def __init__(self, dim: int):
        self._users = torch.nn.Embedding(N_USERS, dim, sparse=True)
        self._items = torch.nn.Embedding(N_ITEMS, dim, sparse=True)
        parameters = [*self._users.parameters(), *self._items.parameters()]
        self._optimizer = torch.optim.SparseAdam(parameters, lr=0.01)
        self._loss = SampledSoftmax(1.0)

    def __call__(self, batch: Batch, allowed: torch.Tensor) -> None:
        self._optimizer.zero_grad(set_to_none=True)
        users = self._users(batch.users)
        items = self._items(torch.cat([batch.positives, batch.negatives]))
        count = len(batch.positives)
        own, others = (users * items[:count]).sum(1), users @ items[count:].T
        self._loss(own, others, allowed).backward()
        self._optimizer.step()


class SparseStep:
    """The project's step; with `explores`, rows are watched and their gradients accumulated."""

    def __init__(self, dim: int, density: float, explores: bool):
        generator = np.random.default_rng(0)
        tables = []
        for rows in (N_USERS, N_ITEMS):
            mask = random_mask(rows, dim, budget_of(density, rows, dim), generator)
            values = generator.standard_normal(len(mask.columns), dtype=np.float32)
            tables.append(SparseTable(mask.indptr, mask.columns, values, dim))
        self._model = MF(*tables, similarity="dot")
        self._optimizers = [RowAdam(table, lr=0.01) for table in tables]
        self._loss = SampledSoftmax(1.0)
        config = ExplorerConfig(interval=10**6, end=10**7)
        kind = "sparserec" if explores else "static"
        self._explorer = make_explorer(kind, tables, config, [np.ones(table.n_rows) for table in tables], 0)

    def __call__(self, batch: Batch, allowed: torch.Tensor) -> None:
        self._explorer.watch(1)
        self._loss(*self._model.scores(batch), allowed).backward()
        self._explorer.observe()
        for optimizer in self._optimizers:
            optimizer.step()


def batches(count: int, size: int, negatives: int) -> list[tuple[Batch, torch.Tensor]]:
    """Batches with popularity like that of real data: an item's share falls with its rank."""
    generator = np.random.default_rng(1)
    weights = 1 / np.arange(10, N_ITEMS + 10)
    weights /= weights.sum()
    none = np.zeros(N_USERS + 1, dtype=np.int64)
    sampler = NegativeSampler(none, np.zeros(0, np.int32), N_ITEMS, count=negatives)
    found = []
    for _ in range(count):
        users = generator.integers(0, N_USERS, size)
        items, allowed = sampler.draw(users, generator)
        positives = torch.from_numpy(generator.choice(N_ITEMS, size, p=weights))
        batch = Batch(torch.from_numpy(users), positives, torch.from_numpy(items))
        found.append((batch, torch.from_numpy(allowed)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--density", type=float, default=0.1)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--negatives", type=int, nargs="+", default=[256, 1024])
    parser.add_argument("--rounds", type=int, default=40, help="timed steps of each kind (default 40)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    args = parser.parse_args()
    rows = []
    for threads in args.threads:
        set_threads(threads)
        for negatives in args.negatives:
            steps = {
                "torch": TorchStep(args.dim),
                "sparse": SparseStep(args.dim, args.density, explores=False),
                "sparse, exploring": SparseStep(args.dim, args.density, explores=True),
            }
            times: dict[str, list[float]] = {name: [] for name in steps}
            for number, (batch, allowed) in enumerate(batches(args.rounds + 5, args.batch, negatives)):
                for name, step in steps.items():
                    began = time.perf_counter()
                    step(batch, allowed)
                    if number >= 5:  # the first ones compile and allocate
                        times[name].append(time.perf_counter() - began)
            medians = {name: statistics.median(values) for name, values in times.items()}
            rows.append(
                {
                    "threads": threads,
                    "negatives": negatives,
                    **{f"{name} ms": round(1000 * value, 2) for name, value in medians.items()},
                    "ratio": round(medians["sparse"] / medians["torch"], 3),
                    "ratio, exploring": round(medians["sparse, exploring"] / medians["torch"], 3),
                }
            )
            print(rows[-1], flush=True)
    facts = {"dim": args.dim, "density": args.density, "batch": args.batch, "rounds": args.rounds, "rows": rows}
    common.save("training_step", "python benchmarks/training_step.py", facts)


if __name__ == "__main__":
    main()
