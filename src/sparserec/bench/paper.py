"""The grid of the paper: data set x base x method x density x seed, every method with the same tuning."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from sparserec.artefact import dense_file_bytes, sparse_file_bytes
from sparserec.axes import RECOMMENDERS
from sparserec.bench.data import SYNTHETIC, dataset
from sparserec.bench.results import Entry, Job
from sparserec.errors import SparserecError
from sparserec.sparsity import EXPLORERS, budget_of

DENSE, NARROW = "dense", "narrow dense"
METHODS: dict[str, dict[str, Any]] = {
    DENSE: {"method": "dense"},
    NARROW: {"method": "dense"},
    "static random": {"method": "static", "init": "random"},
    "static NMF": {"method": "static", "init": "nmf"},
    "static": {"method": "static"},
    "SET": {"method": "set"},
    "RigL": {"method": "rigl"},
    "DSL": {"method": "dsl"},
    "SET, random start": {"method": "set", "init": "random"},
    "RigL, random start": {"method": "rigl", "init": "random"},
    "DSL, random start": {"method": "dsl", "init": "random"},
    "SparseRec": {"method": "sparserec"},
    "SparseRec, NMF start": {"method": "sparserec", "init": "nmf"},
    "magnitude pruning": {"method": "magnitude"},
    "PEP": {"method": "pep"},
}
METHODS |= {
    name: {"method": name} for name in EXPLORERS if not any(settings["method"] == name for settings in METHODS.values())
}
"""Settings by method, those of the list that have no name of their own here by that of the list; the start is the
spectral one where none is named, also that of dense tables."""
OURS = "SparseRec"
SPARSE_THROUGHOUT = [name for name, kind in EXPLORERS.items() if kind.table == "sparse" and not kind.pruned_from]
DST = tuple(name for name, settings in METHODS.items() if settings["method"] in SPARSE_THROUGHOUT)
"""Methods of dynamic sparse training, and the static masks they are compared with."""

COMMON: dict[str, dict[str, Any]] = {
    "mf": {"recipe": "mf", "epochs": 8},
    "lightgcn": {"recipe": "lightgcn", "epochs": 12},
    "neumf": {"recipe": "neumf", "epochs": 4},
    "sasrec": {"recipe": "sasrec", "epochs": 60, "values": "int8"},  # dense tables have no coded values
}
"""What all methods share, by base."""
CANDIDATES: dict[str, tuple[dict[str, Any], ...]] = {
    "mf": ({"weight_decay": 3e-5}, {"weight_decay": 1e-4}),
    "lightgcn": ({"l2": 0.003}, {"l2": 0.01}, {"l2": 0.03}),
    "neumf": ({"weight_decay": 1e-4}, {"weight_decay": 3e-4}),
    "sasrec": ({"weight_decay": 1e-4}, {"weight_decay": 1e-3}),
}
"""Settings that each method chooses from on validation, by base."""
TUNED = tuple(dict.fromkeys(name for tried in CANDIDATES.values() for candidate in tried for name in candidate))
"""Names of these settings."""
SMALL: dict[str, Any] = {"batch_size": 256, "n_negatives": 32, "epochs": 3}
"""What --quick puts over all else."""


NEXT_ITEM = ("dense", "narrow dense", "static", "RigL", "SparseRec")
"""Methods of the next-item grid."""


@dataclass(frozen=True)
class Grid:
    """What is run.

    Attributes:
        datasets, bases, methods: by name.
        densities: shares of active parameters.
        seeds: of the run phase; the tune phase has seed 0.
        dim: columns of a table.
        tuned_on: the data set, one of `datasets`, on whose validation part settings are chosen for all.
        tuned_at: the densities at which they are; None for all.
        extra: settings put over those of every run.
    """

    datasets: Sequence[str] = ("gowalla", "yelp2018")
    bases: Sequence[str] = ("mf", "lightgcn", "neumf")
    methods: Sequence[str] = tuple(METHODS)
    densities: Sequence[float] = (0.2, 0.1, 0.05, 0.02)
    seeds: Sequence[int] = (0, 1, 2)
    dim: int = 64
    tuned_on: str = "gowalla"
    tuned_at: Sequence[float] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, **given: Any) -> Grid:
        """A grid with single choices put over the defaults; None means not given."""
        return cls(**_given(given))

    @classmethod
    def quick(cls, **given: Any) -> Grid:
        """A grid of seconds, to see that everything works: its figures mean nothing."""
        tiny = {"datasets": (SYNTHETIC,), "tuned_on": SYNTHETIC, "densities": (0.25,), "seeds": (0,), "dim": 16}
        return cls.of(**{**tiny, **_given(given), "extra": {**SMALL, **(given.get("extra") or {})}})

    @classmethod
    def next_item(cls, **given: Any) -> Grid:
        """The grid of next-item recommendation: dense tables against a tenth of them."""
        name = "ml-latest-small"
        small = {"datasets": (name,), "tuned_on": name, "bases": ("sasrec",), "methods": NEXT_ITEM, "densities": (0.1,)}
        return cls(**{**small, **_given(given)})

    def check(self) -> None:
        """Raise SparserecError for a name that isn't known."""
        for what, given, known in (("method", self.methods, METHODS), ("base", self.bases, COMMON)):
            for name in given:
                if name not in known:
                    raise SparserecError(f"unknown {what} {name!r}; there are: {', '.join(known)}")
        for density in self.densities:
            if not 0 < density <= 1:
                raise SparserecError(f"density must lie in (0, 1], not {density}")


