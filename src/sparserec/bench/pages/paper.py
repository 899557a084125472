"""The page of the paper's grid: every figure in it comes from the results file."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparserec.bench.pages.markdown import percent, table, wrap
from sparserec.bench.paper import DENSE, DST, METHODS, OURS, TUNED, current
from sparserec.bench.results import Entry
from sparserec.bench.statistics import difference, spread

PUBLISHED_GAIN = 11.79
"""Largest gain over the best other method that the paper's abstract claims, in per cent."""
PAPERS = "SparseRec, NMF start"
COMPARED = {
    OURS: tuple(name for name in DST if name != PAPERS),
    PAPERS: (PAPERS, *(name for name in DST if "random" in name)),
}
"""Methods of dynamic sparse training that each of ours is compared with: as the package starts, with all others; as
the paper starts, with the others as they were published."""
SEEDS, CLEAR = 3, 2.0
"""Seeds of every method with which a rank is shown, and standard errors from which a difference is clear."""
KEPT = 0.95
"""Share of dense accuracy that the public summary of the paper claims is kept at least."""
METHOD = (
    "All methods of a base have the same loss, epochs, negatives and candidates; validation chose among these and the "
    "epoch, and the test part was read once a run ([more](../guide/benchmarks.md)).",
    "SparseRec is compared with all methods of dynamic sparse training (DST); SparseRec with the NMF start, which is "
    "the paper's, with the others as they were published, from random masks. Those hardly begin to learn in so few "
    "epochs: that comparison tells of the start.",
    "Mean and standard deviation over seeds. Density: active parameters as a share of tables of the full width. Bytes: "
    "what a device needs for the accuracy beside it, without the list of item ids: of mf the exported file, of "
    "lightgcn the tables of layer 0 and the graph (the exported file stands beside it), of neumf and sasrec the "
    "tables and the network, which no file holds. A narrow dense table has as many columns as fit the bytes.",
)
"""Notes below the tables."""
Groups = Mapping[tuple[str, str, str, float | None], Sequence[Entry]]
"""Runs that differ in their seed alone, by data set, base, method and density."""


def page(entries: Sequence[Entry], title: str, command: str) -> str:
    """A page of docs/results from the entries of its results file.

    Args:
        entries: of the tune and of the run phase.
        title: of the page.
        command: that made them, for the reader.
    """
    groups = grouped(current(entries))
    lines = [f"# {title}", "", f"Made by `{command}`."]
    parts = dict.fromkeys((key[0], key[1]) for key in groups)
    if len(parts) > 1 and (gained := overview(entries)):
        lines += ["", "## SparseRec against the best other DST method", ""]
        lines += ["Gain in test NDCG@20 by density, and its place among all DST methods where all have three seeds:"]
        lines += ["", *gained]
        lines += ["", "The same on the validation part, where settings and epochs were chosen:"]
        lines += ["", *overview(entries, "valid")]
    for name, base in parts:
        of_part = _part(groups, (name, base))
        lines += ["", f"## {name}, {base}", "", *_claims(of_part), "", *_table(of_part)]
    return "\n".join([*lines, *_tuning(entries), *_notes(entries, groups)]) + "\n"


def grouped(entries: Iterable[Entry]) -> Groups:
    """Runs by data set, base, method and density, in the order of the methods, the densest first."""
    groups: dict[tuple[str, str, str, float | None], list[Entry]] = {}
    for entry in entries:
        job = entry.job
        groups.setdefault((job.dataset, job.base, job.method, job.density), []).append(entry)
    order = {name: number for number, name in enumerate(METHODS)}
    return dict(sorted(groups.items(), key=lambda pair: (pair[0][:2], -(pair[0][3] or 2), order[pair[0][2]])))


def values(group: Sequence[Entry], name: str) -> list[Any]:
    """One figure of every seed."""
    return [entry.figures[name] for entry in group]


def _notes(entries: Sequence[Entry], groups: Groups) -> list[str]:
    """How it was measured, and what entries say of how they came about (`note` in the results file)."""
    devices = ", ".join(sorted({_device(entry) for entry in entries}))
    noted: dict[str, dict[str, None]] = {}
    for (_, base, method, _), group in groups.items():
        for entry in group:
            if "note" in entry.figures:
                noted.setdefault(entry.figures["note"], {})[f"{base} {method}"] = None
    words = [*METHOD, f"Trained on: {devices}."]
    lines = ["", "## How it was measured", "", *(line for note in words for line in wrap(f"- {note}"))]
    if noted:
        rows = [[", ".join(names), note] for note, names in noted.items()]
        lines += ["", "## Who read which test part, and when", "", *table(["rows", "what is to be known"], rows)]
    return lines


