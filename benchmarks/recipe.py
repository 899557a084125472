"""The default recipe as it comes through the command line: what its file is worth, and what training it takes.

    python benchmarks/recipe.py --folder FOLDER [--jobs gowalla:12 gowalla-again:24 beauty:24] [--seeds 0 1 2]
    python benchmarks/recipe.py --folder FOLDER --jobs gowalla:12 --earlier CHECKOUT    # and an earlier version, after it

A job is a data set and bytes an item. `gowalla-again` and `yelp2018-again` are the two cut anew: a fifth of each user's
interactions, at random, is the test part; beauty, sports and ml-latest-small have the newest interaction of each user
there. Each job is a run of `sparserec train`, `export` and `evaluate` of the file, the test part read once. CPU and
wall seconds and peak memory are those of `train` alone, its import and both its trainings included. What was measured
is remembered in the folder. Writes docs/results/recipe.json.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from sparserec.bench.data import data_path, data_root
from sparserec.bench.script import Rows, remembered, run
from sparserec.files import make_folder

KS = (10, 20)
AGAIN = "-again"
BY_TIME = ("beauty", "sports", "ml-latest-small")


def main(
    *,
    folder: Annotated[Path, "for run folders, files and what was measured"],
    jobs: Annotated[Sequence[str], "DATA:BYTES"] = ("gowalla:12", "gowalla:24", "yelp2018:12", "yelp2018:24"),
    seeds: Sequence[int] = (0,),
    earlier: Annotated[Path | None, "a checkout of an earlier version, trained beside this one"] = None,
    threads: int = 2,
) -> Rows:
    versions = {"this": None, **({"earlier": earlier} if earlier else {})}
    for name, _, budget in (job.partition(":") for job in jobs):
        for seed in seeds:
            for version, checkout in versions.items():
                place = folder / f"{name}-{budget}-{seed}-{version}"
                make_folder(place)
                yield remembered(
                    place / "measured.json",
                    lambda job=(name, budget, seed), kind=(version, checkout), place=place: _measured(
                        *job, *kind, place, folder, threads
                    ),
                )
    return {"threads": threads}


def _measured(
    name: str, budget: str, seed: int, version: str, checkout: Path | None, place: Path, folder: Path, threads: int
) -> dict[str, Any]:
    """A row: train, export, evaluate the file."""
    data = _data(name, folder)
    run_folder, file = place / "run", place / "model.safetensors"
    split = ["--split", "leave-last"] if name in BY_TIME else []
    if checkout is None:
        split.append("--holdout")  # an earlier version held its test part out in any case
    settings = ["--budget", f"{budget}B/item", "--seed", seed, "--threads", threads, *split]
    cost, _ = _command(checkout, "train", data, *settings, "--out", run_folder)
    _, exported = _command(checkout, "export", run_folder, "--out", file, "--json")
    ks = [word for k in KS for word in ("-k", k)]
    _, evaluated = _command(checkout, "evaluate", file, data, "--json", *ks)
    metrics = json.loads(evaluated)
    return {
        "data": name,
        "budget": f"{budget}B/item",
        "version": version,
        "seed": seed,
        **{f"{metric}@{k}": round(metrics[f"{metric}@{k}"], 4) for k in KS for metric in ("recall", "ndcg")},
        "bytes an item": round(json.loads(exported)["bytes_per_item"], 2),
        **cost,
    }


def _command(checkout: Path | None, *words: object) -> tuple[dict[str, Any], str]:
    """What one command took, and its standard output."""
    source = {"PYTHONPATH": str(checkout.resolve() / "src")} if checkout else {}
    call = [sys.executable, "-c", "from sparserec.cli import main; main()", *map(str, words)]
    begun = time.perf_counter()
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True, env=os.environ | source) as process:
        text = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, call)
    return {
        "wall s": round(time.perf_counter() - begun, 1),
        "CPU s": round(used.ru_utime + used.ru_stime, 1),
        "peak MB": round(used.ru_maxrss * 1024 / 1e6),
    }, text


def _data(name: str, folder: Path) -> Path:
    """The interactions of a data set; cut anew by the script that lies beside the data sets, once."""
    if not name.endswith(AGAIN):
        place = data_path(name)
        ratings = place / "ratings.csv"  # as MovieLens has it, beside files of titles
        return ratings if ratings.exists() else place
    place, script = folder / name, data_root(None) / "resplit.py"
    if not (place / "test.txt").exists():
        subprocess.run([sys.executable, script, data_path(name.removesuffix(AGAIN)), place, "0"], check=True)
    return place


if __name__ == "__main__":
    run(main)
