"""What it is worth to train on everything: NDCG@20 on an outer holdout, with and without a test part of its own.

    python benchmarks/everything.py --folder FOLDER [--seeds 0 1 2] [--threads 1]

A fifth of each user's interactions is cut off first, seed by seed, and no training ever sees it. On the rest the recipe
is trained as it comes: once with a test part of its own held out, as a benchmark does, and once on everything. Both
files rank for the outer holdout, histories being all of the rest. A training that was cut off goes on in its folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

from sparserec import load, split, train
from sparserec.bench.data import AT_RANDOM, data_path
from sparserec.bench.measure import METRICS, file_bytes
from sparserec.bench.parts import finished
from sparserec.bench.script import Rows, run
from sparserec.device import Recommender
from sparserec.interactions import Dataset
from sparserec.runs import evaluate_on_device

TRAINED_ON: dict[str, dict[str, Any]] = {
    "all but a test part": AT_RANDOM,
    "everything": {**AT_RANDOM, "holdout": False},
}


def main(
    *,
    folder: Annotated[Path, "for the run folders"],
    dataset: str = "ml-latest-small",
    seeds: Sequence[int] = (0, 1, 2),
    recipe: str = "fism",
    budget: Annotated[str | None, "that of the recipe when not given"] = None,
    epochs: Annotated[int | None, "those of the recipe when not given"] = None,
    threads: Annotated[int | None, "all when not given"] = None,
) -> Rows:
    source = data_path(dataset)
    ratings = source / "ratings.csv"
    whole, gains = load(ratings if ratings.exists() else source), []
    for seed in seeds:
        outer = split(whole, kind="random", seed=seed)
        inner = Dataset(outer.history("test"), None, dataset, whole.timestamped)
        figures = {}
        for words, held_out in TRAINED_ON.items():
            place = folder / f"{seed}-{words.replace(' ', '-')}"
            given: dict[str, Any] = {"recipe": recipe, "budget": budget, "epochs": epochs, "seed": seed}
            parts = {**held_out, "split_seed": seed + 100}
            trained = finished(train(inner, place, threads=threads, resume=True, refit=True, data=parts, **given))
            trained.export(place / "model.safetensors")
            metrics = evaluate_on_device(Recommender.open(place / "model.safetensors"), outer, "test")
            figures[words] = metrics["ndcg@20"]
            yield {
                "seed": seed,
                "trained on": words,
                **{name: round(metrics[name], 4) for name in METRICS},
                "users": metrics.users,
                "bytes": file_bytes(place / "model.safetensors"),
            }
        without, everything = figures.values()
        gains.append(everything / without - 1)
    return {"recipe": recipe, "data": dataset, "NDCG@20 gained by everything %": round(100 * fmean(gains), 1)}


if __name__ == "__main__":
    run(main, quick={"recipe": "spectral", "seeds": (0,)})
