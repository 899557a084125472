"""Whole grids: their jobs done, then their page and plots written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sparserec.bench.ablations import ablation_jobs, ablations_page
from sparserec.bench.page import page
from sparserec.bench.paper import Grid, run_jobs, tune_jobs
from sparserec.bench.plots import plot
from sparserec.bench.results import Results
from sparserec.bench.work import Conditions, Standing, work
from sparserec.errors import SparserecError
from sparserec.files import write_text

MODULE = "sparserec.bench.one"


def paper(
    grid: Grid, out: Path, conditions: Conditions, tell: Callable[[Standing], None], report_only: bool = False
) -> list[Path]:
    """Tune, run, and write paper.md and its plots.

    Args:
        grid: what is run.
        out: folder of paper.jsonl, which it goes on with, and of what is written.
        conditions: how jobs are done.
        tell: told of every job that ended.
        report_only: do no jobs.

    Returns:
        the files written.
    """
    grid.check()
    results = Results(out / "paper.jsonl")
    if not report_only:
        work(tune_jobs(grid, conditions.data), results, conditions, tell, MODULE)
        work(run_jobs(grid, results.entries(), conditions.data), results, conditions, tell, MODULE)
    entries = results.entries()
    measured = [entry for entry in entries if entry.job.phase == "run"]
    if not measured:
        raise SparserecError(f"{results.path} holds no results of the run phase yet")
    paths = [out / "paper.md", out / "paper_density.png", out / "paper_bytes.png"]
    write_text(paths[0], page(entries, "sparserec bench paper"))
    plot(measured, "density", paths[1])
    plot(measured, "bytes", paths[2])
    return paths


def ablations(
    grid: Grid, out: Path, conditions: Conditions, tell: Callable[[Standing], None], report_only: bool = False
) -> list[Path]:
    """Run all variants and write ablations.md; arguments as for `paper`, but the methods of the grid have no part."""
    grid.check()
    results = Results(out / "ablations.jsonl")
    if not report_only:
        work(ablation_jobs(grid), results, conditions, tell, MODULE)
    entries = results.entries()
    if not entries:
        raise SparserecError(f"{results.path} holds no results yet")
    path = out / "ablations.md"
    write_text(path, ablations_page(entries, grid, "sparserec bench ablations"))
    return [path]
