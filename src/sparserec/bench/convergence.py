"""Starts x movers trained to the end, each pair with settings of its own from as many trials.

A job's method is "MOVER from START". Trials come in two rounds: the first varies step size and decay; the second goes
on from the best of them and varies what the mover has of its own, how often and how much the mask moves, or where
nothing moves decay and step size again. So all pairs have the same number of trials. Mean validation NDCG@20 over the
seeds decides; the test part is read by the runs that follow alone. Where trials have a fifth of the users, who need
more decay than all, the best of them and the same with the next smaller decay are tried on all users, and where the
mask of these moves otherwise than in the first round, also with the moves of that: these decide.
Or there are no trials, and each pair has the settings that its own trials chose in another cell. Where a pair's runs
were still rising at their end, all pairs from that start are run again for longer, and validation says which length
counts.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sparserec.bench.data import FEW_USERS, GIVEN, SYNTHETIC
from sparserec.bench.results import Entry, Job
from sparserec.errors import SparserecError

STARTS: dict[str, dict[str, Any]] = {
    "random": {"init": "random"},
    "NMF mask": {"init": "nmf-mask"},
    "NMF": {"init": "nmf"},
    "spectral": {"init": "spectral"},
}
"""Where masks start: by chance; where the factors of NMF are largest, with normal numbers or with those factors for
values; the rotated singular vectors."""
FIXED, OURS, DENSE = "fixed", "SparseRec", "dense"
ONE_SAMPLE = "SparseRec, one sample"
"""Ours as it is published: one sample of rows between two moves, however long that is."""
MOVERS: dict[str, dict[str, Any]] = {
    FIXED: {"method": "static"},
    "SET": {"method": "set"},
    "RigL": {"method": "rigl"},
    "DSL": {"method": "dsl"},
    OURS: {"method": "sparserec"},
}
"""How masks move."""
PARTS: dict[str, dict[str, Any]] = {
    "SparseRec, last batch": {"method": "sparserec", "exploration": {"accumulate": "last"}},
    "SparseRec, all rows": {"method": "sparserec", "exploration": {"sample_fraction": 1.0}},
    ONE_SAMPLE: {"method": "sparserec", "exploration": {"samples": 1}},
    "SparseRec, 4 samples": {"method": "sparserec", "exploration": {"samples": 4}},
    "SparseRec, random mask": {"method": "sparserec", "init": "random"},
    f"{ONE_SAMPLE}, last batch": {"method": "sparserec", "exploration": {"samples": 1, "accumulate": "last"}},
    f"{ONE_SAMPLE}, random mask": {"method": "sparserec", "exploration": {"samples": 1}, "init": "random"},
}
"""SparseRec with one part changed: by the gradients of the last batch instead of all since the mask moved; with
gradients of all rows instead of samples; with those of one sample between two moves, or of four however short, instead
of as many as there are steps for; from a random mask, whatever the start of the whole. What follows the last comma of a
name is changed of what is before it. Run where they are asked for, with settings of their own or those of the whole."""
MOVERS_AND_PARTS = MOVERS | PARTS
AS_PUBLISHED = {FIXED: "NMF mask", "SET": "random", "RigL": "random", "DSL": "random", OURS: "NMF mask"}
"""The start that each mover was published with; a fixed one with what the paper compares itself to."""
COMMON: dict[str, dict[str, Any]] = {
    "mf": {"recipe": "mf", "epochs": 100, "patience": 30},
    "lightgcn": {"recipe": "lightgcn", "epochs": 80, "patience": 25},
    "neumf": {"recipe": "neumf", "epochs": 40, "patience": 15},
}
"""What all pairs of a base share. A run ends where its patience does; the best epoch counts."""
STILL_RISING = 0.005
"""Of its validation NDCG@20 in the last tenth of the epochs: a training that gains as much is not at its end."""
LONGER = (1.5, 2.0)
"""Times these epochs: all pairs of a start are run with them too where the runs of one were still rising on average."""
STEPS: dict[str, Sequence[float]] = {"mf": (0.003, 0.01, 0.03), "lightgcn": (0.02, 0.05), "neumf": (0.003, 0.01)}
"""Step sizes of the first round, by base."""
DECAYS: dict[str, tuple[str, Sequence[float], Sequence[float]]] = {
    "mf": ("weight_decay", (1e-4, 3e-4), (3e-5, 1e-3)),
    "lightgcn": ("l2", (0.01, 0.03, 0.1), (0.003, 0.3)),
    "neumf": ("weight_decay", (1e-4, 3e-4, 1e-3), (3e-5, 3e-3)),
}
"""The setting that keeps values small, its values of the first round, and those that are left for the second."""
MOVES = {"rounds": 60, "drop_fraction": 0.3}
"""How often and how much a mask moves in the first round."""
OTHER_MOVES = (
    {"rounds": 6, "drop_fraction": 0.3},
    {"rounds": 200, "drop_fraction": 0.3},
    {"rounds": 60, "drop_fraction": 0.1},
    {"rounds": 60, "drop_fraction": 0.5},
)
"""The second round of what moves."""
FINALISTS = 3
"""Of all trials of a pair, each with the first tuning seed: as many are tried with the other tuning seeds too."""
OTHER_STEPS = (0.5, 2.0)
"""Times the best step size: half of the second round of what does not move, the other half are decays."""
CUT_AT_RANDOM = {"data": {"split": "random"}}
"""Of data sets without a given test part: validation and test are samples alike."""
QUICK: dict[str, Any] = {"epochs": 4, "patience": 4, "batch_size": 256, "n_negatives": 32}
"""What --quick puts over all else."""


@dataclass(frozen=True)
class Protocol:
    """What is run.

    Attributes:
        datasets, bases, densities: the cells, in this order.
        starts, movers: the pairs.
        seeds: of the runs that read the test part.
        tuning_seeds: the first is that of every trial; the best few of a pair are tried with all.
        few_users: whether trials are done on a fifth of the users, and two or three of each pair again on all.
        tune_parts: whether what has a part of the method changed has trials of its own; else it is run with what the
            whole chose from the same start.
        settings_of: data set and density of the cell whose trials choose the settings of all pairs, each its own; None
            for trials in each cell.
        longer: whether pairs are run again with more epochs where one from their start was still rising at its end.
        dense: whether a dense table is tuned and run beside the pairs.
        dim: columns of a table.
        trials: of a round at most; None for all.
        extra: settings put over those of every job.
    """

    datasets: Sequence[str] = ("ml-latest-small", "gowalla", "gowalla-again", "yelp2018")
    bases: Sequence[str] = ("mf", "lightgcn")
    densities: Sequence[float] = (0.1, 0.05)
    starts: Sequence[str] = tuple(STARTS)
    movers: Sequence[str] = tuple(MOVERS)
    seeds: Sequence[int] = (0, 1, 2)
    tuning_seeds: Sequence[int] = (0, 1, 2)
    few_users: bool = False
    tune_parts: bool = True
    settings_of: tuple[str, float] | None = None
    longer: bool = True
    dense: bool = True
    dim: int = 64
    trials: int | None = None
    extra: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, **given: Any) -> Protocol:
        """A protocol with single choices put over the defaults; None means not given."""
        return cls(**{name: value for name, value in given.items() if value is not None})

    @classmethod
    def quick(cls, **given: Any) -> Protocol:
        """One of seconds, to see that everything works: its figures mean nothing."""
        tiny = {"datasets": (SYNTHETIC,), "bases": ("mf",), "densities": (0.25,), "starts": ("random", "NMF mask")}
        tiny |= {"movers": (FIXED, OURS), "seeds": (0,), "tuning_seeds": (0,), "dim": 16}
        tiny |= {"trials": 1, "longer": False}
        known = {name: value for name, value in given.items() if value is not None}
        return cls(**{**tiny, **known, "extra": {**QUICK, **known.get("extra", {})}})

    def check(self) -> None:
        """Raise SparserecError for a name that isn't known."""
        for what, given, known in (("start", self.starts, STARTS), ("mover", self.movers, MOVERS_AND_PARTS)):
            _check(what, given, known)
        _check("base", self.bases, COMMON)

    def cells(self) -> list[Protocol]:
        """The same, one data set, base and density at a time."""
        each = itertools.product(self.datasets, self.bases, self.densities)
        return [replace(self, datasets=(a,), bases=(b,), densities=(c,)) for a, b, c in each]

    def lines(self) -> list[tuple[str, str, float | None]]:
        """Mover, start and density of each line of a cell; a dense table has no density."""
        pairs = [
            (mover, start, density) for density in self.densities for start in self.starts for mover in self.movers
        ]
        return [*([(DENSE, "spectral", None)] if self.dense else []), *pairs]


