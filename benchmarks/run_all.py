"""Every benchmark, one after the other, then the pages of results. Hours on two cores; each can be run by itself.

python benchmarks/run_all.py [--quick]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from sparserec.bench.data import data_path

HERE = Path(__file__).resolve().parent


def run(script: str, *arguments: str) -> None:
    print(f"== {script} {' '.join(arguments)}", flush=True)
    subprocess.run([sys.executable, str(HERE / script), *arguments], check=True)


def sparserec(*arguments: str) -> None:
    print(f"== sparserec {' '.join(arguments)}", flush=True)
    subprocess.run([sys.executable, "-c", "from sparserec.cli import main; main()", *arguments], check=True)


def quick(folder: Path, gowalla: str) -> None:
    """What takes minutes, and the models that it needs."""
    for script in ("training_step", "table_memory", "backward_memory", "neumf_network", "large_catalogue"):
        run(f"{script}.py")
    for script in ("evaluation", "splits", *(["devices"] if torch.cuda.is_available() else [])):
        run(f"{script}.py")
    run("main_job.py", "--folder", str(folder))
    run("latency.py", str(folder / "model.safetensors"), "--data", gowalla)


def whole(folder: Path, trained: str) -> None:
    """What takes hours."""
    run("main_job.py", "--folder", str(folder / "start"), "--spectral")
    for script in ("starts", "values", "distillation_step"):
        run(f"{script}.py", trained)
    for script in ("published", "many_users", "rivals"):
        run(f"{script}.py", "--folder", str(folder / script))
    sparserec("bench", "mf")
    run("fism_results.py", "valid")
    run("fism_results.py", "test")
    run("loss_and_ranking.py", "--data", "gowalla", "yelp2018")
    run("trials.py")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="leave out the grids of recommenders (the hours)")
    args, gowalla = parser.parse_args(), str(data_path("gowalla"))
    with tempfile.TemporaryDirectory(prefix="sparserec-bench-") as name:
        folder = Path(name)
        quick(folder, gowalla)
        small, trained = str(folder / "small" / "model.safetensors"), str(folder / "small" / "run")
        if args.quick:
            sparserec("train", gowalla, "--recipe", "spectral", "--budget", "12B/item", "--out", trained)
            sparserec("export", trained, "--out", small)
        else:
            run("main_job.py", "--folder", str(folder / "small"), "--history")
        run("browser.py", small)
        run("device.py", small, "--data", gowalla)
        if not args.quick:
            whole(folder, trained)
    run("report.py")


if __name__ == "__main__":
    main()
