"""The page, the tables and the plot of `fism_results.py`; what is not measured yet is left out."""

from __future__ import annotations

import json
import re
import statistics
import textwrap
from pathlib import Path

from mf_results import spread

RESULTS = Path(__file__).resolve().parent.parent / "docs" / "results" / "fism.jsonl"
OURS, START, CODES = "SparseRec", "spectral start", "product quantisation"
TOLD = ("user_power", "smoothing", "power", "rank", "neighbours", "share")
"""Settings of a teacher."""
WHOLE, WHOLE_BUDGET = "the recipe", "12B/item"
"""What ingredients are taken away from."""
EARLIER_COLUMNS = 1024
EARLIER = f"{OURS}, {EARLIER_COLUMNS:,} columns"
"""The recipe before it tried widths."""
TITLES = {START: "spectral start alone"}

PUBLISHED = "LightGCN, published (He et al. 2020)"
LIGHTGCN = {
    "gowalla": {"test_recall@20": 0.1830, "test_ndcg@20": 0.1554},
    "yelp2018": {"test_recall@20": 0.0649, "test_ndcg@20": 0.0530},
}
"""He et al., "LightGCN: simplifying and powering graph convolution network for recommendation", SIGIR 2020, table 4."""
LIGHTGCN_ROW = 64 * 4
"""Bytes of a user or an item there: 64 columns in float32."""


def entries(file: Path = RESULTS) -> list[dict]:
    """The lines of the results file, without one whose writing was cut off: its job counts as not done."""
    found = []
    for line in file.read_text().splitlines() if file.exists() else ():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def results(file: Path = RESULTS) -> list[dict]:
    """One row a job: what is known of it on validation and on test.

    Rows of a recipe that has changed since are left out, on every data set, so that no table mixes two of them.
    """
    raw = entries(file)
    found = [as_earlier(entry) if is_earlier(entry) else entry for entry in raw]
    latest = {entry["method"]: entry for entry in found}
    rows: dict[tuple, dict] = {}
    whole = [as_ingredient(entry) for entry in found if is_whole(entry)]
    for entry in sorted(whole + found, key=lambda entry: entry["phase"] != "valid"):
        model = latest.get(OURS, entry) if entry["kind"] == "ingredients" else latest[entry["method"]]
        changed = {"seed", "budget", *entry.get("change", ())}
        if unchanged(entry, changed) == unchanged(model, changed):
            settings = json.dumps(entry["settings"], sort_keys=True)
            rows.setdefault((*name_of(entry), settings), {}).update(entry)
    return list(rows.values())


def is_whole(entry: dict) -> bool:
    """Whether this is a run of the recipe that ingredients are compared with."""
    ours = (entry["kind"], entry["method"]) == ("budgets", OURS)
    return ours and entry["settings"]["budget"] == WHOLE_BUDGET


def is_earlier(entry: dict) -> bool:
    """Whether this is a run of the recipe before it tried widths."""
    settings = entry["settings"]
    ours = (entry["kind"], entry["method"]) == ("budgets", OURS)
    return bool(ours and settings.get("refit")) and settings.get("dim") == EARLIER_COLUMNS


def as_earlier(entry: dict) -> dict:
    return {**entry, "method": EARLIER, "place": entry["place"] + 100}


def as_ingredient(entry: dict) -> dict:
    return {**entry, "kind": "ingredients", "method": WHOLE, "place": -1, "change": ["refit"]}


def unchanged(entry: dict, changed: set[str]) -> dict:
    return {name: value for name, value in entry["settings"].items() if name not in changed}


def name_of(entry: dict) -> tuple:
    return entry["dataset"], entry["kind"], entry["method"], entry["settings"].get("budget")


def budget_of(entry: dict) -> float:
    """Bytes an item that were allowed; none for a dense table."""
    found = re.match(r"[\d.]+", entry["settings"].get("budget") or "")
    return float(found[0]) if found else float("inf")


