"""The main job on real data through the command line: train, evaluate, export, recommend on gowalla, timed.

python benchmarks/main_job.py --folder FOLDER
python benchmarks/main_job.py --folder FOLDER --history     # the default recipe, 12 B/item: has no user table
python benchmarks/main_job.py --folder FOLDER --spectral    # its start alone, which is not trained
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Annotated

from sparserec.bench.data import data_path
from sparserec.bench.script import run, save
from sparserec.bench.timing import timed

MF = ["--model", "mf", "--dim", "64", "--density", "0.1"]
HISTORY = ["--budget", "12B/item"]
SPECTRAL = ["--recipe", "spectral", *HISTORY]
METRICS = ("recall@20", "ndcg@20", "users")


def main(
    *,
    folder: Annotated[Path, "gets run/ and model.safetensors"],
    history: Annotated[bool, "the default recipe at 12 B/item instead of MF"] = False,
    spectral: Annotated[bool, "recipe spectral at 12 B/item instead of MF"] = False,
    dataset: str = "gowalla",
    user: Annotated[str, "who is recommended to, where there is a user table"] = "0",
    items: Annotated[str, "of whose history, where there is none"] = "0,1,2",
    out: Path | None = None,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    data, run_folder, file = str(data_path(dataset)), str(folder / "run"), str(folder / "model.safetensors")
    by_history = history or spectral
    asked = ["--history", items] if by_history else ["--user", user]
    settings = SPECTRAL if spectral else HISTORY if history else MF
    commands = {
        "train": ["train", data, *settings, "--holdout", "--out", run_folder],
        "evaluate the run": ["evaluate", run_folder, data, "--json"],
        "export": ["export", run_folder, "--out", file, "--json"],
        "evaluate the file": ["evaluate", file, data, "--json"],
        "recommend": ["recommend", file, *asked, "-k", "5", "--json"],
    }
    figures, answers = {}, {}
    for name, command in commands.items():
        call = [sys.executable, "-c", "from sparserec.cli import main; main()", *command]
        seconds, done = timed(lambda call=call: subprocess.run(call, stdout=subprocess.PIPE, text=True, check=True))
        answers[name], figures[f"{name} s"] = done.stdout, round(seconds, 1)
        if name == "train":
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
            figures["peak RSS of training MB"] = round(peak / 1e6)
        print(name, figures[f"{name} s"], flush=True)
    facts, users = json.loads(answers["export"]), "" if by_history else ", users' share included"
    metrics = {name: json.loads(answers[f"evaluate the {name}"]) for name in ("run", "file")}
    result = {
        **figures,
        **{f"test, from the {name}": {k: round(v[k], 4) for k in METRICS} for name, v in metrics.items()},
        "bytes": facts["bytes"],
        f"bytes an item{users}": round(facts["bytes_per_item"], 2),
    }
    shown = " ".join(["sparserec", *commands["train"]]).replace(data, f"$SPARSEREC_DATA/{dataset}")
    name = "main_job_spectral" if spectral else "main_job_history" if history else "main_job"
    save(name, result, out, shown.replace(run_folder, "run") + "; then evaluate, export, evaluate, recommend")


if __name__ == "__main__":
    run(main, quick={"dataset": "ml-latest-small", "user": "1", "items": "1,2,3"})