def _given(choices: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in choices.items() if value is not None}


def tune_jobs(grid: Grid, data: Path) -> list[Job]:
    """Every method with every candidate at every density, on one data set; the validation part alone is read.

    Args:
        grid: what is run.
        data: folder of the data sets, for the width of narrow dense tables.
    """
    return [
        _job("tune", grid, grid.tuned_on, base, method, density, {**candidate, "seed": 0}, data)
        for base in grid.bases
        for method in grid.methods
        for density in ([None] if method == DENSE else grid.densities if grid.tuned_at is None else grid.tuned_at)
        for candidate in CANDIDATES[base]
    ]


def run_jobs(grid: Grid, tuned: Sequence[Entry], data: Path) -> list[Job]:
    """Every method with what it chose, at every density and seed; a dense table has no density and runs once a seed.

    Args:
        grid: what is run.
        tuned: results that hold those of `tune_jobs`.
        data: as for `tune_jobs`.
    """
    return [
        _job(
            "run", grid, name, base, method, density, {**chosen(grid, tuned, base, method, density), "seed": seed}, data
        )
        for name in grid.datasets
        for base in grid.bases
        for method in grid.methods
        for density in ([None] if method == DENSE else grid.densities)
        for seed in grid.seeds
    ]


def chosen(grid: Grid, tuned: Sequence[Entry], base: str, method: str, density: float | None) -> dict[str, Any]:
    """The candidate with the best validation NDCG@20, the first one of equals.

    It is that of this density, or where this one was not tuned of the nearest one that was.
    """
    valid: dict[float | None, dict[int, float]] = {}
    for place, candidate in enumerate(CANDIDATES[base]):
        for entry in tuned:
            if _is_tuning(entry.job, grid, base, method, candidate):
                valid.setdefault(entry.job.density, {})[place] = entry.figures["valid"]
    whole = [known for known, tried in valid.items() if len(tried) == len(CANDIDATES[base])]
    if not whole:
        raise SparserecError(f"{method} with {base} has not been tuned yet on {grid.tuned_on}")
    tried = valid[min(whole, key=lambda known: abs(math.log((known or 1) / (density or 1))))]
    return CANDIDATES[base][max(tried, key=tried.__getitem__)]


def current(entries: Sequence[Entry]) -> list[Entry]:
    """The entries of the run phase that can be compared, and have the settings which tuning now chooses.

    A run of settings that were chosen before more was tuned is out of date; so is one of fewer epochs than others of
    its data set and base have. Where what all methods of a base share has changed, the older runs of a data set are
    shown, and the newer ones wait, until all methods and densities of the older ones are there again.
    """
    tuned = [entry for entry in entries if entry.job.phase == "tune"]
    runs = [entry for entry in entries if entry.job.phase == "run" and _is_chosen(entry.job, tuned)]
    most: dict[tuple[str, str], int] = {}
    for entry in runs:
        group = entry.job.dataset, entry.job.base
        most[group] = max(most.get(group, 0), entry.job.settings.get("epochs", 0))
    runs = [e for e in runs if e.job.settings.get("epochs", 0) == most[e.job.dataset, e.job.base]]
    shown = {group: _newest_whole([e.job for e in runs if (e.job.dataset, e.job.base) == group]) for group in most}
    return [e for e in runs if _shared(e.job) == shown[e.job.dataset, e.job.base]]