def groups(rows: list[dict], dataset: str, kind: str) -> list[list[dict]]:
    """The seeds of each job of a kind, in the order of the plan."""
    found: dict[tuple, list[dict]] = {}
    for row in rows:
        if (row["dataset"], row["kind"]) == (dataset, kind):
            found.setdefault(name_of(row), []).append(row)
    return sorted(found.values(), key=lambda group: group[0]["place"])


def datasets(rows: list[dict]) -> list[str]:
    return list(dict.fromkeys(row["dataset"] for row in rows))


def cell(group: list[dict], name: str) -> str:
    """Mean and standard deviation over the seeds that have it."""
    known = [row for row in group if row.get(name) is not None]
    return spread(known, name) if known else "-"


def mean(group: list[dict], name: str) -> float | None:
    known = [row[name] for row in group if row.get(name) is not None]
    return statistics.mean(known) if known else None


def tables(file: Path = RESULTS) -> list[str]:
    """Tables of the results so far, as Markdown, and how they came about."""
    rows = results(file)
    if not rows:
        return []
    lines = introduction(rows)
    for dataset in datasets(rows):
        lines += ["", f"## {dataset}", ""]
        head = ["method", "budget", "bytes an item", "Recall@20", "NDCG@20", "valid NDCG@20", "rounding"]
        head += ["time", "peak memory"]
        lines += header([*head, "seeds"])
        for kind in ("budgets", "pq", "teacher"):
            lines += [line(group) for group in groups(rows, dataset, kind)]
        lines += published_line(rows, dataset)
        lines += remarks(rows, dataset)
        lines += ingredients(rows, dataset)
    return lines


def introduction(rows: list[dict]) -> list[str]:
    made = (
        "Made by `python benchmarks/fism_results.py valid`, `... test` and `... report` from `docs/results/fism.jsonl`."
    )
    text = f"{OURS} is recipe `fism` as it comes{told(rows)}; only the budget differs. {EARLIER}, is the recipe before "
    text += "it tried widths, and when explorations moved a share of all parameters. The recipe is the "
    text += "same for all data sets, and so is that of the spectral start, which is not trained. Its settings were "
    text += "tuned on the validation parts of gowalla and yelp2018, its step sizes on that of ml-latest-small too. "
    text += "There were also chosen the epoch of each run, the teacher, and for product quantisation, at each budget, "
    text += "rank, power, rotation and what the codes hold. For the test part everything was then made once more, as "
    text += "it was chosen, from the training and validation parts together. Ours was measured on test from the "
    text += "exported file, through the device runtime; the teachers and product quantisation with the same full "
    text += "ranking from what their bytes decode to. Bytes are those of the whole file, raw ids apart; there is "
    text += "no user table. Product quantisation counts codes, a byte an item for its interactions, and codebooks "
    text += "in half precision, and no header. Dense tables are float32. Valid: of the file before that. "
    text += "Rounding: what coding the values of the file cost there. Time: the whole of `sparserec.train` with its "
    text += f"start and its teacher, {threads(rows)}, none where another run lent its teacher; for the dense ones "
    text += "that of the singular vectors and the choice, for product "
    text += "quantisation of singular vectors and codes without the choice. Mean and standard deviation over seeds."
    twice = "The test part has been read more than once: with an earlier recipe, whose only teacher was the "
    twice += "filter; with both teachers and 1,024 columns at most; at 12 B/item with a spectrum of more power "
    twice += "iterations, which was not taken, and on gowalla with 2,048 columns "
    twice += "(docs/decisions/0018-singular-vectors.md); and with this one, where validation chooses "
    twice += "between widths, at first with a teacher chosen on 1,000 users: on gowalla two seeds then chose two "
    twice += "powers, and one of them was clearly worse; and once more with the rotation of the start that is found "
    twice += "faster (docs/decisions/0024-wide-rotations.md), which was taken for its time. Only a part of what the "
    twice += "trained teacher gains on validation shows on test parts that come with the data, the least on gowalla. "
    twice += "They are not samples of the interactions as the validation part is: `python benchmarks/splits.py` counts "
    twice += "how often items are in them."
    return [made, "", *textwrap.wrap(text, 118), "", *textwrap.wrap(twice, 118)]


