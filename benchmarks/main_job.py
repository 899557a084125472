"""The main job on real data through the command line: train, evaluate, export, recommend on gowalla, timed.

python benchmarks/main_job.py --folder FOLDER
python benchmarks/main_job.py --folder FOLDER --history     # the default recipe, 12 B/item: has no user table
python benchmarks/main_job.py --folder FOLDER --spectral    # its start alone, which is not trained
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import common

MF = ["--model", "mf", "--dim", "64", "--density", "0.1"]
HISTORY = ["--budget", "12B/item"]
SPECTRAL = ["--recipe", "spectral", "--budget", "12B/item"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="gets run/ and model.safetensors")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--history", action="store_true", help="the default recipe at 12 B/item instead of MF")
    kind.add_argument("--spectral", action="store_true", help="recipe spectral at 12 B/item instead of MF")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    data, run, file = common.data_path("gowalla"), args.folder / "run", args.folder / "model.safetensors"
    by_history = args.history or args.spectral
    asked = ["--history", "0,1,2"] if by_history else ["--user", "0"]
    recipe = HISTORY if args.history else SPECTRAL if args.spectral else MF
    commands = {
        "train": ["train", data, *recipe, "--out", str(run)],
        "evaluate the run": ["evaluate", str(run), data, "--json"],
        "export": ["export", str(run), "--out", str(file), "--json"],
        "evaluate the file": ["evaluate", str(file), data, "--json"],
        "recommend": ["recommend", str(file), *asked, "-k", "5", "--json"],
    }
    times, answers = {}, {}
    for name, command in commands.items():
        began = time.perf_counter()
        call = [sys.executable, "-c", "from sparserec.cli import main; main()", *command]
        answers[name] = subprocess.run(call, stdout=subprocess.PIPE, text=True, check=True).stdout
        times[f"{name} s"] = round(time.perf_counter() - began, 1)
        if name == "train":
            times["peak RSS of training MB"] = round(
                resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6
            )
        print(name, times[f"{name} s"], flush=True)
    facts = json.loads(answers["export"])
    metrics = {name: json.loads(answers[f"evaluate the {name}"]) for name in ("run", "file")}
    kept = ("recall@20", "ndcg@20", "users")
    users = "" if by_history else ", users' share included"
    result = {
        **times,
        **{f"test, from the {name}": {k: round(v[k], 4) for k in kept} for name, v in metrics.items()},
        "bytes": facts["bytes"],
        f"bytes an item{users}": round(facts["bytes_per_item"], 2),
    }
    shown = " ".join(["sparserec", *commands["train"]]).replace(data, "$SPARSEREC_DATA/gowalla")
    name = "main_job_history" if args.history else "main_job_spectral" if args.spectral else "main_job"
    common.save(name, shown.replace(str(run), "run") + "; then evaluate, export, evaluate, recommend", result)


if __name__ == "__main__":
    main()
