"""Matrix factorisation on gowalla and yelp2018: dense, SparseRec and its rivals at equal bytes; the jobs of mf.jsonl.

Every method has the same loss, epochs, negatives and candidates to choose from. What is measured is the exported file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sparserec.bench.paper import CANDIDATES, COMMON, narrow_dim, short_training
from sparserec.bench.results import Entry, Flat, Job
from sparserec.errors import SparserecError

BASE = "mf"
LAYOUT = Flat(BASE)
DATASETS, TUNED_ON, SEEDS = ("gowalla", "yelp2018"), "gowalla", (0, 1, 2)
DIM, DENSITY = 64, 0.1
WIDE_DIM, WIDE_DENSITY = 4 * DIM, DENSITY / 4
WATCHED = {"exploration": {"sample_fraction": 0.4}}
"""Rows that are watched of wide ones; the default would be fewer."""
METHODS: dict[str, dict[str, Any]] = {
    "dense": {"method": "dense", "dim": DIM},
    "SparseRec": {"method": "sparserec", "dim": DIM, "density": DENSITY},
    "static NMF mask": {"method": "static", "init": "nmf", "dim": DIM, "density": DENSITY},
    "static random mask": {"method": "static", "init": "random", "dim": DIM, "density": DENSITY},
    "narrow dense": {"method": "dense"},
    "SparseRec, wide": {"method": "sparserec", "dim": WIDE_DIM, "density": WIDE_DENSITY, **WATCHED},
    "narrow dense, for wide": {"method": "dense"},
}
"""Settings by method."""
AS_LARGE_AS = {"narrow dense": (DIM, DENSITY), "narrow dense, for wide": (WIDE_DIM, WIDE_DENSITY)}
"""Width and density of the sparse tables whose bytes a narrow dense one may take."""
SHARED = {"n_negatives": 512}


def jobs(
    data: Path, tuned: Sequence[Entry] | None, epochs: int, datasets: Sequence[str], seeds: Sequence[int]
) -> list[Job]:
    """Every method: with every candidate on one data set, or with what each chose.

    Args:
        data: folder of the data sets, for the width of narrow dense tables.
        tuned: results of the tune phase, for the jobs of the run phase; None for those of the tune phase.
        epochs: of every run.
        datasets, seeds: of the run phase.
    """
    if tuned is None:
        places = [(TUNED_ON, method, {**candidate, "seed": 0}) for method in METHODS for candidate in CANDIDATES[BASE]]
        return [_job("tune", data, *place, epochs) for place in places]
    choices = {method: _chosen(tuned, method, epochs) for method in METHODS}
    return [
        _job("run", data, name, method, {**choices[method], "seed": seed}, epochs)
        for name in datasets
        for method in METHODS
        for seed in seeds
    ]


def _job(phase: str, data: Path, name: str, method: str, choice: Mapping[str, Any], epochs: int) -> Job:
    settings = {**SHARED, **METHODS[method], **choice, "epochs": epochs}
    if method in AS_LARGE_AS:
        settings["dim"] = narrow_dim(data, name, BASE, *AS_LARGE_AS[method])
    return Job(phase, name, BASE, method, None, short_training(settings))


def _chosen(tuned: Sequence[Entry], method: str, epochs: int) -> dict[str, Any]:
    """The candidate with the best validation NDCG@20 for a method, the first one of equals."""
    tried = [entry for entry in tuned if (entry.job.phase, entry.job.method) == ("tune", method)]
    tried = [entry for entry in tried if entry.job.settings["epochs"] == epochs]
    if len(tried) < len(CANDIDATES[BASE]):
        raise SparserecError(f"{method} has not been tuned yet on {TUNED_ON}")
    settings = max(tried, key=lambda entry: entry.figures["valid"]).job.settings
    return {name: settings[name] for name in CANDIDATES[BASE][0]}


EPOCHS = COMMON[BASE]["epochs"]
