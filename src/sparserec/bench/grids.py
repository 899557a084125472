"""Whole grids: their jobs done, then their page and plots written."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from sparserec.bench import factorisation as mf
from sparserec.bench.ablations import ablation_jobs, ablations_page
from sparserec.bench.convergence import Protocol, next_jobs, trained
from sparserec.bench.one import one
from sparserec.bench.pages.convergence import curves
from sparserec.bench.pages.convergence import page as converged_page
from sparserec.bench.pages.paper import page
from sparserec.bench.pages.plots import plot, plot_curves
from sparserec.bench.paper import Grid, current, run_jobs, tune_jobs
from sparserec.bench.results import Entry, Results
from sparserec.bench.work import Conditions, Standing, work
from sparserec.errors import SparserecError
from sparserec.files import write_text

TITLES = {"short_training": "Short training from a shared start", "next_item": "Next-item recommendation"}
Tell = Callable[[Standing], None]


def to_the_end(
    protocol: Protocol, out: Path, conditions: Conditions, tell: Tell, report_only: bool = False
) -> list[Path]:
    """Trials and runs of starts x movers, cell by cell; then a page and a plot of learning curves.

    Args:
        protocol: what is run.
        out: folder of the results file, paper.jsonl, which it goes on with, and of what is written.
        conditions: how jobs are done.
        tell: told of every job that ended.
        report_only: do no jobs.

    Returns:
        the files written; the plot once there are curves for it.
    """
    protocol.check()
    results, paths = Results(out / "paper.jsonl"), [out / "paper.md", out / "paper_curves.png"]
    for cell in protocol.cells() if not report_only else ():
        done = -1
        while done < (done := len(results.entries())):  # each round tells the next
            jobs = next_jobs(cell, results.entries())
            for entry in trained(jobs, results.entries()):
                results.append(entry)
            work(jobs, results, conditions, tell, one)
        _write(results, paths)
    _write(results, paths)
    return [path for path in paths if path.exists()]


def _write(results: Results, paths: Sequence[Path]) -> None:
    entries = results.entries()
    _some([entry for entry in entries if entry.job.phase == "run"], results, " of the run phase")
    write_text(paths[0], converged_page(entries, "sparserec bench paper"))
    if curves(entries):
        plot_curves(entries, paths[1])


def short_training(
    grid: Grid, out: Path, conditions: Conditions, tell: Tell, report_only: bool = False, name: str = "short_training"
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
        work(tune_jobs(grid, conditions.data), results, conditions, tell, one)
        work(run_jobs(grid, results.entries(), conditions.data), results, conditions, tell, one)
    entries = results.entries()
    measured = _some(current(entries), results, " of the run phase")
    paths = [out / f"{name}.md", out / f"{name}_density.png", out / f"{name}_bytes.png"]
    write_text(paths[0], page(entries, TITLES[name], f"sparserec bench {name.replace('_', '-')}"))
    plot(measured, "density", paths[1])
    plot(measured, "bytes", paths[2])
    return paths


def ablations(
    grid: Grid,
    out: Path,
    conditions: Conditions,
    tell: Tell,
    report_only: bool = False,
    titles: Collection[str] | None = None,
) -> list[Path]:
    """Run all variants of the questions with these titles, None for all, and write ablations.md with all that is known.

    The other arguments are those of `short_training`, but the methods of the grid have no part.
    """
    grid.check()
    results = Results(out / "ablations.jsonl")
    if not report_only:
        work(ablation_jobs(grid, titles), results, conditions, tell, one)
    path = out / "ablations.md"
    write_text(path, ablations_page(_some(results.entries(), results), grid, "sparserec bench ablations"))
    return [path]


def factorisation(
    out: Path,
    conditions: Conditions,
    tell: Tell,
    epochs: int = mf.EPOCHS,
    datasets: Sequence[str] = mf.DATASETS,
    seeds: Sequence[int] = mf.SEEDS,
) -> list[Path]:
    """Matrix factorisation at equal bytes: tune, and run every method with what it chose, see `factorisation.jobs`."""
    results = Results(out / "mf.jsonl", mf.LAYOUT)
    work(mf.jobs(conditions.data, None, epochs, datasets, seeds), results, conditions, tell, one)
    work(mf.jobs(conditions.data, results.entries(), epochs, datasets, seeds), results, conditions, tell, one)
    return [results.path]


def _some(entries: list[Entry], results: Results, phase: str = "") -> list[Entry]:
    if not entries:
        raise SparserecError(f"{results.path} holds no results{phase} yet")
    return entries