def _check(what: str, given: Sequence[str], known: Mapping[str, Any]) -> None:
    for name in given:
        if name not in known:
            raise SparserecError(f"unknown {what} {name!r}; there are: {', '.join(known)}")


def name_of(mover: str, start: str) -> str:
    """The method of a pair, as jobs have it."""
    return f"{mover} from {start}"


def pair_of(method: str) -> tuple[str, str]:
    """Mover and start of a method."""
    mover, _, start = method.partition(" from ")
    return mover, start


def whole_of(part: str) -> str:
    """The mover, or part, of which this part is another."""
    return part.rpartition(", ")[0]


def title_of(method: str) -> str:
    """A method as people read it: of a part that has a start of its own, without that of the whole."""
    part, _ = pair_of(method)
    return part if "init" in PARTS.get(part, {}) else method


def next_jobs(protocol: Protocol, entries: Sequence[Entry]) -> list[Job]:
    """All jobs that can be told by now, done or not: a second round follows once the first is known, the runs after it.

    Args:
        protocol: what is run.
        entries: results so far.
    """
    jobs: list[Job] = []
    for dataset in protocol.datasets:
        for base in protocol.bases:
            for mover, start, density in protocol.lines():
                line = Line(protocol, dataset, base, mover, start, density)
                trials, chosen = line.tuned_as().tuned(entries)
                jobs += trials
                if chosen is not None:
                    jobs += line.runs(entries, chosen)
    return list({job.key: job for job in jobs}.values())


