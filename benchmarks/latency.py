"""Latency of the device runtime on one core: opening a file, and `Recommender.recommend` by user and by history.

    python benchmarks/latency.py model.safetensors [--data DATA]

Histories are those of the data's users where DATA is given (the set the model was trained on), else 30 random items.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from sparserec.bench.machine import one_core, one_thread

one_thread()

import numpy as np  # noqa: E402

from sparserec.bench.histories import random_histories, user_histories  # noqa: E402
from sparserec.bench.script import run  # noqa: E402
from sparserec.bench.timing import quantiles, timed, turns  # noqa: E402
from sparserec.device import Recommender  # noqa: E402

K = 20


def main(
    model: Path,
    data: Annotated[Path | None, "histories of these users; must be the data of the model"] = None,
    calls: int = 2000,
) -> dict:
    one_core()
    opening, runtime = timed(lambda: Recommender.open(model))
    generator, ids = np.random.default_rng(0), runtime.item_ids
    if data is None:
        histories = random_histories(ids, 30, calls, generator)
    else:
        histories = user_histories(data, ids, 1, None, calls, generator)
    ways = {"by history": (lambda history: runtime.recommend(history=history, k=K), histories)}
    if runtime.has_users:
        users = [str(name) for name in generator.choice(runtime.user_ids, calls)]
        ways["by user"] = (lambda user: runtime.recommend(user=user, k=K), users)
    runtime.recommend(history=histories[0])
    times = {name: quantiles(turns({"": call}, asked)[""]) for name, (call, asked) in ways.items()}
    return {
        "items": runtime.n_items,
        "users": runtime.n_users,
        "columns": runtime.card.dim,
        "values": runtime.card.nnz,
        "file bytes": model.stat().st_size,
        "opening ms": round(1000 * opening, 1),
        "by history": times.pop("by history"),
        "mean history": round(float(np.mean([len(history) for history in histories])), 1),
        **times,
    }


if __name__ == "__main__":
    run(main, quick={"calls": 20})
