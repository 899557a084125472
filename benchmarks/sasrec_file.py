"""SASRec as a device has it: what its exported file ranks, how large it is and how long an answer takes.

    python benchmarks/sasrec_file.py --folder FOLDER [--datasets ml-latest-small] [--recipes sasrec fism] [--threads 2]

The newest interaction of each user is the test part, the one before it the validation part, as in benchmarks/order.py.
The recipe is trained as it comes, under a byte budget of items and transformer together, and beside it that of the
closed form; the file ranks all items, and the test part is read once a file. What the bytes of the transformer
cost is measured on the validation part, with its matrices as they were trained, in half precision, and as they are in
the file; all else is that of the file. A run that is there already is not trained again. Writes
docs/results/sasrec_file.json.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from scipy.stats import spearmanr

from sparserec import Split, train
from sparserec.artefact import Encoder, inspect, read
from sparserec.bench.data import data_root, dataset
from sparserec.bench.parts import finished
from sparserec.bench.script import Rows, run
from sparserec.device import Recommender
from sparserec.device.contents import Contents
from sparserec.interactions import split
from sparserec.runs import evaluate_on_device
from sparserec.runs.run import Run

KS = (10, 20)
ASKED = 200
"""Histories that are timed."""


def main(
    *,
    folder: Annotated[Path, "for the run folders"],
    datasets: Sequence[str] = ("ml-latest-small",),
    recipes: Sequence[str] = ("sasrec", "fism"),
    budget: str = "24B/item",
    seed: int = 0,
    threads: Annotated[int | None, "all when not given"] = None,
) -> Rows:
    for name in datasets:
        for recipe in recipes:
            place = folder / f"{name}-{recipe}-{budget.partition('/')[0]}-{seed}"
            yield _measured(place, name, {"recipe": recipe, "budget": budget, "seed": seed}, threads)
    return {}


def _measured(place: Path, name: str, asked: dict[str, Any], threads: int | None) -> dict[str, Any]:
    known = dataset(data_root(None), name)
    before, there = time.process_time(), (place / "config.toml").exists()
    cut = {"split": "leave-last", "holdout": True}
    trained = finished(train(known, place, resume=True, data=cut, threads=threads, **asked))
    seconds = None if there else round(time.process_time() - before, 1)
    path, parts = place / "model.safetensors", split(known, kind="leave-last")
    trained.export(path)
    facts, model = inspect(path), Recommender.open(path)
    test = evaluate_on_device(model, parts, "test", KS)
    return {
        "data": name,
        **asked,
        **{f"{metric}@{k}": round(test[f"{metric}@{k}"], 4) for k in KS for metric in ("recall", "ndcg")},
        "valid ndcg@20": round(trained.valid_metrics()["ndcg@20"], 4),
        **(_by_precision(path, trained, parts) if facts["encoder"] else {}),
        "bytes an item": round(facts["bytes_per_item"], 1),
        "bytes of the transformer": facts["bytes"]["encoder"],
        "ms an answer": _milliseconds(model, parts),
        "popular, rank correlation": _popular(model, parts),
        "CPU s": seconds,
    }


def _by_precision(path: Path, trained: Run, parts: Split) -> dict[str, float]:
    """NDCG@20 of the validation part by what the matrices of the transformer are stored in."""
    file = read(path)
    given = trained.best()[0].served().encoder
    assert given is not None
    assert file.encoder is not None
    ways = {
        "float32": given[0].astype(np.float64),
        "float16": given[0].astype(np.float16).astype(np.float64),
        "int8": file.encoder.matrices,
    }
    found = {}
    for way, matrices in ways.items():
        contents = replace(Contents.of(file), encoder=Encoder(matrices, file.encoder.vectors))
        metrics = evaluate_on_device(Recommender(contents), parts, "valid", (20,))
        found[f"file's valid ndcg@20, {way}"] = round(metrics["ndcg@20"], 5)
    return found


def _milliseconds(model: Recommender, parts: Split) -> float:
    """Median time of a recommendation of 20 items for users' whole histories."""
    indptr, items = parts.history("test").ordered()
    names, times = model.item_ids, []
    for user in range(min(ASKED, len(indptr) - 1)):
        history = [names[item] for item in items[indptr[user] : indptr[user + 1]].tolist()]
        began = time.perf_counter()
        model.recommend(history)
        times.append(time.perf_counter() - began)
    return round(1000 * statistics.median(times), 2)


def _popular(model: Recommender, parts: Split) -> float:
    """How near the order of `popular` comes to that of the true numbers of users."""
    place = {item: number for number, item in enumerate(model.item_ids)}
    order = [place[item] for item, _ in model.popular(model.n_items)]
    return round(float(spearmanr(np.arange(len(order)), -parts.train.item_degrees()[order]).statistic), 3)


if __name__ == "__main__":
    run(main)
