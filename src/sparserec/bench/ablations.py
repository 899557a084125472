"""Ablations: each claim of the paper's abstract, and each open choice, with one setting changed at a time."""

from __future__ import annotations

import statistics
import textwrap
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparserec.bench.pages.paper import training_time, values
from sparserec.bench.paper import COMMON, Grid, short_training
from sparserec.bench.results import Entry, Job
from sparserec.bench.statistics import difference, spread
from sparserec.errors import SparserecError


@dataclass(frozen=True)
class Question:
    """What is asked, and the settings that answer it.

    Attributes:
        title: of its table.
        claim: of the paper's abstract, or what is open.
        base: settings that all variants share.
        variants: settings by name; the first is the one that the claim favours, or the present choice.
    """

    title: str
    claim: str
    base: Mapping[str, Any]
    variants: Mapping[str, Mapping[str, Any]]


def _exploring(**settings: Any) -> dict[str, Any]:
    return {"exploration": settings}


METHOD = """
Made by `{command}`. One setting at a time differs from the first line of a table; all others are those of the recipe,
the same for all; one sample of rows is watched between two moves where nothing else is said. Mean and standard
deviation over seeds; the gain is in test NDCG@20 over the first line, of the seeds
that both have, with standard errors of the difference where those are two or more. Peak memory is that of the whole
process, data and factorisation included.
"""
QUESTIONS: tuple[Question, ...] = (
    Question(
        "Initial mask",
        "Claim: the mask should come from NMF, since random connections are unstructured and inefficient.",
        {"method": "sparserec"},
        {
            "NMF": {"init": "nmf"},
            "random": {"init": "random"},
            "spectral": {"init": "spectral"},
            "NMF, mask alone": {"init": "nmf", "init_values": "normal"},
            "spectral, mask alone": {"init": "spectral", "init_values": "normal"},
        },
    ),
    Question(
        "Initial mask, never moved",
        "The same without exploration, which can mend a start.",
        {"method": "static"},
        {"NMF": {"init": "nmf"}, "random": {"init": "random"}, "spectral": {"init": "spectral"}},
    ),
    Question(
        "What NMF factorises",
        "Open: the interactions as they are or normalised, and whether columns are balanced.",
        {"method": "sparserec", "init": "nmf"},
        {
            "normalised, balanced": {},
            "raw": {"init_normalise": False},
            "not balanced": {"init_balance": False},
        },
    ),
    Question(
        "How the initial budget is spread",
        "Open: over all rows of both tables, or table by table; and how evenly over rows.",
        {"method": "sparserec"},
        {
            "one budget": {},
            "a budget for each table": {"init_per_table": True},
            "evenness 0": {"init_evenness": 0.0},
            "evenness 1": {"init_evenness": 1.0},
        },
    ),
    Question(
        "Evidence",
        "Claim: accumulated gradients, since those of the last batch favour the users and items that were in it.",
        {"method": "sparserec"},
        {
            "accumulated": {},
            "last batch": _exploring(accumulate="last"),
            "accumulated magnitudes": _exploring(accumulate="absolute"),
            "accumulated, older ones fading": _exploring(accumulate="decay"),
            "chance": {"method": "set"},
        },
    ),
    Question(
        "Rows with dense gradients",
        "Claim: a sampled subset of important rows is enough.",
        {"method": "sparserec"},
        {
            "the default sample": {},
            "four such samples, one after the other": _exploring(samples=4),
            "all rows": _exploring(sample_fraction=1.0),
            "a fifth": _exploring(sample_fraction=0.2),
            "a tenth": _exploring(sample_fraction=0.1),
            "a fiftieth": _exploring(sample_fraction=0.02),
        },
    ),
    Question(
        "How rows are sampled",
        "Open: what the probability of a row to be watched grows with; here for a fifth of the rows.",
        {"method": "sparserec"},
        {
            "root of the interactions": _exploring(sample_fraction=0.2),
            "interactions": _exploring(sample_fraction=0.2, alpha=1.0),
            "recent gradient": _exploring(sample_fraction=0.2, importance="gradient"),
            "uniform": _exploring(sample_fraction=0.2, importance="uniform"),
        },
    ),
)


