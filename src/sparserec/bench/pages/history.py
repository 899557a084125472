"""Tables of fism.jsonl: a recommender of histories at several budgets, its parts one by one, and its rivals."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sparserec.bench.pages.files import lines_of, result
from sparserec.bench.pages.markdown import percent, table, wrap
from sparserec.bench.statistics import spread

RECIPE, OURS, START, CODES = "default recipe", "SparseRec", "spectral start", "product quantisation"
"""The recipe as it is, of recipe.json; as it was before, with its start and product quantisation, of fism.jsonl."""
WHOLE, WHOLE_BUDGET = "the recipe", "12B/item"
"""What parts are taken away from."""
EARLIER_COLUMNS = 1024
EARLIER = f"{OURS}, {EARLIER_COLUMNS:,} columns"
"""The recipe before it tried widths."""
TITLES = {
    START: "spectral start alone",
    OURS: "an earlier recipe",
    EARLIER: f"the recipe before that, {EARLIER_COLUMNS:,} columns",
}
TEACHER = ("user_power", "smoothing", "power", "rank", "neighbours", "share")
"""Settings of a teacher."""
NDCG = "test_ndcg@20"
Row = dict[str, Any]
Group = list[Row]
"""The seeds of one job."""


def measured(folder: Path) -> list[Row]:
    """One row a job: what is known of it on validation and on test.

    Rows of a recipe that has changed since are left out, on every data set, so that no table mixes two of them.
    """
    entries = [_renamed(entry) for entry in lines_of(folder, "fism")]
    latest = {entry["method"]: entry for entry in entries}
    whole = [
        {**entry, "kind": "ingredients", "method": WHOLE, "place": -1, "change": ["refit"]}
        for entry in entries
        if _is(entry, "budgets", OURS) and entry["settings"]["budget"] == WHOLE_BUDGET
    ]
    rows: dict[tuple, Row] = {}
    for entry in sorted(whole + entries, key=lambda entry: entry["phase"] != "valid"):
        model = latest.get(OURS, entry) if entry["kind"] == "ingredients" else latest[entry["method"]]
        changed = {"seed", "budget", *entry.get("change", ())}
        if _settings(entry, changed) == _settings(model, changed):
            rows.setdefault((*_name(entry), json.dumps(entry["settings"], sort_keys=True)), {}).update(entry)
    return [*rows.values(), *_of_recipe(folder)]


def _of_recipe(folder: Path) -> list[Row]:
    """Rows of the default recipe as it is; they have no validation figures."""
    kept = {"bytes an item": "bytes_per_item", "recall@20": "test_recall@20", "ndcg@20": NDCG}
    rows = result(folder, "recipe").get("rows", [])
    return [
        {"dataset": row["data"], "kind": "budgets", "method": RECIPE, "place": place - len(rows)}  # before all others
        | {"settings": {"budget": row["budget"]}, **{name: row[found] for found, name in kept.items()}}
        for place, row in enumerate(rows)
    ]


def _is(entry: Row, kind: str, method: str) -> bool:
    return (entry["kind"], entry["method"]) == (kind, method)


def _renamed(entry: Row) -> Row:
    settings = entry["settings"]
    if _is(entry, "budgets", OURS) and settings.get("refit") and settings.get("dim") == EARLIER_COLUMNS:
        return {**entry, "method": EARLIER, "place": entry["place"] + 100}
    return entry


def _settings(entry: Row, without: set[str]) -> Row:
    return {name: value for name, value in entry["settings"].items() if name not in without}


def _name(entry: Row) -> tuple:
    return entry["dataset"], entry["kind"], entry["method"], entry["settings"].get("budget")


def groups(rows: list[Row], dataset: str, *kinds: str) -> list[Group]:
    """The seeds of each job of these kinds, kind by kind in the order of the plan."""
    by_name: dict[tuple, Group] = {}
    for row in rows:
        if row["dataset"] == dataset and row["kind"] in kinds:
            by_name.setdefault(_name(row), []).append(row)
    return sorted(by_name.values(), key=lambda group: (kinds.index(group[0]["kind"]), group[0]["place"]))


def budget_of(row: Row) -> float:
    """Bytes an item that were allowed; infinite for a dense table."""
    number = re.match(r"[\d.]+", row["settings"].get("budget") or "")
    return float(number[0]) if number else float("inf")


def known(group: Group, name: str) -> list[float]:
    """A figure of the seeds that have it."""
    return [row[name] for row in group if row.get(name) is not None]


def mean(group: Group, name: str) -> float | None:
    """Mean of a figure over the seeds that have it."""
    values = known(group, name)
    return statistics.mean(values) if values else None


def title(group: Group) -> str:
    """A method's name for readers."""
    method: str = group[0]["method"]
    return TITLES.get(method, method)


