"""Whole grids: their jobs done, then their page and plots written."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from sparserec.bench.ablations import ablation_jobs, ablations_page
from sparserec.bench.pages.paper import page
from sparserec.bench.pages.plots import plot
from sparserec.bench.paper import Grid, current, run_jobs, tune_jobs
from sparserec.bench.results import Results
from sparserec.bench.work import Conditions, Standing, work
from sparserec.errors import SparserecError
from sparserec.files import write_text

MODULE = "sparserec.bench.one"
TITLES = {"paper": "The paper's grid", "next_item": "Next-item recommendation"}


def paper(
    grid: Grid,
    out: Path,
    conditions: Conditions,
    tell: Callable[[Standing], None],
    report_only: bool = False,
    name: str = "paper",
) -> list[Path]:
    """Tune, run, and write a page and its plots.

    Args:
        grid: what is run.
        out: folder of the results file, which it goes on with, and of what is written.
        conditions: how jobs are done.
        tell: told of every job that ended.
        report_only: do no jobs.
        name: a key of `TITLES`; of the results file (NAME.jsonl), the page (NAME.md) and the plots.

    Returns:
        the files written.
    """
    grid.check()
    results = Results(out / f"{name}.jsonl")
    if not report_only:
        work(tune_jobs(grid, conditions.data), results, conditions, tell, MODULE)
        work(run_jobs(grid, results.entries(), conditions.data), results, conditions, tell, MODULE)
    entries = results.entries()
    measured = current(entries)
    if not measured:
        raise SparserecError(f"{results.path} holds no results of the run phase yet")
    paths = [out / f"{name}.md", out / f"{name}_density.png", out / f"{name}_bytes.png"]
    write_text(paths[0], page(entries, TITLES[name], f"sparserec bench {name.replace('_', '-')}"))
    plot(measured, "density", paths[1])
    plot(measured, "bytes", paths[2])
    return paths


def ablations(
    grid: Grid,
    out: Path,
    conditions: Conditions,
    tell: Callable[[Standing], None],
    report_only: bool = False,
    titles: Collection[str] | None = None,
) -> list[Path]:
    """Run all variants of the questions with these titles, None for all, and write ablations.md with all that is known.

    The other arguments are those of `paper`, but the methods of the grid have no part.
    """
    grid.check()
    results = Results(out / "ablations.jsonl")
    if not report_only:
        work(ablation_jobs(grid, titles), results, conditions, tell, MODULE)
    entries = results.entries()
    if not entries:
        raise SparserecError(f"{results.path} holds no results yet")
    path = out / "ablations.md"
    write_text(path, ablations_page(entries, grid, "sparserec bench ablations"))
    return [path]