def _device(entry: Entry) -> str:
    """Where a run was trained."""
    name, threads = entry.figures.get("device", "cpu"), entry.figures["threads"]
    if name == "cpu":
        return f"CPU ({threads} thread{'s' if threads > 1 else ''})"
    return f"{name} ({entry.figures['workers']} runs at a time)"


@dataclass(frozen=True)
class Gain:
    """One of ours beside the best of the methods it is compared with, at one density.

    Attributes:
        density: share of active parameters.
        ours: name of the method.
        best: name of the best other one.
        share: of its NDCG@20 that ours has more.
        errors: standard errors of the difference, None with one seed of either.
        rank: place of ours among `among` methods, 1 the first.
        seeds: the fewest of any of them; with fewer than `SEEDS` a rank says nothing and is not shown.
    """

    density: float
    ours: str
    best: str
    share: float
    errors: float | None
    rank: int
    among: int
    seeds: int

    @property
    def place(self) -> str:
        """The rank in words; empty where too few seeds were measured."""
        return f"{self.rank} of {self.among}" if self.seeds >= SEEDS else ""

    @property
    def clear(self) -> int:
        """1 where ours is ahead by two standard errors or more with enough seeds, -1 where it is behind, else 0."""
        known = self.seeds >= SEEDS and self.errors is not None and abs(self.errors) >= CLEAR
        return (1 if self.share > 0 else -1) if known else 0


def gains(groups: Groups, figure: str = "ndcg@20") -> list[Gain]:
    """Ours against the others at every density, for the groups of one data set and base.

    Args:
        groups: of one data set and base.
        figure: "ndcg@20", on the test part, or "valid", the same on the validation part.
    """
    every = []
    for density in densities(groups):
        for ours, others in COMPARED.items():
            rivals = _by_method(groups, density, others)
            seeds = rivals.pop(ours, None)
            if seeds is None or not rivals:
                continue
            means = {name: statistics.mean(values(group, figure)) for name, group in rivals.items()}
            best = max(means, key=lambda name: means[name])
            mean, errors = statistics.mean(values(seeds, figure)), None
            if min(len(seeds), len(rivals[best])) > 1:
                errors = difference(values(seeds, figure), values(rivals[best], figure)).errors
            rank = 1 + sum(other > mean for other in means.values())
            seeds_of_all = min(len(seeds), *(len(group) for group in rivals.values()))
            share = mean / means[best] - 1
            every.append(Gain(density, ours, best, share, errors, rank, 1 + len(means), seeds_of_all))
    return every


def overview(entries: Sequence[Entry], figure: str = "ndcg@20") -> list[str]:
    """A table of SparseRec's gains over the best other method of its family: a line a data set and base.

    Args:
        entries: of the results file of the paper's grid.
        figure: as for `gains`.
    """
    parts = {
        part: [gain for gain in of_part if gain.ours == OURS]
        for part, of_part in gains_by_part(entries, figure).items()
    }
    shown = sorted({gain.density for of_part in parts.values() for gain in of_part}, reverse=True)
    rows = []
    for part, of_part in parts.items():
        cells = {gain.density: percent(gain.share, 2) + (gain.place and f" ({gain.place})") for gain in of_part}
        rows += [[*part, *(cells.get(density, "-") for density in shown)]] if cells else []
    return table(["data", "base", *(f"{density:g}" for density in shown)], rows) if rows else []


def gains_by_part(entries: Sequence[Entry], figure: str = "ndcg@20") -> dict[tuple[str, str], list[Gain]]:
    """`gains` of what is current among these entries, by data set and base."""
    groups = grouped(current(entries))
    return {part: gains(_part(groups, part), figure) for part in dict.fromkeys((key[0], key[1]) for key in groups)}


def _part(groups: Groups, part: tuple[str, str]) -> Groups:
    """The groups of one data set and base."""
    return {key: group for key, group in groups.items() if key[:2] == part}


