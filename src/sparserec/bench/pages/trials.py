"""The table of trials.jsonl, beside the runs of the grid that they are compared with."""

from __future__ import annotations

from pathlib import Path

from sparserec.bench.pages.markdown import percent, table
from sparserec.bench.results import Results

TITLES = {"static": "the fixed mask, as in the grid", "SparseRec": "SparseRec, as in the grid"}


def trials(folder: Path, _: str) -> list[str]:
    """Validation NDCG@20 of every trial, by density, and by how much it differs from the fixed mask there."""
    tried = Results(folder / "trials.jsonl").entries()
    grid = Results(folder / "short_training.jsonl").entries()
    places = {(e.job.dataset, e.job.base, e.job.density) for e in tried}
    asked = [e for e in grid if e.job.phase == "tune" and (e.job.dataset, e.job.base, e.job.density) in places]
    best: dict[tuple, float] = {}
    for entry in asked:
        job = entry.job
        if job.method in TITLES:
            key = job.dataset, job.base, job.density, job.method
            best[key] = max(best.get(key, 0.0), entry.figures["valid"])
    rows = [(key[:3], f"**{TITLES[key[3]]}**", value) for key, value in best.items()]
    rows += [((e.job.dataset, e.job.base, e.job.density), e.job.method, e.figures["valid"]) for e in tried]
    body = [
        [*place[:2], f"{place[2]:g}", what, f"{value:.4f}", percent(value / best[*place, "static"] - 1)]
        for place, what, value in sorted(rows, key=lambda row: row[0])
    ]
    return table(["data", "base", "density", "what", "valid NDCG@20", "against the fixed mask"], body)