TRAINED = ("valid", "valid_recall", "epoch", "curve", "threads", "device", "workers")
"""What a run says of its training; the rest of its figures are of the test part or of what it took."""


def trained(jobs: Sequence[Job], entries: Sequence[Entry]) -> list[Entry]:
    """What is known of those of these jobs that are trials not done, whose very training a run has done.

    Args:
        jobs: any.
        entries: results so far.
    """
    known = {entry.job.key: entry for entry in entries}
    todo = [job for job in jobs if job.phase == "tune" and job.key not in known]
    twins = [(job, known.get(replace(job, phase="run").key)) for job in todo]
    return [
        Entry(job, {"seconds": 0.0, "resumed": True, **{name: run.figures[name] for name in TRAINED}})
        for job, run in twins
        if run is not None
    ]


def first_round(base: str, mover: str) -> list[dict[str, Any]]:
    """Step sizes x decays."""
    name, decays, _ = DECAYS[base]
    moves = {} if _stands(mover) else {"exploration": dict(MOVES)}
    return [{"lr": lr, name: decay, **moves} for lr in STEPS[base] for decay in decays]


def second_round(base: str, mover: str, best: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What goes on from the best of the first round."""
    if not _stands(mover):
        return [{**best, "exploration": dict(moves)} for moves in OTHER_MOVES]
    name, _, others = DECAYS[base]
    return [{**best, name: decay} for decay in others] + [{**best, "lr": best["lr"] * times} for times in OTHER_STEPS]


def for_all_users(base: str, best: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What was best on few users; the same with the next smaller decay, where there is one; and, where its mask moves
    otherwise than in the first round, that with the moves of the first round."""
    name, first, others = DECAYS[base]
    smaller = [decay for decay in (*first, *others) if decay < best[name]]
    found = [dict(best), *([{**best, name: max(smaller)}] if smaller else [])]
    if best.get("exploration", MOVES) != MOVES:
        found.append({**found[-1], "exploration": dict(MOVES)})
    return found


def _stands(mover: str) -> bool:
    return mover in (FIXED, DENSE)


@dataclass(frozen=True)
class Line:
    """One pair, or a dense table, in one cell at one density."""

    protocol: Protocol
    dataset: str
    base: str
    mover: str
    start: str
    density: float | None

    def tuned_as(self) -> Line:
        """The line whose trials choose the settings of this one: itself, the whole, or that of another cell."""
        whole = self.mover in PARTS and not self.protocol.tune_parts
        line = replace(self, mover=whole_of(self.mover)) if whole else self
        if self.protocol.settings_of is None:
            return line
        dataset, density = self.protocol.settings_of
        return replace(line, dataset=dataset, density=None if self.density is None else density)

    def runs(self, entries: Sequence[Entry], chosen: Mapping[str, Any]) -> list[Job]:
        """The runs that can be told by now: where all of one length are done and not at their end, longer ones."""
        jobs = last = self._runs(chosen, 1.0)
        known = {entry.job.key: entry for entry in entries}
        for times in LONGER if self.protocol.longer else ():
            done = [known[job.key] for job in last if job.key in known]
            if len(done) < len(last) or not self._goes_on(entries, done):
                break
            last = self._runs(chosen, times)
            jobs = jobs + last
        return jobs

    def _goes_on(self, entries: Sequence[Entry], done: Sequence[Entry]) -> bool:
        """Whether these or another pair's runs of as many epochs, from the same start, were still rising.

        What would be compared has the same chances. Runs that their patience ended have no use for more epochs.
        """
        epochs = done[0].job.settings["epochs"]
        if all(len(run.figures["curve"]) < epochs for run in done):
            return False
        pairs: dict[str, list[Entry]] = {}
        for entry in entries:
            job = entry.job
            alike = (job.phase, job.dataset, job.base, job.density) == ("run", self.dataset, self.base, self.density)
            if alike and pair_of(job.method)[1] == self.start and job.settings["epochs"] == epochs:
                pairs.setdefault(repr((job.method, sorted(candidate_of(job).items()))), []).append(entry)
        return any(rising(runs) >= STILL_RISING for runs in [done, *pairs.values()] if len(runs) >= len(done))

    def _runs(self, chosen: Mapping[str, Any], times: float) -> list[Job]:
        return [self.job("run", self.dataset, chosen, seed, times) for seed in self.protocol.seeds]

    def tuned(self, entries: Sequence[Entry]) -> tuple[list[Job], dict[str, Any] | None]:
        """The trials that can be told by now, and what they chose, once all of them are done."""
        most = self.protocol.trials
        jobs = self.trials(first_round(self.base, self.mover)[:most])
        ranked = self.ranked(entries, jobs)
        if ranked is None:
            return jobs, None
        jobs += self.trials(second_round(self.base, self.mover, ranked[0])[:most])
        ranked = self.ranked(entries, jobs)
        if ranked is None:
            return jobs, None
        few = self.protocol.few_users
        finalists = for_all_users(self.base, ranked[0]) if few else ranked[:FINALISTS]
        last = [self.job("tune", self.dataset, each, seed) for each in finalists for seed in self.protocol.tuning_seeds]
        ranked = self.ranked(entries, last)
        return jobs + last, ranked[0] if ranked else None

    def trials(self, candidates: Sequence[Mapping[str, Any]]) -> list[Job]:
        """The jobs of candidates, with the first tuning seed; on few users where the protocol says so."""
        dataset = self.dataset + (FEW_USERS if self.protocol.few_users else "")
        return [self.job("tune", dataset, each, self.protocol.tuning_seeds[0]) for each in candidates]

    def job(self, phase: str, dataset: str, candidate: Mapping[str, Any], seed: int, times: float = 1.0) -> Job:
        """One training, of so many times the epochs of its base."""
        density = {} if self.density is None else {"density": self.density}
        method: dict[str, Any] = {"method": "dense"} if self.mover == DENSE else MOVERS_AND_PARTS[self.mover]
        settings = {**COMMON[self.base], **STARTS[self.start], **method, **density, "dim": self.protocol.dim}
        settings |= {**candidate, "seed": seed, **({} if dataset in GIVEN else CUT_AT_RANDOM)}
        if "exploration" in method:
            settings["exploration"] = {**method["exploration"], **candidate["exploration"]}
        settings |= self.protocol.extra or {}
        settings["epochs"] = round(times * settings["epochs"])
        name = DENSE if self.mover == DENSE else name_of(self.mover, self.start)
        return Job(phase, dataset, self.base, name, self.density, settings)

    def ranked(self, entries: Sequence[Entry], jobs: Sequence[Job]) -> list[dict[str, Any]] | None:
        """The candidates of these jobs by their mean validation NDCG@20, the first of equals first; None until all are
        done."""
        found = {entry.job.key: entry for entry in entries}
        if not all(job.key in found for job in jobs):
            return None
        tried = valid_of_candidates([found[job.key] for job in jobs])
        return [candidate for candidate, _ in sorted(tried, key=lambda each: -statistics.mean(each[1]))]


def valid_of_candidates(entries: Sequence[Entry]) -> list[tuple[dict[str, Any], list[float]]]:
    """Each candidate of these trials with its validation NDCG@20, a value a seed, in the order they were tried.

    Those with fewer seeds than others are left out: they were not among the best with the first one.
    """
    tried: dict[str, list[Entry]] = {}
    for entry in entries:
        tried.setdefault(repr(sorted(candidate_of(entry.job).items())), []).append(entry)
    most = max(map(len, tried.values()), default=0)
    return [
        (candidate_of(alike[0].job), [entry.figures["valid"] for entry in alike])
        for alike in tried.values()
        if len(alike) == most
    ]


def candidate_of(job: Job) -> dict[str, Any]:
    """The settings of a job that trials vary."""
    found = {name: job.settings[name] for name in ("lr", DECAYS[job.base][0]) if name in job.settings}
    if "exploration" in job.settings:
        found["exploration"] = {name: job.settings["exploration"][name] for name in MOVES}
    return found


def last_tenth(curve: Sequence[float]) -> float:
    """By what share of its best the last tenth of a curve's epochs is above all before."""
    before = max(1, len(curve) - max(1, len(curve) // 10))
    return max(curve) / max(*curve[:before], 1e-12) - 1


def rising(runs: Sequence[Entry]) -> float:
    """By what share of its validation NDCG@20 a training gained in the last tenth of its epochs, a mean over runs."""
    return statistics.mean(last_tenth(run.figures["curve"]) for run in runs)
