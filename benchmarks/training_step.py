"""A training step: SparseTable and RowAdam against nn.Embedding(sparse=True) and SparseAdam, in one run.

Both do the same matrix factorisation step: the same batch, negatives, loss and width. Rounds alternate; medians are
compared. The sparse side is measured with the mask standing still and while an exploration window is open.

    python benchmarks/training_step.py
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import torch

from sparserec.bench.parts import Step, random_table, set_threads
from sparserec.bench.script import Rows, run
from sparserec.bench.timing import medians
from sparserec.objectives import NegativeSampler, SampledSoftmax
from sparserec.recommenders import MF, Batch
from sparserec.sparsity import ExplorerConfig, make_explorer
from sparserec.tables import RowAdam

N_USERS, N_ITEMS = 29_858, 40_981  # Gowalla's
Example = tuple[Batch, torch.Tensor]


class TorchStep:
    """What torch offers for large tables: sparse gradients and SparseAdam."""

    def __init__(self, dim: int):
        self._users, self._items = (torch.nn.Embedding(n, dim, sparse=True) for n in (N_USERS, N_ITEMS))
        parameters = [*self._users.parameters(), *self._items.parameters()]
        self._optimizer = torch.optim.SparseAdam(parameters, lr=0.01)
        self._loss = SampledSoftmax(1.0)

    def __call__(self, example: Example) -> None:
        batch, allowed = example
        self._optimizer.zero_grad(set_to_none=True)
        users, count = self._users(batch.users), len(batch.positives)
        items = self._items(torch.cat([batch.positives, batch.negatives]))
        self._loss((users * items[:count]).sum(1), users @ items[count:].T, allowed).backward()
        self._optimizer.step()


class SparseStep:
    """The project's step; with `explores`, rows are watched and their gradients accumulated."""

    def __init__(self, dim: int, density: float, explores: bool):
        generator = np.random.default_rng(0)
        tables = [random_table(rows, dim, density, generator) for rows in (N_USERS, N_ITEMS)]
        self._model, self._loss = MF(*tables, similarity="dot"), SampledSoftmax(1.0)
        config = ExplorerConfig(interval=10**6, end=10**7)
        kind = "sparserec" if explores else "static"
        explorer = make_explorer(kind, tables, config, [np.ones(table.n_rows) for table in tables], 0)
        self._step = Step(explorer, [RowAdam(table, lr=0.01) for table in tables])

    def __call__(self, example: Example) -> None:
        self._step(1, lambda: self._loss(*self._model.scores(example[0]), example[1]))


def batches(count: int, size: int, negatives: int) -> list[Example]:
    """Batches with popularity like that of real data: an item's share falls with its rank."""
    generator = np.random.default_rng(1)
    weights = 1 / np.arange(10, N_ITEMS + 10)
    weights /= weights.sum()
    nothing = np.zeros(N_USERS + 1, dtype=np.int64)
    sampler, examples = NegativeSampler(nothing, np.zeros(0, np.int32), N_ITEMS, count=negatives), []
    for _ in range(count):
        users = generator.integers(0, N_USERS, size)
        items, allowed = sampler.draw(users, generator)
        positives = torch.from_numpy(generator.choice(N_ITEMS, size, p=weights))
        batch = Batch(torch.from_numpy(users), positives, torch.from_numpy(items))
        examples.append((batch, torch.from_numpy(allowed)))
    return examples


def main(
    dim: int = 64,
    density: float = 0.1,
    batch: int = 1024,
    negatives: Sequence[int] = (256, 1024),
    rounds: Annotated[int, "timed steps of each kind"] = 40,
    threads: Sequence[int] = (1, 2),
) -> Rows:
    for count in threads:
        set_threads(count)
        for drawn in negatives:
            steps = {
                "torch": TorchStep(dim),
                "sparse": SparseStep(dim, density, explores=False),
                "sparse, exploring": SparseStep(dim, density, explores=True),
            }
            seconds = medians(steps, batches(rounds + 5, batch, drawn), warm=5)  # the first ones compile and allocate
            yield {
                "threads": count,
                "negatives": drawn,
                **{f"{name} ms": round(1000 * value, 2) for name, value in seconds.items()},
                "ratio": round(seconds["sparse"] / seconds["torch"], 3),
                "ratio, exploring": round(seconds["sparse, exploring"] / seconds["torch"], 3),
            }
    return {"dim": dim, "density": density, "batch": batch, "rounds": rounds}


if __name__ == "__main__":
    run(main, quick={"batch": 64, "negatives": [16], "rounds": 3, "threads": [1]})
