"""What the second training loses by going on from the first one's table, and the time that it saves.

    python benchmarks/second_training.py --folder FOLDER [--datasets gowalla-again yelp2018-again] [--seeds 0 1 2]

Each run is trained once; its second training, on the validation part too, is then done again both ways: from the first
one's table with the last epochs alone, as is the rule where little joins, and from a start of its own with all epochs.
The exported file is measured on the test part, which is cut at random. What was measured is remembered in the folder.
Writes docs/results/second_training.json.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any
from unittest.mock import patch

from sparserec import train
from sparserec.bench.data import AT_RANDOM, data_root, dataset
from sparserec.bench.parts import finished
from sparserec.bench.script import Rows, remembered, run
from sparserec.device import Recommender
from sparserec.files import make_folder
from sparserec.runs import evaluate_on_device, refit

WAYS = {"goes on": refit.LITTLE, "from a start of its own": -1.0}
"""What the second training begins with, and the share of new interactions up to which it goes on from the first one."""


def main(
    *,
    folder: Annotated[Path, "for run folders and what was measured"],
    datasets: Sequence[str] = ("gowalla-again", "yelp2018-again"),
    budget: str = "24B/item",
    seeds: Sequence[int] = (0,),
    threads: Annotated[int | None, "all when not given"] = None,
) -> Rows:
    for name in datasets:
        for seed in seeds:
            place = folder / f"{name}-{budget.partition('/')[0]}-{seed}"
            known = {"budget": budget, "seed": seed, "threads": threads}
            goes, alone = (_measured(place, name, way, known) for way in WAYS)
            change = alone["ndcg@20"] / goes["ndcg@20"] - 1
            for row in (goes, {**alone, "change": f"{100 * change:+.2f} %"}):
                yield {"data": name, "budget": budget, "seed": seed, **row}
    return {"threads": threads}


def _measured(place: Path, name: str, way: str, known: dict[str, Any]) -> dict[str, Any]:
    """A row; remembered in the folder."""
    make_folder(place)
    path = place / f"{way.replace(' ', '-')}.json"
    return remembered(path, lambda: {"second": way, **_second(place, name, known, way)})


def _second(place: Path, name: str, known: dict[str, Any], way: str) -> dict[str, Any]:
    """Test figures of the second training in one way, and its CPU seconds."""
    data, first, folder = dataset(data_root(None), name), place / "first", place / "again"
    finished(train(data, first, data=AT_RANDOM, resume=first.exists(), **known))
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(first, folder, ignore=shutil.ignore_patterns("final"))
    before = time.process_time()
    with patch.object(refit, "LITTLE", WAYS[way]):
        ended = finished(train(data, folder, data=AT_RANDOM, resume=True, **known))
    seconds = round(time.process_time() - before, 1)
    file = place / "model.safetensors"
    ended.export(file)
    test = evaluate_on_device(Recommender.open(file), ended.split(), "test", (20,))
    return {**{metric: round(test[metric], 4) for metric in ("recall@20", "ndcg@20")}, "CPU s": seconds}


if __name__ == "__main__":
    run(main)