def told(rows: list[dict]) -> str:
    """The settings of our runs in a few words."""
    ours = [row["settings"] for row in rows if row["kind"] == "budgets" and row["method"] == OURS]
    if not ours:
        return ""
    names = {"dim": "columns at most", "loss": "loss", "epochs": "epochs at most", "lr": "step size"}
    names |= {"batch_size": "users a batch", "values": "values"}
    return " (" + ", ".join(f"{word} {ours[-1][name]}" for name, word in names.items()) + ")"


def threads(rows: list[dict]) -> str:
    counts = sorted({row["threads"] for row in rows})
    return f"with {' or '.join(str(count) for count in counts)} thread{'s' if counts[-1] > 1 else ''}"


def header(names: list[str]) -> list[str]:
    return [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]


def line(group: list[dict]) -> str:
    first = group[0]
    if first.get("note"):
        return f"| {title(first)} | {allowed(first)} | {first['note']} |" + " |" * 7
    cells = [title(first), allowed(first), size_of(group)]
    cells += [cell(group, name) for name in ("test_recall@20", "test_ndcg@20", "valid_ndcg@20")]
    return f"| {' | '.join([*cells, rounding(group), time_of(group), memory_of(group), str(len(group))])} |"


def rounding(group: list[dict]) -> str:
    """Validation NDCG@20 of the file against that of the values before they were rounded, in per cent."""
    file, exact = mean(group, "valid_ndcg@20"), mean(group, "run_valid_ndcg@20")
    return "-" if file is None or exact is None else f"{100 * (file / exact - 1):+.2f} %"


def allowed(row: dict) -> str:
    return f"{budget_of(row):g}" if row["settings"].get("budget") else "-"


def title(row: dict) -> str:
    return TITLES.get(row["method"], row["method"])


def size_of(group: list[dict]) -> str:
    size = mean(group, "bytes_per_item")
    return "-" if size is None else f"{size:,.2f}"


def time_of(group: list[dict]) -> str:
    """The median; a training that was cut off and resumed has none."""
    known = [row["seconds"] for row in group if row.get("seconds") is not None]
    return f"{statistics.median(known):,.0f} s" if known else "-"


def memory_of(group: list[dict]) -> str:
    known = [row["peak_rss"] for row in group if row.get("peak_rss") is not None]
    return f"{max(known) / 1e6:,.0f} MB" if known else "-"


def published_line(rows: list[dict], dataset: str) -> list[str]:
    point = published(rows, dataset)
    if point is None:
        return []
    cells = [PUBLISHED, "-", f"{point['bytes_per_item']:,.2f}", f"{point['test_recall@20']:.4f}"]
    return [f"| {' | '.join([*cells, format(point['test_ndcg@20'], '.4f'), *'-----'])} |"]


def published(rows: list[dict], dataset: str) -> dict | None:
    """Published accuracy of LightGCN, and its bytes from the size of the data set."""
    sizes = next((row for row in rows if row["dataset"] == dataset and row.get("n_items")), None)
    if dataset not in LIGHTGCN or sizes is None:
        return None
    size = (sizes["n_users"] + sizes["n_items"]) * LIGHTGCN_ROW
    return {**LIGHTGCN[dataset], "bytes": size, "bytes_per_item": size / sizes["n_items"]}


