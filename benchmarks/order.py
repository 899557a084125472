"""The order of histories: what the default recipe makes of it, from the exported file.

    python benchmarks/order.py --folder FOLDER [--datasets beauty sports ml-latest-small] [--threads 2]

The newest interaction of each user is the test part, the one before it the validation part. The recipe is trained as it
comes, with each budget and seed; its file then ranks all items for the test part, which is read once a file, with
histories of all that came before. With `--parts`, beauty with one thing taken away at a time, judged on the validation
part alone. A run that is there already is not trained again. Writes docs/results/order.json.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from sparserec import Split, train
from sparserec.artefact.inspection import inspect
from sparserec.bench.data import data_root, dataset
from sparserec.bench.parts import finished
from sparserec.bench.script import Rows, run
from sparserec.device import Recommender
from sparserec.interactions import split
from sparserec.runs import evaluate_on_device
from sparserec.runs.run import Run

KS = (10, 20)
WITHOUT = {
    "as it comes": {},
    "age counts for nothing": {"age_decay": 1.0},
    "direction counts for nothing": {"back": 1.0},
    "neighbours in a history alone": {"gap": 1},
    "numbers of interactions count for nothing": {"into": 0.0, "out": 0.0},
    "no order at all": {"use": False},
}


def main(
    *,
    folder: Annotated[Path, "for the run folders"],
    datasets: Sequence[str] = ("beauty", "sports", "ml-latest-small"),
    budgets: Sequence[str] = ("24B/item", "12B/item"),
    seeds: Sequence[int] = (0, 1, 2),
    without_order: Annotated[Sequence[str], "data sets that are trained without order too, with seed 0"] = (
        "ml-latest-small",
    ),
    parts: Annotated[bool, "beauty with one thing taken away at a time"] = False,
    threads: Annotated[int | None, "all when not given"] = None,
) -> Rows:
    for name in datasets:
        for budget in budgets:
            for seed in seeds:
                yield _measured(folder, name, budget, seed, {}, threads)
        if name in without_order:
            yield _measured(folder, name, budgets[0], 0, {"use": False}, threads)
    taken_away = [_judged(folder, words, order, threads) for words, order in WITHOUT.items()] if parts else []
    return {"parts": taken_away} if parts else {}


def _measured(
    folder: Path, name: str, budget: str, seed: int, order: dict[str, Any], threads: int | None
) -> dict[str, Any]:
    """A row of test figures, from the file."""
    words = "without order" if order else "as it comes"
    place = folder / f"{name}-{budget.partition('/')[0]}-{seed}{'-without' if order else ''}"
    seconds, trained, parts = _trained(place, name, budget, seed, order, threads)
    trained.export(place / "model.safetensors")
    metrics = evaluate_on_device(Recommender.open(place / "model.safetensors"), parts, "test", KS)
    return {
        "data": name,
        "recipe": words,
        "budget": budget,
        "seed": seed,
        **{f"{metric}@{k}": round(metrics[f"{metric}@{k}"], 4) for k in KS for metric in ("recall", "ndcg")},
        "valid ndcg@20": round(trained.valid_metrics()["ndcg@20"], 4),
        "bytes an item": round(inspect(place / "model.safetensors")["bytes_per_item"], 1),
        "CPU s": seconds,
    }


def _judged(folder: Path, words: str, order: dict[str, Any], threads: int | None) -> dict[str, Any]:
    """A row of validation figures of beauty."""
    place = folder / f"parts-{words.replace(' ', '-')}"
    seconds, trained, _ = _trained(place, "beauty", "24B/item", 0, order, threads)
    return {"beauty": words, "valid ndcg@20": round(trained.valid_metrics()["ndcg@20"], 4), "CPU s": seconds}


def _trained(
    place: Path, name: str, budget: str, seed: int, order: dict[str, Any], threads: int | None
) -> tuple[float | None, Run, Split]:
    """CPU seconds of both trainings, None where they were there already; the run and its data."""
    known = dataset(data_root(None), name)
    cut = {"split": "leave-last", "holdout": True}
    before = time.process_time()
    there = (place / "config.toml").exists()
    trained = finished(
        train(known, place, budget=budget, seed=seed, data=cut, order=order, threads=threads, resume=True)
    )
    return None if there else round(time.process_time() - before, 1), trained, split(known, kind="leave-last")


if __name__ == "__main__":
    run(main)
