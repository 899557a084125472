"""Trials of matrix factorisation at about one parameter a row, on the validation part of gowalla alone.

python benchmarks/trials.py [--runs runs]

Writes docs/results/trials.jsonl, a line a run; the same command goes on where it was stopped. The fixed mask and
SparseRec as they come are in the grid of `sparserec bench paper`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import common
from sparserec.bench.paper import COMMON, all_epochs
from sparserec.bench.results import Job, Results
from sparserec.bench.work import Conditions, work

DENSITY, DECAY = 0.02, 3e-5
"""The density, and the weight decay that both methods chose there."""
FIXED, OURS = {"method": "static"}, {"method": "sparserec"}
MORE, SMALL = {"n_negatives": 2048}, {"lr": 0.015}
TRIALS: dict[str, dict] = {
    "SparseRec, a fifth of the rows watched": {**OURS, "exploration": {"sample_fraction": 0.2}},
    "SparseRec, three tenths of the rows watched": {**OURS, "exploration": {"sample_fraction": 0.3}},
    "SparseRec, all rows watched": {**OURS, "exploration": {"sample_fraction": 1.0}},
    "SparseRec, three tenths watched, a third of the moves": {
        **OURS,
        "exploration": {"sample_fraction": 0.3, "drop_fraction": 0.1},
    },
    "fixed mask, 2,048 negatives": {**FIXED, **MORE},
    "SparseRec, 2,048 negatives, a fifth watched": {**OURS, **MORE, "exploration": {"sample_fraction": 0.2}},
    "fixed mask, step size 0.015": {**FIXED, **SMALL},
    "SparseRec, step size 0.015": {**OURS, **SMALL},
    "fixed mask, 64 negatives": {**FIXED, "n_negatives": 64},
    "SparseRec, 64 negatives": {**OURS, "n_negatives": 64},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the run folders (default runs)")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    shared = {**COMMON["mf"], "dim": 64, "density": DENSITY, "weight_decay": DECAY, "seed": 0}
    # The phase that reads no test part is called "tune" in results files.
    jobs = [
        Job("tune", "gowalla", "mf", name, DENSITY, all_epochs({**shared, **settings}))
        for name, settings in TRIALS.items()
    ]
    conditions = Conditions(Path(common.data_path("gowalla")).parent, args.runs, threads=args.threads, device="cpu")
    work(jobs, Results(common.RESULTS / "trials.jsonl"), conditions, print, "sparserec.bench.one")


if __name__ == "__main__":
    main()