def _cell(group: Group, name: str) -> str:
    values = known(group, name)
    return spread(values) if values else "-"


def _one(name: str, reduced: Callable[[list[float]], float], words: str) -> Callable[[Group], str]:
    """A cell of one figure of all seeds."""
    return lambda group: words.format(reduced(known(group, name))) if known(group, name) else "-"


SIZE = _one("bytes_per_item", statistics.mean, "{:,.2f}")
TIME = _one("seconds", statistics.median, "{:,.0f} s")
MEMORY = _one("peak_rss", lambda peaks: max(peaks) / 1e6, "{:,.0f} MB")


def _rounding(group: Group) -> str:
    """Validation NDCG@20 of the file against that of the values before they were rounded."""
    file, exact = mean(group, "valid_ndcg@20"), mean(group, "run_valid_ndcg@20")
    return "-" if file is None or exact is None else percent(file / exact - 1, 2)


HEAD = ["method", "budget", "bytes an item", "Recall@20", "NDCG@20", "valid NDCG@20", "rounding", "time", "peak memory"]


def accuracy(folder: Path, dataset: str) -> list[str]:
    """Accuracy of every method at every budget on one data set, and how far ours is from each rival."""
    rows = measured(folder)
    body = [
        [
            title(group),
            f"{budget_of(group[0]):g}" if group[0]["settings"].get("budget") else "-",
            SIZE(group),
            *(_cell(group, name) for name in ("test_recall@20", NDCG, "valid_ndcg@20")),
            *(cell(group) for cell in (_rounding, TIME, MEMORY)),
            str(len(group)),
        ]
        for group in groups(rows, dataset, "budgets", "pq", "teacher")
    ]
    for model in published(folder, dataset):
        size = f"{model['bytes an item']:,.2f}" if model["columns"] else "-"
        body.append([model["name"], "-", size, *(f"{model[name]:.4f}" for name in ("recall@20", "ndcg@20")), *"-----"])
    return [*table([*HEAD, "seeds"], body), "", *_against(rows, folder, dataset), *_choices(rows, dataset)]


def published(folder: Path, dataset: str) -> list[Row]:
    """Dense models with the figures of their papers; bytes are those of user and item rows in float32."""
    rows = [row for row in result(folder, "published_models").get("rows", []) if row["data"] == dataset]
    return [
        {**row, "bytes an item": 4 * (row["columns"] or 0) * (row["users"] + row["items"]) / row["items"]}
        for row in rows
    ]


def rivals(rows: list[Row], folder: Path, dataset: str) -> dict[str, dict[float, float]]:
    """Test NDCG@20 of each rival by budget; that of one without a budget counts at all of them."""
    values: dict[str, dict[float, float]] = {}
    for group in groups(rows, dataset, "pq", "budgets", "teacher"):
        value = mean(group, NDCG)
        if value is not None and group[0]["method"] not in (RECIPE, OURS, EARLIER):
            values.setdefault(title(group), {})[budget_of(group[0])] = value
    values |= {model["name"]: {float("inf"): model["ndcg@20"]} for model in published(folder, dataset)}
    return values


