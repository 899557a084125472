"""docs/results.md and the table in the README, from the result files in docs/results.

python benchmarks/report.py
"""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import common
import fism_report
import mf_results
from sparserec.bench import page as paper_page
from sparserec.bench.results import Results

ROOT = Path(__file__).resolve().parent.parent
FIRST = {
    "main_job_history": "The default recipe through the command line",
    "rivals": "The default recipe beside tuned classical recommenders",
    "outside": "The default recipe on a published split that it was never tuned on",
}
TITLES = {
    "main_job_spectral": "Recipe spectral through the command line",
    "main_job": "Matrix factorisation through the command line",
    "training_step": "A training step against torch",
    "devices": "A training step on the CPU and on a CUDA device",
    "distillation_step": "A step over the whole catalogue with each distillation loss",
    "table_memory": "Memory of training against dense Adam",
    "published": "Dense LightGCN against its published figures",
    "backward_memory": "Gradients of sampled rows against dense gradients",
    "loss_and_ranking": "Whether a mask that follows the loss ranks better",
    "neumf_network": "NeuMF's network over all pairs of a batch, in tiles and at once",
    "large_catalogue": "25 million rows of 256 columns",
    "many_users": "The start of the default recipe on a million users",
    "evaluation": "Full-ranking evaluation",
    "latency": "Latency on one core",
    "splits": "Whether a part is a sample: squared deviation of items' counts over variance",
    "starts": "Where a history-based table starts, and one table or two",
    "values": "What rounding the values of a history-based table costs",
}
GRIDS = {"paper": "The paper's grid", "ablations": "Ablations", "next_item": "Next-item recommendation"}
"""Pages that `sparserec bench` writes."""
HISTORY = (
    "Recommenders from a history alone, without a user table; ours measured from the exported file through the device "
    "runtime (`python benchmarks/fism_results.py`):"
)
RIVALS = (
    "The default recipe as it comes, at 12 bytes an item, beside the best on validation of ItemKNN, RP3beta, EASE and "
    "iALS, each tuned on that data (`python benchmarks/rivals.py`; all of them are in "
    "[docs/results.md](docs/results.md)). Ours is not tuned by data set, but the number of passes over few users that "
    "it takes was chosen on the validation parts of ml1m, lastfm and ml-latest-small, after their test parts had been "
    "read once with fewer passes. EASE became one of its teachers, where items are few, by the validation part of "
    "ml-latest-small; it has a share there alone. On these three the test part was read once more after that, with the "
    "present rotation. Douban and thinned played no part in any choice; ours was "
    "measured there with an earlier rotation (docs/decisions/0024-wide-rotations.md):"
)
PAPER = (
    "Base recommenders over sparse tables: what SparseRec gains in test NDCG@20 over the best other method of dynamic "
    "sparse training, SET, RigL, DSL and masks that never move, with the same loss, epochs and tuning, and its place "
    "among them, those from random masks too, by density (`sparserec bench paper`; [the grid](docs/results/paper.md), "
    "[the ablations](docs/results/ablations.md), [what they say](docs/decisions/0027-what-the-paper-claims.md)). Most "
    "have one seed:"
)
FACTORISATION = (
    "Matrix factorisation, all methods with the same loss, epochs and tuning, int8 values, mean ± standard deviation "
    "over seeds. Bytes are those of users and items together, raw ids apart; a narrow dense table has as many columns "
    "as fit the bytes of the sparse one above it (`python benchmarks/mf_results.py tune`, then `run`):"
)
BEGIN, END = "<!-- results: written by benchmarks/report.py -->", "<!-- end of results -->"


def page() -> str:
    lines = ["# Results", "", "Every figure here was written by the command beside it. Commands run in the repository,"]
    lines += ["with `SPARSEREC_DATA` set to the folder of the data sets. `make bench` runs them all, but for that"]
    lines += ["on data from outside."]
    lines += sections(FIRST)
    if history := fism_report.tables():
        lines += ["", "## Accuracy per byte: history-based", ""]
        lines += [line.replace("## ", "### ") for line in history]
        picture = fism_report.RESULTS.with_suffix(".png")
        if picture.exists():
            lines += ["", f"![test NDCG@20 by the bytes of the file](results/{picture.name})"]
    if mf_results.done("run"):
        lines += ["", "## Matrix factorisation at equal bytes", ""]
        lines += [line.replace("## ", "### ") for line in mf_results.tables()]
        lines += ["", f"![test NDCG@20 of every method, with the bytes of its file](results/{mf_results.PLOT.name})"]
    lines += sections(TITLES)
    pages = [f"- [{title}](results/{name}.md)" for name, title in GRIDS.items() if written(name)]
    return "\n".join([*lines, *(["", "## Grids of `sparserec bench`", "", *pages] if pages else [])]) + "\n"


