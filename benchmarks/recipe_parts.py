"""What each part of the default recipe adds: one part taken away at a time, judged on the validation part alone.

    python benchmarks/recipe_parts.py --folder FOLDER [--datasets gowalla beauty] [--budget 24B/item] [--threads 2]

The exported file is judged, of the first training: there is no second one on everything, and the test part isn't read.
Item columns go with the whole spectrum, since the low one has none. A data set with times is cut by them: the newest
interaction of a user is the test part, the one before it the validation part. What was measured is remembered in the
folder. Writes docs/results/recipe_parts.json.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from sparserec import train
from sparserec.bench.data import GIVEN, HELD_OUT, data_root, dataset
from sparserec.bench.parts import finished
from sparserec.bench.script import Rows, remembered, run
from sparserec.device import Recommender
from sparserec.files import make_folder
from sparserec.runs import evaluate_on_device

NOTHING = "nothing"
WITHOUT: dict[str, dict[str, Any]] = {
    NOTHING: {},
    "order": {"order": {"use": False}},
    "whole spectrum": {"teacher": {"spectrum": "low"}},
    "item columns": {"teacher": {"item_columns": False}},
    "exploration": {"method": "static"},
    "teacher, softmax over interactions instead": {"loss": "softmax"},
    "training, the start as it is": {"epochs": 0, "small_epochs": None},
}
"""What is taken away, and the settings that do it."""


def main(
    *,
    folder: Annotated[Path, "for run folders and what was measured"],
    datasets: Sequence[str] = ("gowalla", "beauty"),
    budget: str = "24B/item",
    parts: Annotated[Sequence[str], "what is taken away"] = tuple(WITHOUT),
    seeds: Sequence[int] = (0,),
    threads: Annotated[int | None, "all when not given"] = None,
) -> Rows:
    for name in datasets:
        for part in parts:
            if part == "order" and name in GIVEN:
                continue  # these have no times
            for seed in seeds:
                row, whole = (_measured(folder, name, budget, each, seed, threads) for each in (part, NOTHING))
                change = row["valid ndcg@20"] / whole["valid ndcg@20"] - 1
                yield {**row, "change": "" if part == NOTHING else f"{100 * change:+.1f} %"}
    return {"threads": threads}


def _measured(folder: Path, name: str, budget: str, part: str, seed: int, threads: int | None) -> dict[str, Any]:
    """A row; remembered in the folder."""
    place = folder / f"{name}-{budget.partition('/')[0]}-{'-'.join(part.replace(',', '').split())}-{seed}"
    make_folder(place)
    return remembered(
        place / "measured.json",
        lambda: {
            "data": name,
            "budget": budget,
            "without": part,
            "seed": seed,
            **_trained(place / "run", name, budget, WITHOUT[part], seed, threads),
        },
    )


def _trained(
    place: Path, name: str, budget: str, changed: dict[str, Any], seed: int, threads: int | None
) -> dict[str, Any]:
    """Validation figures and CPU seconds of a training."""
    known = dataset(data_root(None), name)
    cut = HELD_OUT if name in GIVEN else {**HELD_OUT, "split": "leave-last"}
    before = time.process_time()
    ended = finished(
        train(known, place, budget=budget, seed=seed, data=cut, refit=False, threads=threads, resume=True, **changed)
    )
    seconds = round(time.process_time() - before, 1)
    ended.export(place.parent / "model.safetensors")
    valid = evaluate_on_device(Recommender.open(place.parent / "model.safetensors"), ended.split(), "valid", (20,))
    return {f"valid {metric}": round(valid[metric], 4) for metric in ("recall@20", "ndcg@20")} | {"CPU s": seconds}


if __name__ == "__main__":
    run(main)
