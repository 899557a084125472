"""`sparserec bench`: the paper's grid, the ablations, next-item recommendation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sparserec.cli.console import screen, seconds_text

if TYPE_CHECKING:
    from sparserec.bench.work import Standing

bench = typer.Typer(no_args_is_help=True, help="Run a grid of benchmarks; what is done is not done again.")

_Data = Annotated[Path | None, typer.Option(help="Folder of the data sets; else that of the variable SPARSEREC_DATA.")]
_Out = Annotated[Path, typer.Option(help="Folder for the results file, the page and the plots.")]
_Runs = Annotated[Path, typer.Option(help="Folder for run folders; a run that was cut off goes on there.")]
_Threads = Annotated[int, typer.Option(help="CPU threads of a run.", min=1)]
_Device = Annotated[
    str, typer.Option(help="Where runs are trained: cpu, cuda, or auto, a CUDA device where there is one.")
]
_Workers = Annotated[int, typer.Option(help="Runs at a time.", min=1)]
_Quick = Annotated[bool, typer.Option("--quick", help="A smoke run: the made-up catalogue, few epochs, one seed.")]
_Keep = Annotated[bool, typer.Option("--keep", help="Keep the run folders of finished runs.")]


@bench.command("paper")
def paper_command(
    data: _Data = None,
    out: _Out = Path("docs/results"),
    runs: _Runs = Path("runs"),
    datasets: Annotated[list[str] | None, typer.Option("--dataset", help="A data set; may be repeated.")] = None,
    bases: Annotated[list[str] | None, typer.Option("--base", help="mf, lightgcn, neumf; may be repeated.")] = None,
    methods: Annotated[list[str] | None, typer.Option("--method", help="A method; may be repeated.")] = None,
    densities: Annotated[list[float] | None, typer.Option("--density", help="May be repeated.")] = None,
    seeds: Annotated[list[int] | None, typer.Option("--seed", help="May be repeated.")] = None,
    dim: Annotated[int | None, typer.Option(help="Columns of a table.", min=2)] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs of every run, instead of those of its base.")] = None,
    tuned_on: Annotated[str | None, typer.Option(help="The data set that settings are chosen on.")] = None,
    tuned_at: Annotated[
        list[float] | None, typer.Option(help="A density at which they are; all when not given. May be repeated.")
    ] = None,
    threads: _Threads = 1,
    workers: _Workers = 1,
    device: _Device = "auto",
    quick: _Quick = False,
    keep: _Keep = False,
    report: Annotated[bool, typer.Option("--report", help="Only write the page and the plots anew.")] = False,
) -> None:
    """Run the paper's grid: data set x base x method x density x seed, every method with the same tuning.

    Results are lines in OUT/paper.jsonl, added as runs end; the same command goes on where it was stopped. Then it
    writes OUT/paper.md and two plots. Settings are chosen on validation, the test part is read once a run.

    Examples:

        sparserec bench paper --quick --out bench

        sparserec bench paper --dataset gowalla --base mf --density 0.1 --seed 0 --workers 2
    """
    from sparserec.bench.grids import paper
    from sparserec.bench.paper import Grid
    from sparserec.bench.work import Conditions

    given = {
        "datasets": datasets,
        "bases": bases,
        "methods": methods,
        "densities": densities,
        "seeds": seeds,
        "dim": dim,
        "tuned_on": tuned_on or (datasets[0] if datasets else None),
        "tuned_at": tuned_at,
        "extra": {"epochs": epochs} if epochs is not None else None,
    }
    grid = Grid.quick(**given) if quick else Grid.of(**given)
    written = paper(
        grid, out, Conditions(_root(data, grid.datasets), runs, threads, workers, keep, device), tell, report
    )
    screen.print(f"wrote {', '.join(str(path) for path in written)}", highlight=False, soft_wrap=True)


@bench.command("next-item")
def next_item_command(
    data: _Data = None,
    out: _Out = Path("docs/results"),
    runs: _Runs = Path("runs"),
    methods: Annotated[list[str] | None, typer.Option("--method", help="A method; may be repeated.")] = None,
    densities: Annotated[list[float] | None, typer.Option("--density", help="May be repeated.")] = None,
    seeds: Annotated[list[int] | None, typer.Option("--seed", help="May be repeated.")] = None,
    dim: Annotated[int | None, typer.Option(help="Columns of a table.", min=2)] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs of every run, at most.")] = None,
    threads: _Threads = 1,
    workers: _Workers = 1,
    device: _Device = "auto",
    keep: _Keep = False,
    report: Annotated[bool, typer.Option("--report", help="Only write the page and the plots anew.")] = False,
) -> None:
    """Recommend what comes next on ml-latest-small by time: SASRec with a dense item table and with sparse ones.

    Results are lines in OUT/next_item.jsonl; the same command goes on where it was stopped. Then it writes
    OUT/next_item.md and two plots.

    Examples:

        sparserec bench next-item --seed 0 --workers 2
    """
    from sparserec.bench.grids import paper
    from sparserec.bench.paper import Grid
    from sparserec.bench.work import Conditions

    grid = Grid.next_item(
        methods=methods,
        densities=densities,
        seeds=seeds,
        dim=dim,
        extra={"epochs": epochs} if epochs is not None else None,
    )
    conditions = Conditions(_root(data, grid.datasets), runs, threads, workers, keep, device)
    written = paper(grid, out, conditions, tell, report, "next_item")
    screen.print(f"wrote {', '.join(str(path) for path in written)}", highlight=False, soft_wrap=True)


@bench.command("ablations")
def ablations_command(
    data: _Data = None,
    out: _Out = Path("docs/results"),
    runs: _Runs = Path("runs"),
    datasets: Annotated[list[str] | None, typer.Option("--dataset", help="A data set; may be repeated.")] = None,
    bases: Annotated[list[str] | None, typer.Option("--base", help="mf, lightgcn, neumf; may be repeated.")] = None,
    densities: Annotated[list[float] | None, typer.Option("--density", help="May be repeated.")] = None,
    seeds: Annotated[list[int] | None, typer.Option("--seed", help="May be repeated.")] = None,
    questions: Annotated[
        list[str] | None, typer.Option("--question", help="Title of a table on the page; may be repeated.")
    ] = None,
    dim: Annotated[int | None, typer.Option(help="Columns of a table.", min=2)] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs of every run, instead of those of its base.")] = None,
    threads: _Threads = 1,
    workers: _Workers = 1,
    device: _Device = "auto",
    quick: _Quick = False,
    keep: _Keep = False,
    report: Annotated[bool, typer.Option("--report", help="Only write the page anew.")] = False,
) -> None:
    """Change one setting of SparseRec at a time, the paper's claim beside what is measured.

    Results are lines in OUT/ablations.jsonl, added as runs end; the same command goes on where it was stopped. Then it
    writes OUT/ablations.md.

    Examples:

        sparserec bench ablations --dataset gowalla --seed 0 --seed 1 --workers 2

        sparserec bench ablations --dataset gowalla --density 0.05 --question Evidence
    """
    from sparserec.bench.grids import ablations
    from sparserec.bench.paper import Grid
    from sparserec.bench.work import Conditions

    given = {
        "datasets": datasets,
        "bases": bases or ["mf"],
        "densities": densities or ([0.25] if quick else [0.1]),
        "seeds": seeds,
        "dim": dim,
        "extra": {"epochs": epochs} if epochs is not None else None,
    }
    grid = Grid.quick(**given) if quick else Grid.of(**given)
    conditions = Conditions(_root(data, grid.datasets), runs, threads, workers, keep, device)
    written = ablations(grid, out, conditions, tell, report, questions)
    screen.print(f"wrote {', '.join(str(path) for path in written)}", highlight=False, soft_wrap=True)


def tell(standing: Standing) -> None:
    """A line for each run that ended."""
    left = "" if standing.seconds_left is None else f", {seconds_text(standing.seconds_left)} left"
    words = f"{standing.done} of {standing.total} done{left}"
    if standing.entry is not None:
        found = standing.entry.found
        score = f"test ndcg@20 {found['ndcg@20']:.4f}" if "ndcg@20" in found else f"valid ndcg@20 {found['valid']:.4f}"
        words += f"; {standing.entry.job.title}: {score}, {seconds_text(found['seconds'])}"
    screen.print(words, highlight=False, soft_wrap=True)


def _root(given: Path | None, datasets: Sequence[str]) -> Path:
    from sparserec.bench.data import SYNTHETIC, data_root

    return Path() if set(datasets) == {SYNTHETIC} else data_root(given)