def sections(titles: dict[str, str]) -> list[str]:
    """A section for each result that is there."""
    lines = []
    for name, title in titles.items():
        file = common.RESULTS / f"{name}.json"
        if not file.exists():
            continue
        entry = json.loads(file.read_text())
        facts = ", ".join(f"{key} {value}" for key, value in entry["machine"].items())
        lines += ["", f"## {title}", "", f"`{entry['command']}`", "", *table(entry["result"]), "", f"Machine: {facts}."]
    return lines


def written(name: str) -> bool:
    return (common.RESULTS / f"{name}.md").exists()


def table(result: dict) -> list[str]:
    """A result as Markdown: rows of one kind side by side, everything else one below the other."""
    rows = result.get("rows") if isinstance(result.get("rows"), list) else None
    lines = []
    flat = list(flatten({k: v for k, v in result.items() if k != "rows" or rows is None}))
    if flat:
        lines += ["| | |", "|---|---|", *(f"| {name} | {text(value)} |" for name, value in flat)]
    if rows:
        lines += ["", "| " + " | ".join(rows[0]) + " |", "|---" * len(rows[0]) + "|"]
        lines += ["| " + " | ".join(text(value) for value in row.values()) + " |" for row in rows]
    return lines


def flatten(values: dict, prefix: str = ""):
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{name}: ")
        else:
            yield f"{prefix}{name}", value


def text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(text(part) for part in value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def summary() -> list[str]:
    """The README's tables: test accuracy and bytes of every method."""
    history, rivals, own = fism_report.summary(), json_rows("rivals"), json_rows("outside")
    found = []
    if history:
        found += [*paragraph(HISTORY), *history, ""]
    if rivals:
        found += [*paragraph(RIVALS), *against_rivals(rivals["rows"]), ""]
    if own:
        size, recall, ndcg = own["bytes an item"], own["test recall@20"], own["test ndcg@20"]
        theirs = [own[f"test {name}, KGCL as published"] for name in ("recall@20", "ndcg@20")]
        found += paragraph(
            f"On the split of Amazon-book that came with KGAT ({own['items']:,} items), on which nothing here was "
            f"tuned, the default recipe at {size:.0f} B/item has Recall@20 {recall:.4f} and NDCG@20 {ndcg:.4f}; KGCL, "
            "a dense model that knows a graph of facts as well, is published with "
            f"{theirs[0]:.4f} and {theirs[1]:.4f} "
            "(`python benchmarks/outside.py`)."
        )
    if grid := paper_page.overview(Results(common.RESULTS / "paper.jsonl").entries()):
        found += [*paragraph(PAPER), *grid, ""]
    found += paragraph(FACTORISATION)
    entries = list(mf_results.done("run").values())
    lines = ["| data | method | Recall@20 | NDCG@20 | bytes of the file | seeds |", "|---" * 6 + "|"]
    for dataset in dict.fromkeys(entry["dataset"] for entry in entries):
        for method in mf_results.METHODS:
            group = [e for e in entries if e["dataset"] == dataset and e["method"] == method]
            if group:
                name = f"{method}, {group[0]['settings']['dim']} columns"
                recall, ndcg = (mf_results.spread(group, key) for key in ("recall@20", "ndcg@20"))
                lines.append(f"| {dataset} | {name} | {recall} | {ndcg} | {group[0]['bytes']:,} | {len(group)} |")
    return [*found, *lines, "", *mf_results.verdict(entries)]


def against_rivals(rows: list[dict]) -> list[str]:
    """A line for each data set: ours, and the rival that its validation part liked best."""
    accuracy = ("Recall@20", "NDCG@20")
    names = ("data", "users", "items", *accuracy, "best rival", "its bytes an item", *accuracy)
    lines = ["| " + " | ".join(names) + " |", "|---" * len(names) + "|"]
    for data in dict.fromkeys(row["data"] for row in rows):
        ours, *others = (row for row in rows if row["data"] == data)
        best = max((row for row in others if row["valid ndcg@20"] != "-"), key=lambda row: row["valid ndcg@20"])
        cells = [data, f"{ours['users']:,}", f"{ours['items']:,}", *_accuracy(ours)]
        cells += [best["recommender"], f"{best['bytes an item']:,.0f}", *_accuracy(best)]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _accuracy(row: dict) -> list[str]:
    return [f"{row[f'test {name}@20']:.4f}" for name in ("recall", "ndcg")]


def paragraph(words: str) -> list[str]:
    """Lines of a paragraph, and an empty one."""
    return [*textwrap.wrap(words, 120, break_on_hyphens=False), ""]


def json_rows(name: str) -> dict:
    """The result in docs/results/NAME.json, nothing where there is none."""
    file = common.RESULTS / f"{name}.json"
    return json.loads(file.read_text())["result"] if file.exists() else {}


def main() -> None:
    (ROOT / "docs" / "results.md").write_text(page())
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    readme.write_text(before + "\n".join([BEGIN, "", *summary(), "", END]) + after)
    print("wrote docs/results.md and the tables in README.md")


if __name__ == "__main__":
    main()
