"""Tables of mf.jsonl: matrix factorisation at equal bytes."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sparserec.bench.pages.files import lines_of
from sparserec.bench.pages.markdown import percent, table, wrap
from sparserec.bench.statistics import CLEAR, difference, spread

PAIRS = (
    ("SparseRec", "static NMF mask"),
    ("SparseRec", "static random mask"),
    ("SparseRec", "narrow dense"),
    ("SparseRec, wide", "narrow dense, for wide"),
)
"""Ours, and what has as many bytes."""
MEASURES = {"Recall@20": "recall@20", "NDCG@20": "ndcg@20"}
Row = dict[str, Any]


def entries(folder: Path, phase: str = "run") -> list[Row]:
    """Results of one phase, the last one of each job."""
    of_phase = (entry for entry in lines_of(folder, "mf") if entry["phase"] == phase)
    return list({(entry["dataset"], entry["method"], str(entry["settings"])): entry for entry in of_phase}.values())


def group(rows: list[Row], dataset: str, method: str) -> list[Row]:
    """The seeds of a method on a data set."""
    return [row for row in rows if (row["dataset"], row["method"]) == (dataset, method)]


def accuracy(folder: Path, dataset: str) -> list[str]:
    """Every method on one data set."""
    rows, tuned = entries(folder), entries(folder, "tune")
    head = ["method", "columns", *MEASURES, "valid NDCG@20", "bytes", "parameters", "weight decay", "last epoch"]
    body, notes = [], []
    for method in dict.fromkeys(row["method"] for row in [*tuned, *rows]):
        seeds = group(rows, dataset, method)
        if not seeds:
            continue
        first = seeds[0]
        # A run that took over a finished folder has no time of its own: the tuning run has.
        times = [e["seconds"] for e in [*seeds, *tuned] if _alike(e, first) and e["seconds"] > 15]
        cells = [method, first["settings"]["dim"], *(_spread(seeds, name) for name in [*MEASURES.values(), "valid"])]
        cells += [first["bytes"], first["parameters"], f"{first['settings']['weight_decay']:g}"]
        cells += [f"{statistics.mean(row['curve'][-1] - row['curve'][-2] for row in seeds):+.4f}"]
        body.append([*cells, f"{statistics.median(times):.0f} s" if times else "-", len(seeds)])
        if "new_user_recall@20" in first:
            new = [f"{title} {_spread(seeds, f'new_user_{name}')}" for title, name in MEASURES.items()]
            notes += wrap(
                f"- {method}, every test user taken as new, from the item rows of their history: {', '.join(new)}."
            )
    return [*table([*head, "training", "seeds"], body), "", *notes]


def _alike(entry: Row, other: Row) -> bool:
    """Whether two entries differ in their seed at most."""
    settings = [{name: value for name, value in e["settings"].items() if name != "seed"} for e in (entry, other)]
    return settings[0] == settings[1] and all(entry[name] == other[name] for name in ("dataset", "method", "threads"))


def _spread(seeds: list[Row], name: str) -> str:
    return spread([row[name] for row in seeds])


def _compared(rows: list[Row]) -> Iterator[tuple[str, list[Row], list[Row], list[Any]]]:
    """Data set, ours, rival and the difference in each measure, of each pair with two seeds or more a side."""
    for dataset in dict.fromkeys(row["dataset"] for row in rows):
        for names in PAIRS:
            ours, rival = (group(rows, dataset, name) for name in names)
            if min(len(ours), len(rival)) > 1:
                apart = [difference([e[m] for e in ours], [e[m] for e in rival]) for m in MEASURES.values()]
                yield dataset, ours, rival, apart


def comparison(folder: Path, _: str) -> list[str]:
    """SparseRec beside each rival of as many bytes: differences, and how far they are from chance."""
    rows = entries(folder)
    head = ["data", "SparseRec", "against", "bytes"]
    head += [cell for name in MEASURES for cell in (name, "standard errors", "worst against best seed")]
    body = []
    for dataset, ours, rival, apart in _compared(rows):
        columns = [f"{seeds[0]['settings']['dim']} columns" for seeds in (ours, rival)]
        sizes = [statistics.mean(row["bytes"] for row in seeds) for seeds in (ours, rival)]
        cells = [dataset, columns[0], f"{rival[0]['method']}, {columns[1]}", percent(sizes[0] / sizes[1] - 1)]
        for gap in apart:
            cells += [f"{gap.percent:+.1f} %", f"{gap.errors:+.1f}", f"{gap.worst:+.1f} %"]
        body.append(cells)
    clear = f"Clear: in {' and '.join(MEASURES)} alike, every seed of one lies on the same side of every seed of the "
    clear += f"other, and at least {CLEAR:.1f} standard errors lie between the means."
    settings, tried = rows[0]["settings"], {row["settings"]["weight_decay"] for row in entries(folder, "tune")}
    alike = f"- All methods: {settings['n_negatives']} negatives a batch, {settings['epochs']} epochs at most, "
    alike += f"{len(tried)} weight decays to choose from."
    return [*wrap(f"{verdict(folder)} {clear}"), "", *table(head, body), "", alike]


def signs(folder: Path) -> list[tuple[str, str, int]]:
    """Of each comparison the rival, the data set, and whether ours is clearly ahead (1), behind (-1) or neither (0)."""
    answers = []
    for dataset, _, rival, apart in _compared(entries(folder)):
        clear = {gap.clear for gap in apart}
        answers.append((rival[0]["method"], dataset, clear.pop() if len(clear) == 1 else 0))
    return answers


def verdict(folder: Path) -> str:
    """In words, what the comparison shows."""
    clauses = []
    for sign, words in ((1, "clearly ahead of"), (-1, "clearly behind"), (0, "not clearly apart from")):
        data: dict[str, list[str]] = {}
        for rival, dataset, answer in signs(folder):
            if answer == sign:
                data.setdefault(rival, []).append(dataset)
        names = "; ".join(f"{rival} ({', '.join(of_rival)})" for rival, of_rival in data.items())
        clauses += [f"{words} {names}"] if names else []
    return f"At equal bytes SparseRec is {'. It is '.join(clauses)}."