def ours(rows: list[Row], dataset: str, size: float) -> Group:
    """The runs of the default recipe at a budget in bytes an item."""
    every = groups(rows, dataset, "budgets")
    return next((g for g in every if g[0]["method"] == RECIPE and budget_of(g[0]) == size), [])


def gains(rows: list[Row], folder: Path, dataset: str) -> dict[str, dict[float, float]]:
    """Test NDCG@20 of ours over each rival, as a share of the rival's, by budget."""
    known = {budget_of(g[0]): mean(g, NDCG) for g in groups(rows, dataset, "budgets") if g[0]["method"] == RECIPE}
    every: dict[str, dict[float, float]] = {}
    for name, values in rivals(rows, folder, dataset).items():
        for size, value in known.items():
            other = values.get(size, values.get(float("inf")))
            if value is not None and other is not None:
                every.setdefault(name, {})[size] = value / other - 1
    return every


def _against(rows: list[Row], folder: Path, dataset: str) -> list[str]:
    every = gains(rows, folder, dataset)
    sizes = sorted({size for by_size in every.values() for size in by_size})
    head = [f"NDCG@20 of the {RECIPE} against", *(f"at {size:g} B/item" for size in sizes)]
    body = [[name, *(percent(gain[size]) if size in gain else "-" for size in sizes)] for name, gain in every.items()]
    return table(head, body)


def _choices(rows: list[Row], dataset: str) -> list[str]:
    """What validation chose, for the notes below the tables."""
    notes: dict[str, None] = {}
    for group in groups(rows, dataset, "teacher", "budgets", "pq"):
        teacher, codes = group[0].get("teacher"), group[0].get("chosen")
        if teacher:
            settings = [f"{name.replace('_', ' ')} {teacher[name]:g}" for name in TEACHER if name in teacher]
            notes[f"- Teacher of {title(group)}: {', '.join(settings)}."] = None
        if codes and "columns" in group[0]:
            source = "the trained teacher's two tables" if codes.get("trained") else f"the filter's table{_form(codes)}"
            words = (
                f"{budget_of(group[0]):g} B/item: {group[0]['sub_vectors']} codes, {group[0]['columns']} columns of "
            )
            notes[f"- Product quantisation at {words}{source}{', rotated' if codes['rotated'] else ''}."] = None
    return ["", *(line for note in notes for line in wrap(note))]


def _form(codes: Row) -> str:
    return f", power {codes['power']:g}{'' if codes['by_degree'] else ', before D^1/2'}"


def parts(folder: Path, dataset: str) -> list[str]:
    """What each change to the recipe costs or brings on validation."""
    changed = sorted(groups(measured(folder), dataset, "ingredients"), key=lambda group: group[0]["method"] != WHOLE)
    whole = changed[0]
    measures = {"valid NDCG@20": "valid_ndcg@20", "valid Recall@20": "valid_recall@20"}
    head = ["change", "bytes an item", *(cell for name in measures for cell in (name, "change"))]
    body = []
    for group in changed:
        cells = [f"**{WHOLE}**" if group is whole else group[0]["method"], SIZE(group)]
        for name in measures.values():
            cells += [_cell(group, name), "" if group is whole else _relative(group, whole, name)]
        epochs = mean(group, "epochs_run")
        body.append([*cells, "-" if epochs is None else f"{epochs:g}", TIME(group), MEMORY(group), str(len(group))])
    return table([*head, "epochs", "time", "peak memory", "seeds"], body)


def _relative(group: Group, default: Group, name: str) -> str:
    """Change of the mean, over the seeds that both have."""
    values = [{row["settings"]["seed"]: row[name] for row in part if row.get(name)} for part in (group, default)]
    seeds = values[0].keys() & values[1].keys()
    if not seeds:
        return "-"
    ours, base = (statistics.mean(part[seed] for seed in seeds) for part in values)
    return percent(ours / base - 1)
