"""The main job on real data through the command line: train, evaluate, export, inspect, recommend on gowalla, timed.

python benchmarks/main_job.py --folder FOLDER
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import common


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="gets run/ and model.safetensors")
    args = parser.parse_args()
    data, run, file = common.data_path("gowalla"), args.folder / "run", args.folder / "model.safetensors"
    commands = {
        "train": ["train", data, "--model", "mf", "--dim", "64", "--density", "0.1", "--out", str(run)],
        "evaluate the run": ["evaluate", str(run), data, "--json"],
        "export": ["export", str(run), "--out", str(file), "--json"],
        "evaluate the file": ["evaluate", str(file), data, "--json"],
        "recommend": ["recommend", str(file), "--user", "0", "-k", "5", "--json"],
    }
    times, answers = {}, {}
    for name, command in commands.items():
        began = time.perf_counter()
        call = [sys.executable, "-c", "from sparserec.cli import main; main()", *command]
        answers[name] = subprocess.run(call, stdout=subprocess.PIPE, text=True, check=True).stdout
        times[f"{name} s"] = round(time.perf_counter() - began, 1)
        print(name, times[f"{name} s"], flush=True)
    facts = json.loads(answers["export"])
    metrics = {name: json.loads(answers[f"evaluate the {name}"]) for name in ("run", "file")}
    kept = ("recall@20", "ndcg@20", "users")
    result = {
        **times,
        **{f"test, from the {name}": {k: round(v[k], 4) for k in kept} for name, v in metrics.items()},
        "bytes": facts["bytes"],
        "bytes an item, users' share included": round(facts["bytes_per_item"], 2),
    }
    shown = " ".join(["sparserec", *commands["train"]]).replace(data, "$SPARSEREC_DATA/gowalla")
    common.save("main_job", shown.replace(str(run), "run") + "; then evaluate, export, evaluate, recommend", result)


if __name__ == "__main__":
    main()
