"""Which of a cell's runs count, and ours beside the others: what pages say of trainings to the end comes from here."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sparserec.bench.convergence import (
    AS_PUBLISHED,
    FIXED,
    MOVERS,
    OURS,
    PARTS,
    STARTS,
    candidate_of,
    name_of,
    pair_of,
    rising,
    valid_of_candidates,
    whole_of,
)
from sparserec.bench.data import FEW_USERS
from sparserec.bench.results import Entry, Job
from sparserec.bench.statistics import Difference, difference

FEWEST_SEEDS = 3
"""Of both sides of a comparison, for it to be more than a figure."""
OWN, WHOLE, GIVEN = "its own", "of the whole", "given"
"""Whose settings a line was run with."""
VERDICTS = {1: "ahead", -1: "behind", 0: "not clear"}
"""What a difference says that is clear or not."""
PUBLISHED = "each as published"
PUBLISHED_MOVING = "each as published, moving masks"
Cell = tuple[str, str, float | None]
Lines = Mapping[str, Sequence[Entry]]
"""Runs that differ in their seed alone, by method."""


@dataclass(frozen=True)
class Compared:
    """Ours beside the best of the other movers.

    Attributes:
        words: what is compared.
        best: the best other mover.
        share: of its NDCG@20 that ours has more.
        valid: the same on validation.
        apart: the difference over seeds; None where either side has too few of them.
        seeds: the fewest of both.
        others: how many other movers were measured.
        rising: by what share of its validation NDCG@20 the best other was still rising in the last tenth of the epochs
            of its longest runs.
        job: one of the runs of ours.
    """

    words: str
    best: str
    share: float
    valid: float
    apart: Difference | None
    seeds: int
    others: int
    rising: float
    job: Job


Found = tuple[Cell, Compared]
"""A comparison and where it was made."""


def cells_of(entries: Sequence[Entry]) -> dict[Cell, dict[str, list[Entry]]]:
    """Runs of the run phase by data set, base and density, and there by method; dense tables in a cell of their own.

    Of a method that was run in several ways, those count whose settings came of trials, here or in another cell, of
    these the ones of most seeds, of these the best by mean validation NDCG@20, of these the last: settings of another
    cell are one more trial, and harm no rival. Data sets stand in the order in which
    they were first run, bases likewise, dense tables and high densities before low ones.
    """
    cells: dict[Cell, dict[str, list[Entry]]] = {}
    for (cell, method), ways in ways_of(entries).items():
        cells.setdefault(cell, {})[method] = counted(entries, ways)
    data, bases = ([*dict.fromkeys(cell[part] for cell in cells)] for part in (0, 1))
    order = sorted(cells, key=lambda cell: (data.index(cell[0]), bases.index(cell[1]), -(cell[2] or 1)))
    return {cell: cells[cell] for cell in order}


def ways_of(entries: Sequence[Entry]) -> dict[tuple[Cell, str], list[list[Entry]]]:
    """Runs by cell and method, and there a list for all settings but the seed."""
    ways: dict[tuple[Cell, str], dict[str, list[Entry]]] = {}
    for entry in entries:
        job = entry.job
        if job.phase == "run":
            alike = repr(sorted((name, value) for name, value in job.settings.items() if name != "seed"))
            of_method = ways.setdefault(((job.dataset, job.base, job.density), job.method), {})
            of_method.setdefault(alike, []).append(entry)
    return {key: list(of_method.values()) for key, of_method in ways.items()}


def counted(entries: Sequence[Entry], ways: Sequence[list[Entry]]) -> list[Entry]:
    """Of several ways in which a line was run the one that counts, see `cells_of`."""

    def worth(way: list[Entry]) -> tuple[bool, int, float, int]:
        valid = statistics.mean(run.figures["valid"] for run in way)
        return whose(entries, way[0].job) != GIVEN, len(way), valid, entries.index(way[-1])

    return max(ways, key=worth)


def ends(entries: Sequence[Entry]) -> dict[Cell, dict[str, list[Entry]]]:
    """The longest runs that were made with the settings of those in `cells_of`, by cell and method there."""
    ways = ways_of(entries)
    found: dict[Cell, dict[str, list[Entry]]] = {}
    for cell, known in cells_of(entries).items():
        for method, runs in known.items():
            alike = [way for way in ways[cell, method] if candidate_of(way[0].job) == candidate_of(runs[0].job)]
            full = [way for way in alike if len(way) >= len(runs)]
            found.setdefault(cell, {})[method] = max(full, key=lambda way: way[0].job.settings.get("epochs", 0))
    return found


def whose(entries: Sequence[Entry], job: Job) -> str:
    """Whose trials chose the settings of a run: its own, those of the whole of which it is a part, of another cell."""
    if _chose(entries, job, job) or _chose_first(entries, job, job):
        return OWN
    mover, start = pair_of(job.method)
    whole = name_of(whole_of(mover), start) if mover in PARTS else job.method
    if _chose(entries, replace(job, method=whole), job):
        return WHOLE
    kin = (job.method, whole)
    alike = [e.job for e in entries if e.job.base == job.base and e.job.method in kin]
    for (data, density, _), other in {(each.dataset, each.density, each.method): each for each in alike}.items():
        if data.endswith(FEW_USERS) or (data, density) == (job.dataset, job.density):
            continue
        if _chose(entries, other, job) or _chose_first(entries, other, job):
            return f"of {data}" + ("" if density is None else f", {density:g}")
    return GIVEN


def _chose(entries: Sequence[Entry], line: Job, job: Job) -> bool:
    """Whether the trials of this job's line chose the settings of that one: those on all users where there are such."""
    return _is_best(job, tried(entries, line) or tried(entries, line, FEW_USERS))


