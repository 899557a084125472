"""Trials of matrix factorisation at about one parameter a row, on the validation part of gowalla alone.

python benchmarks/trials.py [--runs runs]

Writes docs/results/trials.jsonl, a line a run; the same command goes on where it was stopped. The fixed mask and
SparseRec as they come are in the grid of `sparserec bench short-training`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sparserec.bench.data import data_path
from sparserec.bench.one import one
from sparserec.bench.paper import COMMON, short_training
from sparserec.bench.results import Job, Results
from sparserec.bench.script import run
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


def main(
    runs: Path = Path("runs"),
    dataset: str = "gowalla",
    trials: Sequence[str] = tuple(TRIALS),
    epochs: int = COMMON["mf"]["epochs"],
    threads: int = 1,
    out: Path | None = None,
) -> None:
    shared = {**COMMON["mf"], "epochs": epochs, "dim": 64, "density": DENSITY, "weight_decay": DECAY, "seed": 0}
    # The phase that reads no test part is called "tune" in results files.
    jobs = [Job("tune", dataset, "mf", name, DENSITY, short_training({**shared, **TRIALS[name]})) for name in trials]
    conditions = Conditions(data_path(dataset).parent, runs, threads=threads, device="cpu")
    work(jobs, Results((out or runs) / "trials.jsonl"), conditions, print, one)


if __name__ == "__main__":
    run(main, quick={"dataset": "ml-latest-small", "trials": ("SparseRec, all rows watched",), "epochs": 1})