def ablation_jobs(grid: Grid, titles: Collection[str] | None = None) -> list[Job]:
    """Every variant of every question, at every density and seed; settings are those of the recipe, not tuned anew.

    Variants of several questions with the same settings are one job.

    Args:
        grid: what is run.
        titles: of the questions that are asked; None for all.

    Raises:
        SparserecError: for a title that no question has.
    """
    known = [question.title for question in QUESTIONS]
    for title in titles or ():
        if title not in known:
            raise SparserecError(f"unknown question {title!r}; there are: {', '.join(map(repr, known))}")
    asked = [question for question in QUESTIONS if titles is None or question.title in titles]
    jobs = {}
    for name in grid.datasets:
        for base in grid.bases:
            for question in asked:
                for variant in question.variants.values():
                    for density in grid.densities:
                        for seed in grid.seeds:
                            job = _job(grid, name, base, question, variant, density, seed)
                            jobs[job.key] = job
    return list(jobs.values())


def ablations_page(entries: Sequence[Entry], grid: Grid, command: str) -> str:
    """docs/results/ablations.md from the entries of its results file."""
    lines = [
        "# Ablations",
        "",
        *textwrap.wrap(METHOD.strip().format(command=command), 118),
    ]
    for note in dict.fromkeys(entry.figures["note"] for entry in entries if "note" in entry.figures):
        lines += ["", *textwrap.wrap(f"Of some rows: {note}", 118)]
    known = {entry.job.key: entry for entry in entries}
    for name in grid.datasets:
        for base in grid.bases:
            for density in grid.densities:
                lines += ["", f"## {name}, {base}, density {density:g}"]
                for question in QUESTIONS:
                    groups = {}
                    for variant, settings in question.variants.items():
                        jobs = (_job(grid, name, base, question, settings, density, seed) for seed in grid.seeds)
                        if group := [known[job.key] for job in jobs if job.key in known]:
                            groups[variant] = group
                    lines += _table(question, groups)
    return "\n".join(lines) + "\n"


def _job(
    grid: Grid, name: str, base: str, question: Question, variant: Mapping[str, Any], density: float, seed: int
) -> Job:
    settings = {**COMMON[base], **question.base, **variant, "dim": grid.dim, "density": density, "seed": seed}
    return Job("run", name, base, "ablation", density, short_training({**settings, **grid.extra}))


def _table(question: Question, groups: Mapping[str, Sequence[Entry]]) -> list[str]:
    if not groups:
        return []
    head = "variant | Recall@20 | NDCG@20 | gain | standard errors | training | peak memory | seeds"
    lines = ["", f"### {question.title}", "", question.claim, "", f"| {head} |", "|---" * 8 + "|"]
    first = next(iter(groups))
    pairs = {variant: _of_shared_seeds(group, groups[first]) for variant, group in groups.items()}
    gains = {name: statistics.mean(here) / statistics.mean(base) - 1 for name, (here, base) in pairs.items() if here}
    apart = {name: difference(*pair) for name, pair in pairs.items() if len(pair[0]) > 1 and name != first}
    for variant, group in groups.items():
        peaks = [peak for peak in values(group, "peak_rss") if peak is not None]
        cells = [variant, *(spread(values(group, name)) for name in ("recall@20", "ndcg@20"))]
        cells += [f"{100 * gains[variant]:+.1f} %" if variant in gains and variant != first else "-"]
        cells += [f"{apart[variant].errors:+.1f}" if variant in apart else "-"]
        cells += [training_time(group), f"{statistics.mean(peaks) / 1e6:,.0f} MB" if peaks else "-", str(len(group))]
        lines.append(f"| {' | '.join(cells)} |")
    best = max(gains, key=gains.__getitem__)
    level = best in apart and not apart[best].clear
    return [*lines, "", f"Best here: {best}{', not clearly apart from the first' if level else ''}."]


def _of_shared_seeds(group: Sequence[Entry], first: Sequence[Entry]) -> tuple[list[float], list[float]]:
    """NDCG@20 of both for the seeds that both have."""
    ours, theirs = ({entry.job.settings["seed"]: entry.figures["ndcg@20"] for entry in each} for each in (group, first))
    shared = sorted(ours.keys() & theirs.keys())
    return [ours[seed] for seed in shared], [theirs[seed] for seed in shared]