def _chose_first(entries: Sequence[Entry], line: Job, job: Job) -> bool:
    """The same of what these trials chose with the first seed alone: what was run with it stays one of its own."""
    trials = tried(entries, line)
    return _is_best(job, [entry for entry in trials if entry.job.settings["seed"] == trials[0].job.settings["seed"]])


def _is_best(job: Job, trials: Sequence[Entry]) -> bool:
    known = means(trials)
    best = max((valid for _, valid in known), default=0.0)
    return (candidate_of(job), best) in known


def means(trials: Sequence[Entry]) -> list[tuple[dict[str, Any], float]]:
    """Each candidate of these trials with its mean validation NDCG@20, see `valid_of_candidates`."""
    return [(candidate, statistics.mean(values)) for candidate, values in valid_of_candidates(trials)]


def values_of(lines: Lines, mover: str, start: str, figure: str = "ndcg@20") -> list[float]:
    """A figure of the runs of a pair, a value a seed; nothing where it was not run."""
    return [entry.figures[figure] for entry in lines.get(name_of(mover, start), ())]


def beside_fixed(lines: Lines) -> list[tuple[str, Difference]]:
    """Ours against a fixed mask from the same start, by start, where both have as many seeds as a comparison needs."""
    pairs = [(start, values_of(lines, OURS, start), values_of(lines, FIXED, start)) for start in STARTS]
    known = [(start, ours, fixed) for start, ours, fixed in pairs if min(len(ours), len(fixed)) >= FEWEST_SEEDS]
    return [(start, difference(ours, fixed)) for start, ours, fixed in known]


def tried(entries: Sequence[Entry], job: Job, on: str = "") -> list[Entry]:
    """The trials of a run's line, on this end of its data set's name."""
    alike = "tune", job.dataset + on, job.base, job.method, job.density
    return [
        entry
        for entry in entries
        if (entry.job.phase, entry.job.dataset, entry.job.base, entry.job.method, entry.job.density) == alike
    ]


def gains(lines: Lines, longest: Lines) -> list[Compared]:
    """Ours against the best other mover from the same start, and each as it was published: beside all others, and
    beside those that move, since the fixed mask of NMF is half of what ours was published with.

    Args:
        lines: a cell of `cells_of`.
        longest: the same cell of `ends`.
    """
    others = [mover for mover in MOVERS if mover != OURS]
    each = [(f"all from {start}", start, dict.fromkeys(others, start)) for start in STARTS]
    published = {mover: AS_PUBLISHED[mover] for mover in others}
    moving = {mover: start for mover, start in published.items() if mover != FIXED}
    each += [(PUBLISHED, AS_PUBLISHED[OURS], published), (PUBLISHED_MOVING, AS_PUBLISHED[OURS], moving)]
    found = []
    for words, start, theirs in each:
        ours = values_of(lines, OURS, start)
        known = {mover: values for mover, other in theirs.items() if (values := values_of(lines, mover, other))}
        if not ours or not known:
            continue
        best = max(known, key=lambda mover: statistics.mean(known[mover]))
        seeds = min(len(ours), len(known[best]))
        apart = difference(ours, known[best]) if seeds >= FEWEST_SEEDS else None
        pair = name_of(OURS, start), name_of(best, theirs[best])
        one, other = (lines[method] for method in pair)
        more, on_valid = (share(one, other, figure) - 1 for figure in ("ndcg@20", "valid"))
        still, job = rising(longest[pair[1]]), one[0].job
        found.append(Compared(words, best, more, on_valid, apart, seeds, len(known), still, job))
    return found


def share(runs: Sequence[Entry], of: Sequence[Entry], figure: str) -> float:
    """The mean of a figure as a share of that of other runs; zero where either lack it."""
    if not all(figure in run.figures for run in (*runs, *of)):
        return 0.0
    one, other = (statistics.mean(run.figures[figure] for run in each) for each in (runs, of))
    return one / other


def compared(entries: Sequence[Entry]) -> list[Found]:
    """The comparisons of `gains` of all cells."""
    longest = ends(entries)
    return [(cell, one) for cell, known in cells_of(entries).items() for one in gains(known, longest[cell])]


def from_equal_starts(found: Sequence[Found]) -> list[Found]:
    """Those of these comparisons in which all have one start and enough seeds, and another mask moves too: beside a
    fixed one alone nothing is said of how masks move."""
    equal = [(cell, one) for cell, one in found if one.words.startswith("all from") and one.apart]
    return [(cell, one) for cell, one in equal if one.others > 1 or one.best != FIXED]


def by_verdict(found: Sequence[Found], verdict: str) -> list[Found]:
    """Those of these comparisons of which `verdict_of` says this."""
    return [(cell, one) for cell, one in found if verdict_of(one) == verdict]


def verdict_of(one: Compared) -> str:
    """What a comparison says: ahead or behind where it is clear; "-" where there are too few seeds."""
    return VERDICTS[one.apart.clear] if one.apart else "-"