def remarks(rows: list[dict], dataset: str) -> list[str]:
    """What validation chose, and how far ours is from the rivals."""
    told = [f"Teacher of {title(group[0])}: {chosen}." for group, chosen in teachers(rows, dataset)]
    quantised = []
    for group in groups(rows, dataset, "pq"):
        chosen = group[0].get("chosen")
        if chosen and "columns" in group[0]:
            text = f"{budget_of(group[0]):g} B/item: {group[0]['sub_vectors']} codes, {group[0]['columns']} columns, "
            if chosen.get("trained"):
                text += "of the trained teacher's two tables"
            else:
                text += f"power {chosen['power']:g}, of the filter's table"
                text += "" if chosen["by_degree"] else " before D^1/2"
            quantised.append(text + (", rotated" if chosen["rotated"] else ""))
    if quantised:
        told.append(f"Product quantisation at {'; '.join(quantised)}.")
    against = {group_name: compared(rows, dataset, other) for group_name, other in rivals(rows, dataset).items()}
    told += [f"Test NDCG@20 of {OURS} against {name}: {', '.join(gaps)}." for name, gaps in against.items() if gaps]
    return [piece for text in told for piece in ("", *textwrap.wrap(text, 118))]


def teachers(rows: list[dict], dataset: str):
    """The dense teachers, and the one that our runs learned from where it is another."""
    known = []
    for group in groups(rows, dataset, "teacher") + groups(rows, dataset, "budgets"):
        chosen = group[0].get("teacher")
        if chosen and (group[0]["kind"] == "teacher" or chosen not in known):
            named = (name for name in TOLD if name in chosen)
            yield group, ", ".join(f"{name.replace('_', ' ')} {chosen[name]:g}" for name in named)
        known.append(chosen)


def rivals(rows: list[dict], dataset: str) -> dict[str, dict[float, float]]:
    """Test NDCG@20 of each rival by budget; that of one without a budget counts at all of them."""
    ndcg = "test_ndcg@20"
    found: dict[str, dict[float, float]] = {}
    for kind in ("pq", "budgets", "teacher"):
        for group in groups(rows, dataset, kind):
            value = mean(group, ndcg)
            if value is not None and group[0]["method"] not in (OURS, EARLIER):
                found.setdefault(title(group[0]), {})[budget_of(group[0])] = value
    if point := published(rows, dataset):
        found[PUBLISHED] = {float("inf"): point[ndcg]}
    return found


def compared(rows: list[dict], dataset: str, rival: dict[float, float]) -> list[str]:
    gaps = []
    for group in groups(rows, dataset, "budgets"):
        value, size = mean(group, "test_ndcg@20"), budget_of(group[0])
        other = rival.get(size, rival.get(float("inf")))
        if group[0]["method"] == OURS and value is not None and other is not None:
            gaps.append(f"{100 * (value / other - 1):+.1f} % at {size:g} B/item")
    return gaps


def ingredients(rows: list[dict], dataset: str) -> list[str]:
    """What each change to the default costs or brings."""
    changed = groups(rows, dataset, "ingredients")
    if all(group[0]["method"] == WHOLE for group in changed):
        return []
    first = changed[0][0]
    same = next((group for group in changed if group[0]["method"] == WHOLE), [])
    text = (
        f"Ingredients on {dataset} at {allowed(first)} B/item, the recipe with one thing changed; by how many per cent "
    )
    text += "of it over the same seeds. From the file, on validation, where the second training plays no part; the "
    text += (
        "recipe's own time and memory are those of both trainings. Epochs: those run. No time: it took the teacher of "
    )
    text += "another run. All but the recipe itself was measured with the slower rotation of before."
    measures = {"valid NDCG@20": "valid_ndcg@20", "valid Recall@20": "valid_recall@20"}
    head = ["change", "bytes an item"]
    for name in measures:
        head += [name, "change"]
    lines = ["", *textwrap.wrap(text, 118), "", *header([*head, "epochs", "time", "peak memory", "seeds"])]
    for group in sorted(changed, key=lambda group: group is not same):
        cells = [f"**{WHOLE}**" if group is same else group[0]["method"], size_of(group)]
        for name in measures.values():
            cells += [cell(group, name), "" if group is same else relative(group, same, name)]
        epochs = mean(group, "epochs_run")
        cells += ["-" if epochs is None else f"{epochs:g}", time_of(group), memory_of(group), str(len(group))]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def relative(group: list[dict], default: list[dict], name: str) -> str:
    """Change of the mean in per cent, over the seeds that both have."""
    values = [{row["settings"]["seed"]: row[name] for row in part if row.get(name)} for part in (group, default)]
    seeds = values[0].keys() & values[1].keys()
    if not seeds:
        return "-"
    ours, base = (statistics.mean(part[seed] for seed in seeds) for part in values)
    return f"{100 * (ours / base - 1):+.1f} %"