def _claims(groups: Groups) -> list[str]:
    """What the paper claims beside what was measured, for one data set and base."""
    every = gains(groups)
    if not every:
        return ["SparseRec has no other DST method beside it yet."]
    rows, largest = [], {}
    for gain in every:
        errors = "-" if gain.errors is None else f"{gain.errors:+.1f}"
        cells = [f"{gain.density:g}", gain.ours, gain.best, percent(gain.share, 2), errors]
        rows.append([*cells, gain.place or "-"])
        largest[gain.ours] = max(gain.share, largest.get(gain.ours, gain.share))
    words = "; ".join(f"{name} {percent(share, 2)}" for name, share in largest.items())
    lines = table(["density", "method", "best other", "gain in NDCG@20", "standard errors", "rank"], rows)
    lines += ["", *wrap(f"Largest gain: {words}. The paper's abstract claims up to {PUBLISHED_GAIN} %.")]
    return [*lines, *_share_of_dense(groups)]


def _share_of_dense(groups: Groups) -> list[str]:
    """Down to which density SparseRec keeps most of what dense tables reach."""
    dense = next((group for key, group in groups.items() if key[2] == DENSE), None)
    if dense is None:
        return []
    whole, shares = statistics.mean(values(dense, "ndcg@20")), {}
    for density in densities(groups):
        for group in _by_method(groups, density, (OURS,)).values():
            shares[density] = statistics.mean(values(group, "ndcg@20")) / whole
    enough = [density for density, share in shares.items() if share >= KEPT]
    each = ", ".join(f"{100 * share:.1f} % at {density:g}" for density, share in shares.items())
    words = f"at {min(enough):g} still, the lowest density here that does" if enough else "at no density here"
    return ["", *wrap(f"NDCG@20 as a share of dense: {each}. At least {100 * KEPT:.0f} %: {words}.")]


def _table(groups: Groups) -> list[str]:
    filed = any("file" in entry.figures for group in groups.values() for entry in group)
    head = ["density", "method", "columns", "Recall@20", "NDCG@20", "bytes", "parameters", "valid NDCG@20", "epoch"]
    head += ["training", "seeds", *(["file: NDCG@20", "file: bytes"] if filed else [])]
    rows = []
    for (_, _, method, density), group in groups.items():
        cells = ["-" if density is None else f"{density:g}", method, str(group[0].job.settings["dim"])]
        cells += [spread(values(group, name)) for name in ("recall@20", "ndcg@20")]
        cells += [f"{statistics.mean(values(group, name)):,.0f}" for name in ("bytes", "parameters")]
        cells += [spread(values(group, "valid")), f"{statistics.mean(values(group, 'epoch')) + 1:.1f}"]
        cells += [training_time(group), str(len(group))]
        if filed:
            files = [entry.figures["file"] for entry in group if "file" in entry.figures]
            cells += [spread([file["ndcg@20"] for file in files]) if files else "-"]
            cells += [f"{statistics.mean(file['bytes'] for file in files):,.0f}" if files else "-"]
        rows.append(cells)
    return table(head, rows)


def training_time(group: Sequence[Entry]) -> str:
    """Median seconds of the runs that one process trained from beginning to end, on a CPU and on a GPU apart."""
    whole: dict[str, list[float]] = {"": [], " GPU": []}
    for entry in group:
        if not entry.figures.get("resumed"):
            whole["" if entry.figures.get("device", "cpu") == "cpu" else " GPU"].append(entry.figures["seconds"])
    return ", ".join(f"{statistics.median(times):.0f} s{where}" for where, times in whole.items() if times) or "-"


def _tuning(entries: Sequence[Entry]) -> list[str]:
    """Every candidate that was tried, and what validation said."""
    rows = []
    for entry in entries:
        job = entry.job
        if job.phase == "tune":
            candidate = ", ".join(f"{name} {job.settings[name]:g}" for name in TUNED if name in job.settings)
            density = "-" if job.density is None else f"{job.density:g}"
            rows.append([job.dataset, job.base, density, job.method, candidate, f"{entry.figures['valid']:.4f}"])
    head = ["data", "base", "density", "method", "candidate", "valid NDCG@20"]
    return ["", "## Candidates", "", *table(head, rows)] if rows else []


def densities(groups: Groups) -> list[float]:
    """All densities of the groups, the densest first."""
    return sorted({key[3] for key in groups if key[3] is not None}, reverse=True)


def _by_method(groups: Groups, density: float, methods: Sequence[str]) -> dict[str, Sequence[Entry]]:
    return {key[2]: group for key, group in groups.items() if key[3] == density and key[2] in methods}
