"""What it gains to choose on the newest part of histories, from the rows of `benchmarks/cuts.py`."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean, stdev

from sparserec.bench.pages.files import results_file
from sparserec.bench.pages.markdown import percent, table

MEASURED = "test ndcg@20"


def gained(folder: Path, _: str) -> list[str]:
    """A row for each data set and filter: means over seeds, and the gain of one cut over the other seed by seed."""
    known = results_file(folder, "cuts")
    if not known:
        return ["Not measured yet."]
    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    for row in known["result"]["rows"]:
        cuts = found.setdefault((row["data"], row["filter"]), {})
        cuts.setdefault(row["chosen on"], []).append(row[MEASURED])
    rows = []
    for (data, words), cuts in found.items():
        gains = [late / drawn - 1 for drawn, late in zip(cuts["random"], cuts["latest"], strict=True)]
        error = stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else 0.0
        means = (f"{fmean(cuts[name]):.4f}" for name in ("random", "latest"))
        rows.append([data, words, *means, f"{percent(fmean(gains))} ± {100 * error:.1f}", len(gains)])
    head = ["data", "filter", "chosen at random", "chosen on the newest", "gain", "seeds"]
    return [f"`{known['command']}`", "", *table(head, rows)]
