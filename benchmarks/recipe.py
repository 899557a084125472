"""The default recipe as it comes through the command line: what its exported file is worth.

    python benchmarks/recipe.py --folder FOLDER [--jobs gowalla:12 gowalla-again:24 beauty:24] [--seeds 0 1 2]

A job is a data set and bytes an item. `gowalla-again` and `yelp2018-again` are the two cut anew: a fifth of each user's
interactions, at random, is the test part; beauty, sports and ml-latest-small have the newest interaction of each user
there. Each job is a run of `sparserec train`, `export` and `evaluate` of the file, the test part read once. CPU and
wall seconds and peak memory are those of `train` alone, its import and both its trainings included. What was measured
is remembered in the folder, and with other jobs and seeds it stays in the results: long work can be done part by part.
Writes docs/results/recipe.json; `earlier.py` measures an earlier version beside this one.
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
THIS, MEASURED = "this", "measured.json"
JOBS = (
    *("gowalla:12", "gowalla:24", "yelp2018:12", "yelp2018:24"),
    *("gowalla-again:24", "yelp2018-again:24", "beauty:12", "beauty:24", "sports:24", "ml-latest-small:24"),
)
Row = dict[str, Any]
BY_TIME = ("beauty", "sports", "ml-latest-small")


def main(
    *,
    folder: Annotated[Path, "for run folders, files and what was measured"],
    jobs: Annotated[Sequence[str], "DATA:BYTES"] = JOBS,
    seeds: Sequence[int] = (0, 1, 2),
    threads: int = 2,
) -> Rows:
    for job in jobs:
        for seed in seeds:
            yield measured(folder, job, seed, threads)
    asked = {_place(folder, job, seed, THIS) for job in jobs for seed in seeds}
    for known in sorted(folder.glob(f"*-{THIS}/{MEASURED}")):
        if known.parent not in asked:
            yield json.loads(known.read_text())
    return {"threads": threads}


def measured(folder: Path, job: str, seed: int, threads: int, version: str = THIS, source: Path | None = None) -> Row:
    """A row: figures of the exported file, and what its training took; remembered in the folder.

    Args:
        folder: for everything.
        job: DATA:BYTES.
        seed: of the training.
        threads: of each command.
        version: its name.
        source: the checkout of the version; this one when None.
    """
    name, _, budget = job.partition(":")
    place = _place(folder, job, seed, version)
    make_folder(place)
    return remembered(
        place / MEASURED,
        lambda: {
            "data": name,
            "budget": f"{budget}B/item",
            "version": version,
            "seed": seed,
            **_made(job, job_data(job, folder), seed, source, place, threads),
        },
    )


def _place(folder: Path, job: str, seed: int, version: str) -> Path:
    """The folder of a row."""
    return folder / f"{job.replace(':', '-')}-{seed}-{version}"


def _made(job: str, data: Path, seed: int, source: Path | None, place: Path, threads: int) -> Row:
    """Train, export, evaluate the file."""
    run_folder, file = place / "run", place / "model.safetensors"
    cost, _ = command(source, *train_words(job, data, source, seed, threads), "--out", run_folder)
    _, exported = command(source, "export", run_folder, "--out", file, "--json")
    _, evaluated = command(source, "evaluate", file, data, "--json", *(word for k in KS for word in ("-k", k)))
    metrics = json.loads(evaluated)
    return {
        **{f"{metric}@{k}": round(metrics[f"{metric}@{k}"], 4) for k in KS for metric in ("recall", "ndcg")},
        "bytes an item": round(json.loads(exported)["bytes_per_item"], 2),
        **cost,
    }


def train_words(job: str, data: Path, source: Path | None, seed: int, threads: int) -> list[object]:
    """The command line of a training, but for its run folder."""
    name, _, budget = job.partition(":")
    split = ["--split", "leave-last"] if name in BY_TIME else []
    if source is None:
        split.append("--holdout")  # an earlier version held its test part out in any case
    return ["train", data, "--budget", f"{budget}B/item", "--seed", seed, "--threads", threads, *split]


def command(source: Path | None, *words: object) -> tuple[Row, str]:
    """What one command took, and its standard output."""
    path = {"PYTHONPATH": str(source.resolve() / "src")} if source else {}
    call = [sys.executable, "-c", "from sparserec.cli import main; main()", *map(str, words)]
    begun = time.perf_counter()
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True, env=os.environ | path) as process:
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


def job_data(job: str, folder: Path) -> Path:
    """The interactions of a job's data set; cut anew by the script that lies beside the data sets, once."""
    name = job.partition(":")[0]
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
