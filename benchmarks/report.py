"""docs/results.md and the table in the README, from the result files in docs/results.

python benchmarks/report.py
"""

from __future__ import annotations

import json
from pathlib import Path

import common
import fism_report
import mf_results

ROOT = Path(__file__).resolve().parent.parent
TITLES = {
    "main_job": "The main job through the command line",
    "main_job_history": "The default recipe through the command line",
    "training_step": "A training step against torch",
    "table_memory": "Memory of training against dense Adam",
    "published": "Dense LightGCN against its published figures",
    "backward_memory": "Gradients of sampled rows against dense gradients",
    "large_catalogue": "25 million rows of 256 columns",
    "evaluation": "Full-ranking evaluation",
    "latency": "Latency on one core",
    "rivals": "The default recipe beside tuned classical recommenders",
    "splits": "Whether a part is a sample: squared deviation of items' counts over variance",
    "starts": "Where a history-based table starts, and one table or two",
}
GRIDS = {"paper": "The paper's grid", "ablations": "Ablations", "next_item": "Next-item recommendation"}
"""Pages that `sparserec bench` writes."""
BEGIN, END = "<!-- results: written by benchmarks/report.py -->", "<!-- end of results -->"


def page() -> str:
    lines = ["# Results", "", "Every figure here was written by the command beside it. Commands run in the repository,"]
    lines += ["with `SPARSEREC_DATA` set to the folder of the data sets. `make bench` runs them all."]
    for name, title in TITLES.items():
        file = common.RESULTS / f"{name}.json"
        if not file.exists():
            continue
        entry = json.loads(file.read_text())
        facts = ", ".join(f"{key} {value}" for key, value in entry["machine"].items())
        lines += ["", f"## {title}", "", f"`{entry['command']}`", "", *table(entry["result"]), "", f"Machine: {facts}."]
    if mf_results.done("run"):
        lines += ["", "## Matrix factorisation at equal bytes", ""]
        lines += [line.replace("## ", "### ") for line in mf_results.tables()]
        lines += ["", f"![test NDCG@20 of every method, with the bytes of its file](results/{mf_results.PLOT.name})"]
    if history := fism_report.tables():
        lines += ["", "## Accuracy per byte: history-based", ""]
        lines += [line.replace("## ", "### ") for line in history]
        picture = fism_report.RESULTS.with_suffix(".png")
        if picture.exists():
            lines += ["", f"![test NDCG@20 by the bytes of the file](results/{picture.name})"]
    pages = [f"- [{title}](results/{name}.md)" for name, title in GRIDS.items() if written(name)]
    return "\n".join([*lines, *(["", "## Grids of `sparserec bench`", "", *pages] if pages else [])]) + "\n"


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
    entries = list(mf_results.done("run").values())
    lines = ["| data | method | Recall@20 | NDCG@20 | bytes of the file | seeds |", "|---" * 6 + "|"]
    for dataset in dict.fromkeys(entry["dataset"] for entry in entries):
        for method in mf_results.METHODS:
            group = [e for e in entries if e["dataset"] == dataset and e["method"] == method]
            if group:
                name = f"{method}, {group[0]['settings']['dim']} columns"
                recall, ndcg = (mf_results.spread(group, key) for key in ("recall@20", "ndcg@20"))
                lines.append(f"| {dataset} | {name} | {recall} | {ndcg} | {group[0]['bytes']:,} | {len(group)} |")
    history = fism_report.summary()
    words = "Recommenders from a history alone, without a user table (`python benchmarks/fism_results.py`):"
    return [*lines, "", *mf_results.verdict(entries), *(["", words, "", *history] if history else [])]


def main() -> None:
    (ROOT / "docs" / "results.md").write_text(page())
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    readme.write_text(before + "\n".join([BEGIN, "", *summary(), "", END]) + after)
    print("wrote docs/results.md and the tables in README.md")


if __name__ == "__main__":
    main()
