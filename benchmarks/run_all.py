"""Every benchmark, one after the other, then docs/results.md. Hours on two cores; each can be run by itself.

python benchmarks/run_all.py [--quick]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

import common

HERE = Path(__file__).resolve().parent


def run(script: str, *arguments: str) -> None:
    print(f"== {script} {' '.join(arguments)}", flush=True)
    subprocess.run([sys.executable, str(HERE / script), *arguments], check=True)


def sparserec(*arguments: str) -> None:
    print(f"== sparserec {' '.join(arguments)}", flush=True)
    subprocess.run([sys.executable, "-c", "from sparserec.cli import main; main()", *arguments], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="leave out the grids of recommenders (the hours)")
    args = parser.parse_args()
    gowalla = common.data_path("gowalla")
    run("training_step.py")
    if torch.cuda.is_available():
        run("devices.py")
    run("table_memory.py")
    run("backward_memory.py")
    run("neumf_network.py")
    run("large_catalogue.py")
    run("evaluation.py")
    run("splits.py")
    with tempfile.TemporaryDirectory(prefix="sparserec-bench-") as folder:
        run("main_job.py", "--folder", folder)
        run("latency.py", str(Path(folder) / "model.safetensors"), "--data", gowalla)
        small, trained = str(Path(folder) / "small" / "model.safetensors"), str(Path(folder) / "small" / "run")
        if args.quick:
            sparserec("train", gowalla, "--recipe", "spectral", "--budget", "12B/item", "--out", trained)
            sparserec("export", trained, "--out", small)
        else:
            run("main_job.py", "--folder", str(Path(folder) / "small"), "--history")
            run("main_job.py", "--folder", str(Path(folder) / "start"), "--spectral")
        run("browser.py", small)
        run("device.py", small, "--data", gowalla)
        if not args.quick:
            run("starts.py", trained)
            run("values.py", trained)
            run("distillation_step.py", trained)
            run("published.py", "--folder", str(Path(folder) / "published"))
            run("many_users.py", "--folder", str(Path(folder) / "many"))
            run("rivals.py", "--folder", str(Path(folder) / "rivals"))
    if not args.quick:
        run("mf_results.py", "tune")
        run("mf_results.py", "run")
        run("fism_results.py", "valid")
        run("fism_results.py", "test")
        run("loss_and_ranking.py", "--data", "gowalla", "yelp2018")
        run("trials.py")
    run("report.py")


if __name__ == "__main__":
    main()
