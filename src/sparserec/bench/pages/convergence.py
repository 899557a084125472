"""The page of starts x movers trained to the end: every figure in it comes from the results file."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sparserec.bench.comparisons import (
    FEWEST_SEEDS,
    OWN,
    VERDICTS,
    WHOLE,
    Cell,
    Lines,
    by_verdict,
    cells_of,
    compared,
    counted,
    ends,
    from_equal_starts,
    means,
    share,
    tried,
    values_of,
    verdict_of,
    ways_of,
    whose,
)
from sparserec.bench.convergence import (
    COMMON,
    DENSE,
    FINALISTS,
    LONGER,
    MOVERS,
    MOVERS_AND_PARTS,
    OURS,
    PARTS,
    STARTS,
    STILL_RISING,
    Protocol,
    candidate_of,
    name_of,
    pair_of,
    rising,
    title_of,
    valid_of_candidates,
    whole_of,
)
from sparserec.bench.data import FEW_USERS
from sparserec.bench.pages.markdown import percent, table, wrap
from sparserec.bench.pages.paper import KEPT, PUBLISHED_GAIN
from sparserec.bench.results import Entry, Job
from sparserec.bench.statistics import CLEAR, difference, spread
from sparserec.settings import STEPS_OF_SAMPLE

METHOD = (
    "Each pair of start and mover has settings of its own from as many trials (step size, decay, how often and how "
    'much the mask moves; a fixed mask has more of the first two), by mean validation NDCG@20; or, where "settings" '
    "names another cell, those that its own trials chose there. Where a pair was run with several of these (what one "
    "seed had chosen, what three chose, those of another cell), validation decides. All trials have one seed, the best "
    f"{FINALISTS} two more, and the mean of three decides: less than one standard error between it and the next is a "
    "tie, which other seeds might have decided otherwise. Where no errors are given, one seed decided. The test part "
    "is read by runs alone, not by trials ([more](../guide/benchmarks.md)).",
    "A run ends when validation has not risen for many epochs, and its best epoch counts. Where a pair still gained "
    f"{100 * STILL_RISING:g} % in the last tenth of its epochs, those from that start were run again with "
    f"{' and then '.join(f'{times:g}' for times in LONGER)} times as many, as far as the table above says so; the "
    "length with the best mean validation NDCG@20 counts, the gain of the last tenth is that of the longest.",
    "Means over seeds with standard deviations. A gain is told with its standard errors where both sides have three "
    f"seeds; it is clear from {CLEAR} of them on, with every seed on one side. Seeds are those of the "
    "training: all share one cut of the data, whose chance they don't show.",
    f"{OURS} watches as many samples of rows one after the other between two moves as see all rows, with at least "
    f"{STEPS_OF_SAMPLE} steps each: one where a mask moves more often than that. That became the default when figures "
    "of ml-latest-small, gowalla and gowalla-again were known, and before any of yelp2018 "
    "([decision 49](../decisions/0049-several-samples.md)).",
    "What has a part of the method changed and settings that are not its own was not tuned itself, which favours the "
    "whole; it stands beside the whole with the same settings where that was run too. Where a start was run in this "
    "way alone, so are its curves.",
    "gowalla-again and yelp2018-again hold the interactions of gowalla and yelp2018: settings that trials on those "
    "chose were judged by interactions of which some are in the test part here.",
    "mf is measured from the exported file; of lightgcn the tables of layer 0 and the graph are what a device needs.",
    "Peak memory of each start and of training, beside a dense table: [memory](memory.md#where-tables-start).",
)
ON_FEW = (
    "Where trials had a fifth of the users, the best of them and the same with the next smaller decay were tried on "
    "all users, and where its mask moves otherwise than in the first trials, with the moves of those too: these "
    "decided. The cost is what the choice on a fifth alone would have lost."
)
ELSEWHERE = (
    "Each line with the settings that its own trials chose, and with those that the trials of the same line chose in "
    "another cell, over the seeds that both have. A line that chose the same in both is left out; of both, those count "
    "that have more seeds, then those that are better."
)


def page(entries: Sequence[Entry], command: str) -> str:
    """A page of docs/results from the entries of its results file.

    Args:
        entries: of both phases.
        command: that made them, for the reader.
    """
    cells = cells_of(entries)
    lines = ["# The paper's method, trained to the end", "", f"Made by `{command}`."]
    if curves(entries):
        lines += ["", "![Validation NDCG@20 by epoch, a line a start](paper_curves.png)"]
    for title, section in (
        ("Beside other methods", _gains(entries)),
        ("With one part changed", _parts(entries, cells)),
        ("Beside a dense table", _of_dense(cells)),
    ):
        if section:
            lines += ["", f"## {title}", "", *section]
    for (data, base, density), known in cells.items():
        if density is not None:
            lines += [
                "",
                f"## {data}, {base}, density {density:g}",
                "",
                "Test NDCG@20:",
                "",
                *_crossed(known, "ndcg@20"),
            ]
            lines += ["", "Validation NDCG@20:", "", *_crossed(known, "valid")]
    lines += ["", "## What was chosen", "", *_chosen(entries)]
    if costs := _few_users(entries):
        lines += ["", "### Trials on a fifth of the users", "", *costs, "", *wrap(ON_FEW)]
    if costs := _elsewhere(entries):
        lines += ["", "### Settings of another cell", "", *costs, "", *wrap(ELSEWHERE)]
    if missing := _not_run(cells):
        lines += ["", "## What was not run", "", *wrap(missing)]
    lines += ["", "## How it was measured", ""]
    return "\n".join([*lines, *(line for note in METHOD for line in wrap(f"- {note}"))]) + "\n"


def _crossed(lines: Lines, figure: str) -> list[str]:
    """A row a start, a column a mover."""
    rows = []
    for start in STARTS:
        cells = [values_of(lines, mover, start, figure) for mover in MOVERS]
        if any(cells):
            rows.append([start, *(spread(cell) if cell else "-" for cell in cells)])
    return table(["start", *MOVERS], rows)


def _gains(entries: Sequence[Entry]) -> list[str]:
    every = compared(entries)
    equal = from_equal_starts(every)
    if not every:
        return []
    rows = [
        [
            data,
            base,
            f"{density:g}",
            one.words,
            one.best,
            one.others,
            percent(one.share, 2),
            percent(one.valid, 2),
            f"{one.apart.errors:+.1f}" if one.apart else "-",
            one.seeds,
            verdict_of(one),
            percent(one.rising, 2),
        ]
        for (data, base, density), one in every
    ]
    head = ["data", "base", "density", "compared", f"best other than {OURS}", "of", "gain in NDCG@20", "on validation"]
    head += ["standard errors", "seeds", "verdict", "the other's gain in its last tenth"]
    words = f"The paper's abstract claims up to {PUBLISHED_GAIN} % over earlier methods, each as published."
    if equal:
        ahead, behind, rest = (len(by_verdict(equal, verdict)) for verdict in VERDICTS.values())
        words = (
            f"Of {len(equal)} comparisons from equal starts with another mask that moves {OURS} is clearly ahead in "
            f"{ahead}, clearly behind in {behind}; {rest} are not clear. {words}"
        )
    return [*table(head, rows), "", *wrap(words)]


def _parts(entries: Sequence[Entry], cells: Mapping[Cell, Lines]) -> list[str]:
    """Ours with one part changed, each beside the whole from the same start, and NMF's mask beside a random one.

    What has no trials of its own is set beside the whole with the same settings where that was run, else beside the
    whole as it counts; the table says whose settings they are.
    """
    ways = ways_of(entries)
    pairs = [(whole_of(part), start, part, start) for start in STARTS for part in PARTS]
    pairs.append((OURS, "NMF mask", OURS, "random"))
    rows = []
    for ((data, base, density), lines), (ours, start, part, other) in itertools.product(cells.items(), pairs):
        whole, less = lines.get(name_of(ours, start)), lines.get(name_of(part, other))
        if not whole or not less:
            continue
        settings = whose(entries, less[0].job)
        if settings != OWN:
            whole = _with_settings_of(less, ways[(data, base, density), name_of(ours, start)]) or whole
        values = [[run.figures["ndcg@20"] for run in runs] for runs in (whole, less)]
        seeds = min(map(len, values))
        apart = difference(values[1], values[0]) if seeds >= FEWEST_SEEDS else None
        gain = percent(statistics.mean(values[1]) / statistics.mean(values[0]) - 1, 2)
        row = [data, base, f"{density:g}", name_of(ours, start), title_of(name_of(part, other)), settings]
        row += [*map(spread, values), gain, f"{apart.errors:+.1f}" if apart else "-", seeds]
        rows.append([*row, VERDICTS[apart.clear] if apart else "-"])
    head = ["data", "base", "density", "the whole", "with one part changed", "settings", "NDCG@20 of the whole"]
    return table([*head, "of the changed", "to the whole", "standard errors", "seeds", "verdict"], rows) if rows else []


def _with_settings_of(runs: Sequence[Entry], ways: Sequence[Sequence[Entry]]) -> Sequence[Entry] | None:
    """Of these ways the one that has the settings and epochs of these runs and as many seeds; None where none has."""

    def settings(job: Job) -> tuple[Any, ...]:
        return candidate_of(job), job.settings["epochs"]

    alike = (way for way in ways if settings(way[0].job) == settings(runs[0].job) and len(way) >= len(runs))
    return next(alike, None)


def _of_dense(cells: Mapping[Cell, Lines]) -> list[str]:
    """How much of a dense table is left at each density, and down to which it is as much as the paper claims."""
    rows, lowest = [], []
    for data, base in dict.fromkeys((data, base) for data, base, density in cells if density is None):
        dense = cells[data, base, None][DENSE]
        enough: dict[str, list[float]] = {"ndcg@20": [], "valid": []}
        known = False
        for density, lines in ((c[2], lines) for c, lines in cells.items() if c[:2] == (data, base) and c[2]):
            pairs = [pair for pair in itertools.product(MOVERS_AND_PARTS, STARTS) if name_of(*pair) in lines]
            if not pairs:
                continue
            best = max(pairs, key=lambda pair: statistics.mean(values_of(lines, *pair, "valid")))
            runs, known = lines[name_of(*best)], True
            kept, on_valid, size = (share(runs, dense, figure) for figure in ("ndcg@20", "valid", "bytes"))
            accuracy = [spread([run.figures["ndcg@20"] for run in each]) for each in (runs, dense)]
            row = [data, base, f"{density:g}", title_of(name_of(*best)), *accuracy, f"{100 * kept:.1f} %"]
            rows.append([*row, f"{100 * on_valid:.1f} %", f"{100 * size:.0f} %" if size else "-"])
            for figure, part in (("ndcg@20", kept), ("valid", on_valid)):
                enough[figure] += [density] if part >= KEPT else []
        if known:
            on_test, on_valid = (f"{min(each):g}" if each else "none" for each in enough.values())
            lowest.append(f"{data} with {base} {on_test} (on validation {on_valid})")
    if not rows:
        return []
    words = f"The lowest density here with {100 * KEPT:.0f} % of a dense table's NDCG@20 on the test part: "
    words += f"{'; '.join(lowest)}. The paper's public summary claims at least {100 * KEPT:.0f} %."
    head = ["data", "base", "density", "best on validation", "test NDCG@20", "of a dense table", "share"]
    return [
        *table([*head, "on validation", "bytes of the file, to those of a dense one in int8"], rows),
        "",
        *wrap(words),
    ]


def _chosen(entries: Sequence[Entry]) -> list[str]:
    """What trials chose for each line, what came next to it, and whether its training had come to an end."""
    rows, longest = [], ends(entries)
    for (data, base, density), known in cells_of(entries).items():
        for method, runs in known.items():
            job, last = runs[0].job, longest[data, base, density][method]
            on_few, on_all = tried(entries, job, FEW_USERS), tried(entries, job)
            source = whose(entries, job)
            trials = valid_of_candidates(on_all) if source == OWN else []
            best = sorted((values for _, values in trials), key=statistics.mean, reverse=True)[:2]
            gained = percent(rising(last), 2)
            epochs, most = (statistics.mean(len(run.figures["curve"]) for run in each) for each in (runs, last))
            cells = [data, base, "-" if density is None else f"{density:g}", title_of(method)]
            cells += [_told(candidate_of(job)), source]
            cells += [*(spread(values) for values in best), *["-"] * (2 - len(best))]
            several = len(best) == 2 and len(best[0]) > 1
            cells.append(f"{difference(*best).errors:.1f}" if several else "-")
            count = sum(len({repr(candidate_of(entry.job)) for entry in each}) for each in (on_few, on_all))
            rows.append([*cells, count, f"{epochs:.0f}", f"{most:.0f}", gained])
    head = ["data", "base", "density", "method", "chosen", "settings", "valid NDCG@20", "of the next trial"]
    head += ["standard errors between", "trials", "epochs", "most epochs tried", "gained in the last tenth of these"]
    return table(head, rows)


def _few_users(entries: Sequence[Entry]) -> list[str]:
    """What it would have cost to choose on a fifth of the users alone, for each line that was tried on both."""
    rows = []
    for (data, base, density), known in cells_of(entries).items():
        for method, runs in known.items():
            few, every = (means(tried(entries, runs[0].job, end)) for end in (FEW_USERS, ""))
            if not few or not every:
                continue
            best, _ = max(few, key=lambda each: each[1])
            top, highest = max(every, key=lambda each: each[1])
            valid = next((valid for candidate, valid in every if candidate == best), None)
            if valid is None:  # its trials on a fifth are not at their end
                continue
            cells = [data, base, f"{density:g}" if density else "-", title_of(method), _told(best)]
            rows.append([*cells, f"{valid:.4f}", _told(top), f"{highest:.4f}", percent(valid / highest - 1, 1)])
    head = ["data", "base", "density", "method", "chosen on a fifth", "valid NDCG@20 on all users"]
    return table([*head, "chosen on all", "valid NDCG@20", "cost"], rows) if rows else []


def _elsewhere(entries: Sequence[Entry]) -> list[str]:
    """What settings of another cell cost, for each line that was run with those and with its own."""
    rows = []
    for ((data, base, density), method), ways in ways_of(entries).items():
        by_source: dict[str, list[list[Entry]]] = {}
        for way in ways:
            by_source.setdefault(whose(entries, way[0].job), []).append(way)
        own = by_source.pop(OWN, None)
        for source, others in by_source.items():
            if not own or not source.startswith("of ") or source == WHOLE:
                continue
            by_seed = [{run.job.settings["seed"]: run for run in counted(entries, way)} for way in (own, others)]
            if shared := sorted(by_seed[0].keys() & by_seed[1].keys()):
                valid, there = ([runs[seed].figures["valid"] for seed in shared] for runs in by_seed)
                cost = statistics.mean(there) / statistics.mean(valid) - 1
                cells = [data, base, f"{density:g}" if density else "-", title_of(method), spread(valid), source[3:]]
                rows.append([*cells, spread(there), percent(cost, 1)])
    head = ["data", "base", "density", "method", "valid NDCG@20", "settings of", "valid NDCG@20 with these", "cost"]
    return table(head, rows) if rows else []


def _not_run(cells: Collection[Cell]) -> str:
    """The cells that the command has without options and nothing is known of, and bases that it has with options."""
    protocol, missing = Protocol(), dict[str, list[str]]()
    for data, base in itertools.product(protocol.datasets, protocol.bases):
        left = [f"{density:g}" for density in protocol.densities if (data, base, density) not in cells]
        if left:
            missing.setdefault(data, []).append(f"{base} at {' and '.join(left)}")
    each = "; ".join(f"{data} with {', '.join(those)}" for data, those in missing.items())
    bases = [base for base in COMMON if base not in protocol.bases and base not in {cell[1] for cell in cells}]
    words = [f"Of what the command does without options: {each}."] if missing else []
    return " ".join([*words, *(f"With options: {base} on any data." for base in bases)])


def _told(candidate: Mapping[str, Any]) -> str:
    """A candidate, with what its section holds, in words."""
    moves = candidate.get("exploration", {})
    plain = {name: value for name, value in candidate.items() if name != "exploration"} | moves
    return ", ".join(f"{name} {value:g}" for name, value in plain.items())


Curves = dict[str, list[Sequence[float]]]


def curves(entries: Sequence[Entry]) -> dict[tuple[Cell, str], Curves]:
    """Validation NDCG@20 by epoch of ours from each start, a curve a seed, by cell and what of ours it is.

    Where a start was run as a part changed alone, those are its curves, beside those of the whole of which it is a part
    and with its settings.
    """
    named = {settings["init"]: start for start, settings in STARTS.items()}
    every: dict[tuple[Cell, str], Curves] = {}
    for cell, known in cells_of(entries).items():
        mover = OURS
        found = {pair_of(method)[1]: runs for method, runs in known.items() if pair_of(method)[0] == OURS}
        for method, runs in known.items():
            part, start = pair_of(method)
            init = PARTS.get(part, {}).get("init")
            if init is None or named[init] in found:
                continue
            mover = whole_of(part)
            whole = known.get(name_of(mover, start), [])
            alike = _with_settings_of(runs, ways_of(entries).get((cell, name_of(mover, start)), ()))
            found |= {start: list(alike or whole), named[init]: runs}
        if found:
            of_start = {start: found[start] for start in STARTS if found.get(start)}
            every[cell, mover] = {start: [run.figures["curve"] for run in runs] for start, runs in of_start.items()}
    return every
