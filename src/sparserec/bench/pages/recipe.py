"""The default recipe as it comes, from the rows of `benchmarks/recipe.py` and `benchmarks/earlier.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sparserec.bench.pages.files import results_file
from sparserec.bench.pages.markdown import percent, table
from sparserec.bench.statistics import spread

METRICS = ("recall@20", "ndcg@20", "recall@10", "ndcg@10")
COSTS = ("wall s", "CPU s", "peak MB")


def by_seeds(folder: Path, data: str) -> list[str]:
    """A row for each data set and budget, means over seeds with their standard deviation.

    Args:
        folder: of the results files.
        data: which data set alone; all where empty.
    """
    known = results_file(folder, "recipe")
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in known.get("result", {}).get("rows", ()):
        if not data or row["data"].removesuffix("-again") == data:
            groups.setdefault((row["data"], row["budget"]), []).append(row)
    if not groups:
        return ["Not measured yet."]
    rows = [
        [*key, *(spread([row[name] for row in seeds]) for name in METRICS), len(seeds)] for key, seeds in groups.items()
    ]
    return [f"`{known['command']}`", "", *table(["data", "budget", *METRICS, "seeds"], rows)]


def beside_earlier(folder: Path, _: str) -> list[str]:
    """Two rows for each job, this version and the earlier one, and what this takes and ranks in shares of the other."""
    known = results_file(folder, "earlier")
    if not known:
        return ["Not measured yet."]
    jobs: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for row in known["result"]["rows"]:
        jobs.setdefault((row["data"], row["budget"]), {})[row["version"]] = row
    rows = []
    for key, versions in jobs.items():
        this, earlier = versions["this"], versions["earlier"]
        for row in (earlier, this):
            rows.append([*key, row["version"], *(f"{row[name]:.4f}" for name in METRICS[:2])])
            rows[-1] += [f"{row[name]:,.0f}" for name in COSTS]
        gains = [percent(this[name] / earlier[name] - 1) for name in METRICS[:2]]
        rows.append([*key, "this to earlier", *gains, *(f"{this[name] / earlier[name]:.2f}" for name in COSTS)])
    return [f"`{known['command']}`", "", *table(["data", "budget", "version", *METRICS[:2], *COSTS], rows)]