def _is_chosen(job: Job, tuned: Sequence[Entry]) -> bool:
    """Whether a run has the settings that tuning now chooses on some data set, or nothing is known of its tuning.

    Settings of another number of columns or of epochs are tuned for themselves.
    """
    alike = job.base, job.method, _shared(job)
    like = [entry for entry in tuned if (entry.job.base, entry.job.method, _shared(entry.job)) == alike]
    names = ("epochs",) if job.method == NARROW else ("epochs", "dim")
    extra = {name: job.settings[name] for name in names if name in job.settings}
    try:
        choices = [
            chosen(Grid(tuned_on=name, extra=extra), like, job.base, job.method, job.density)
            for name in dict.fromkeys(entry.job.dataset for entry in like)
        ]
    except SparserecError:
        return True
    return not choices or any(choice.items() <= job.settings.items() for choice in choices)


def _shared(job: Job) -> frozenset[tuple[str, Any]]:
    """The settings that all methods of a base have alike, as far as a job names them; epochs and what moves apart."""
    varied = {"method", "init", "dim", "density", "seed", "epochs", "patience", "exploration", *TUNED}
    return frozenset((name, value) for name, value in job.settings.items() if name not in varied)


def _newest_whole(jobs: Sequence[Job]) -> frozenset[tuple[str, Any]]:
    """The latest shared settings of these jobs with which all was run that was run with earlier ones."""
    done: dict[frozenset[tuple[str, Any]], set[tuple[str, float | None]]] = {}
    for job in jobs:
        done.setdefault(_shared(job), set()).add((job.method, job.density))
    newest, *later = done
    for shared in later:
        if done[shared] >= done[newest]:
            newest = shared
    return newest


def _is_tuning(job: Job, grid: Grid, base: str, method: str, candidate: Mapping[str, Any]) -> bool:
    same = (job.phase, job.dataset, job.base, job.method) == ("tune", grid.tuned_on, base, method)
    settings = {**COMMON[base], **candidate, "seed": 0}
    if method != NARROW:
        settings["dim"] = grid.dim
    return same and {**settings, **grid.extra}.items() <= job.settings.items()


def _job(
    phase: str,
    grid: Grid,
    name: str,
    base: str,
    method: str,
    density: float | None,
    choice: Mapping[str, Any],
    data: Path,
) -> Job:
    settings = {**COMMON[base], **METHODS[method], "dim": grid.dim, **choice}
    if method == DENSE:
        density = None
    elif method == NARROW:
        assert density is not None
        settings["dim"] = narrow_dim(data, name, base, grid.dim, density)
    else:
        settings["density"] = density
    return Job(phase, name, base, method, density, short_training({**settings, **grid.extra}))


def short_training(settings: Mapping[str, Any]) -> dict[str, Any]:
    """These settings without early stopping, the best epoch still the one that counts, and with one sample of rows
    between two moves of a mask, as SparseRec is published.

    Validation dips in the first epochs after a spectral start. Runs that stop in the dip would be compared with ones
    that came out of it by a hair.
    """
    exploration = {"samples": 1, **settings.get("exploration", {})}
    return {"patience": settings["epochs"], **settings, "exploration": exploration}


@cache
def narrow_dim(data: Path, name: str, base: str, dim: int, density: float) -> int:
    """Columns of the widest dense tables of no more bytes than sparse ones of this width and density; 1 at least."""
    facts = dataset(data, name).interactions
    sides = list(RECOMMENDERS[base].tables.values())
    n_items, n_users = facts.n_items * sides.count("items"), facts.n_users * sides.count("users")
    nnz = budget_of(density, n_items + n_users, dim)
    allowed = sparse_file_bytes(n_items=n_items, n_users=n_users, nnz=nnz, dim=dim, values_dtype="int8")
    fitting = (
        columns
        for columns in range(1, dim)
        if dense_file_bytes(n_items=n_items, n_users=n_users, dim=columns, values_dtype="int8") <= allowed
    )
    return max(fitting, default=1)