def summary(file: Path = RESULTS) -> list[str]:
    """A short table for the README: test accuracy by bytes."""
    rows = [row for row in results(file) if row.get("test_ndcg@20") is not None and row["method"] != EARLIER]
    lines = header(["data", "method", "bytes an item", "Recall@20", "NDCG@20", "seeds"])
    for dataset in datasets(rows):
        for kind in ("budgets", "pq", "teacher"):
            for group in groups(rows, dataset, kind):
                cells = [dataset, title(group[0]), size_of(group), cell(group, "test_recall@20")]
                lines.append(f"| {' | '.join([*cells, cell(group, 'test_ndcg@20'), str(len(group))])} |")
        if point := published(rows, dataset):
            cells = [
                f"{point['bytes_per_item']:,.2f}",
                *(f"{point[f'test_{name}@20']:.4f}" for name in ("recall", "ndcg")),
            ]
            lines.append(f"| {dataset} | {PUBLISHED} | {' | '.join(cells)} | - |")
    return lines if len(lines) > 2 else []


def write(file: Path = RESULTS) -> None:
    """The page and the plot, beside the results file."""
    page, picture = file.with_suffix(".md"), file.with_suffix(".png")
    rows = [row for row in results(file) if row.get("test_ndcg@20") is not None]
    found = tables(file) or ["Nothing is measured yet."]
    page.write_text("\n".join(["# Accuracy per byte: history-based", "", *found]) + "\n")
    print(f"wrote {page}")
    if rows:
        plot(rows, picture)
        print(f"wrote {picture}")


def plot(rows: list[dict], picture: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = datasets(rows)
    figure, axes = plt.subplots(1, len(names), figsize=(5.6 * len(names), 4.4), squeeze=False)
    styles = {
        OURS: ("o-", "tab:orange"),
        EARLIER: ("o:", "tab:gray"),
        START: ("s--", "tab:green"),
        CODES: ("^-", "tab:blue"),
    }
    for axis, dataset in zip(axes[0], names, strict=True):
        for method, (style, colour) in styles.items():
            found = [g for kind in ("budgets", "pq") for g in groups(rows, dataset, kind) if g[0]["method"] == method]
            places = [(mean(g, "bytes_per_item"), mean(g, "test_ndcg@20")) for g in found]
            if places:
                axis.plot(*zip(*places, strict=True), style, color=colour, label=TITLES.get(method, method))
        for group in groups(rows, dataset, "teacher"):
            size, value = mean(group, "bytes"), mean(group, "test_ndcg@20")
            if group[0]["method"] == "dense teacher":
                label = f"dense teacher, {size / 1e6:,.1f} MB"
                axis.axhline(value, linestyle="--", color="black", linewidth=1, label=label)
            else:
                axis.plot(mean(group, "bytes_per_item"), value, "D", color="tab:gray", label=title(group[0]))
        if point := published(rows, dataset):
            label = f"{PUBLISHED}, {point['bytes'] / 1e6:.1f} MB"
            axis.plot(point["bytes_per_item"], point["test_ndcg@20"], "*", color="tab:red", markersize=11, label=label)
        axis.set_xscale("log")
        least, most = axis.get_xlim()
        ticks = [tick for tick in (3, 6, 12, 24, 48, 100, 200, 400, 1000) if least <= tick <= most]
        axis.set_xticks(ticks, [str(tick) for tick in ticks])
        axis.minorticks_off()
        axis.set(title=dataset, xlabel="bytes an item, without raw ids", ylabel="test NDCG@20")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.17), ncol=2)
    figure.tight_layout()
    figure.savefig(picture, dpi=130, metadata={"Software": None})
    plt.close(figure)
