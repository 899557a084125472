"""Latency of the device runtime on one core: opening a file, and `Recommender.recommend` by user and by history.

    python benchmarks/latency.py model.safetensors [--data DATA]

Histories are those of the data's users where DATA is given (the set the model was trained on), else 30 random items.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402

import common  # noqa: E402
from sparserec.device import Recommender  # noqa: E402


def histories(model: Recommender, data: str | None, count: int, generator: np.random.Generator) -> list[list[str]]:
    ids = model.item_ids
    if data is None:
        return [[ids[i] for i in generator.choice(len(ids), 30, replace=False)] for _ in range(count)]
    import sparserec

    facts = sparserec.load(data).interactions
    users = generator.choice(np.flatnonzero(facts.user_degrees() > 0), count)
    return [[ids[i] for i in facts.indices[facts.indptr[u] : facts.indptr[u + 1]]] for u in users]


def quantiles(calls: list) -> dict[str, float]:
    times = []
    for call in calls:
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return {f"p{q} ms": round(1000 * float(np.percentile(times, q)), 3) for q in (50, 99)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", help="histories of these users; must be the data of the model")
    parser.add_argument("--calls", type=int, default=2000)
    args = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[-1]})
    began = time.perf_counter()
    model = Recommender.open(args.model)
    opened = time.perf_counter() - began
    generator = np.random.default_rng(0)
    taken = histories(model, args.data, args.calls, generator)
    model.recommend(history=taken[0])
    result = {
        "items": model.n_items,
        "users": model.n_users,
        "columns": model.card.dim,
        "values": model.card.nnz,
        "file bytes": args.model.stat().st_size,
        "opening ms": round(1000 * opened, 1),
        "by history": quantiles([lambda h=h: model.recommend(history=h, k=20) for h in taken]),
        "mean history": round(float(np.mean([len(h) for h in taken])), 1),
    }
    if model.has_users:
        names = [str(name) for name in generator.choice(model.user_ids, args.calls)]
        result["by user"] = quantiles([lambda u=u: model.recommend(user=u, k=20) for u in names])
    data = " --data $SPARSEREC_DATA/gowalla" if args.data else ""
    common.save("latency", f"python benchmarks/latency.py {args.model.name}{data}", result)


if __name__ == "__main__":
    main()
