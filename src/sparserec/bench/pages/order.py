"""What the order of histories is worth, from the rows of `benchmarks/order.py`."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
from typing import Any

from sparserec.bench.pages.files import results_file
from sparserec.bench.pages.markdown import table
from sparserec.bench.statistics import spread

MEANS = ("recall@10", "ndcg@10", "recall@20", "ndcg@20", "valid ndcg@20")


def by_budget(folder: Path, _: str) -> list[str]:
    """A row for each data set, budget and recipe: means over seeds, with their standard deviation."""
    known = results_file(folder, "order")
    if not known:
        return ["Not measured yet."]
    found: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in known["result"]["rows"]:
        found.setdefault((row["data"], row["budget"], row["recipe"]), []).append(row)
    rows = []
    for key, seeds in found.items():
        size = fmean(row["bytes an item"] for row in seeds)
        seconds = [row["CPU s"] for row in seeds if row["CPU s"] is not None]
        spent = f"{fmean(seconds):.0f}" if seconds else "-"
        rows.append([*key, *(spread([row[name] for row in seeds]) for name in MEANS), f"{size:.1f}", spent, len(seeds)])
    head = ["data", "budget", "recipe", *MEANS, "bytes an item", "CPU s", "seeds"]
    return [f"`{known['command']}`", "", *table(head, rows)]
