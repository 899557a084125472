"""`sparserec bench`: the paper's method to the end, short trainings, ablations, next item, others at equal bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sparserec.cli.console import say
from sparserec.errors import SparserecError
from sparserec.units import seconds_text

if TYPE_CHECKING:
    from sparserec.bench.work import Standing

bench = typer.Typer(no_args_is_help=True, help="Run a grid of benchmarks; what is done is not done again.")

_Data = Annotated[Path | None, typer.Option(help="Folder of the data sets; else that of the variable SPARSEREC_DATA.")]
_Out = Annotated[Path, typer.Option(help="Folder for the results file, the page and the plots.")]
_Runs = Annotated[Path, typer.Option(help="Folder for run folders; a run that was cut off goes on there.")]
_Datasets = Annotated[list[str] | None, typer.Option("--dataset", help="A data set; may be repeated.")]
_Bases = Annotated[list[str] | None, typer.Option("--base", help="mf, lightgcn, neumf; may be repeated.")]
_Methods = Annotated[list[str] | None, typer.Option("--method", help="A method; may be repeated.")]
_Densities = Annotated[list[float] | None, typer.Option("--density", help="May be repeated.")]
_Seeds = Annotated[list[int] | None, typer.Option("--seed", help="May be repeated.")]
_Dim = Annotated[int | None, typer.Option(help="Columns of a table.", min=2)]
_Epochs = Annotated[int | None, typer.Option(help="Epochs of every run, instead of those of its base.")]
_Threads = Annotated[int, typer.Option(help="CPU threads of a run.", min=1)]
_Device = Annotated[
    str, typer.Option(help="Where runs are trained: cpu, cuda, or auto, a CUDA device where there is one.")
]
_Workers = Annotated[int, typer.Option(help="Runs at a time.", min=1)]
_Quick = Annotated[bool, typer.Option("--quick", help="A smoke run: the made-up catalogue, few epochs, one seed.")]
_Keep = Annotated[bool, typer.Option("--keep", help="Keep the run folders of finished runs.")]
_Report = Annotated[bool, typer.Option("--report", help="Only write the page and the plots anew.")]
_OUT, _RUNS = Path("docs/results"), Path("runs")


@bench.command("paper")
def paper_command(
    data: _Data = None,
    out: _Out = _OUT,
    runs: _Runs = _RUNS,
    datasets: _Datasets = None,
    bases: _Bases = None,
    densities: _Densities = None,
    starts: Annotated[
        list[str] | None, typer.Option("--start", help="random, NMF mask, NMF, spectral; may be repeated.")
    ] = None,
    movers: Annotated[
        list[str] | None,
        typer.Option(
            "--mover",
            help="fixed, SET, RigL, DSL, SparseRec; 'SparseRec, one sample', 'SparseRec, last batch', 'SparseRec, all "
            "rows', 'SparseRec, 4 samples' and 'SparseRec, random mask', in which one part of it is another, are run "
            "where they are asked for; may be repeated.",
        ),
    ] = None,
    seeds: _Seeds = None,
    tuning_seeds: Annotated[
        list[int] | None,
        typer.Option(
            "--tuning-seed",
            help="May be repeated: the first is that of all trials, the best three of a pair are tried with each. "
            "[default: 0, 1, 2]",
        ),
    ] = None,
    few_users: Annotated[
        bool,
        typer.Option("--few-users", help="Trials on a fifth of the users, two or three of each pair again on all."),
    ] = False,
    tune_parts: Annotated[
        bool,
        typer.Option(
            "--tune-parts/--whole-settings",
            help="Trials of its own for what has a part of SparseRec changed; else the settings that the whole has "
            "chosen.",
        ),
    ] = True,
    settings_of: Annotated[
        str | None,
        typer.Option(
            help="DATA:DENSITY, as gowalla:0.1: each pair has the settings that its trials choose there, and no trials "
            "elsewhere.",
        ),
    ] = None,
    longer: Annotated[
        bool | None,
        typer.Option(
            "--longer/--no-longer",
            help="Run all pairs of a start again with more epochs where one still gained half a per cent in the last "
            "tenth of them, as is done unless --quick.",
        ),
    ] = None,
    dense: Annotated[bool, typer.Option("--dense/--no-dense", help="Tune and run a dense table too.")] = True,
    dim: _Dim = None,
    epochs: _Epochs = None,
    threads: _Threads = 1,
    workers: _Workers = 1,
    device: _Device = "auto",
    quick: _Quick = False,
    keep: _Keep = False,
    report: _Report = False,
) -> None:
    """The paper's method and its rivals, each from each start, with settings of their own, trained to the end.

    Results are lines in OUT/paper.jsonl, added as runs end; the same command goes on where it was stopped. After each
    cell (data set, base, density) it writes OUT/paper.md and a plot of learning curves. Settings are chosen on
    validation, the test part is read once a run.

    Examples:

        sparserec bench paper --quick --out bench

        sparserec bench paper --dataset ml-latest-small --base mf --density 0.1 --workers 2

        sparserec bench paper --dataset gowalla --base mf --density 0.1 --few-users --tuning-seed 0

        sparserec bench paper --dataset yelp2018 --base mf --density 0.1 --settings-of gowalla:0.1 --few-users
        --tuning-seed 0
    """
    from sparserec.bench.convergence import Protocol
    from sparserec.bench.grids import to_the_end
    from sparserec.bench.work import Conditions

    protocol = (Protocol.quick if quick else Protocol.of)(
        datasets=datasets,
        bases=bases,
        densities=densities,
        starts=starts,
        movers=movers,
        seeds=seeds,
        tuning_seeds=tuning_seeds,
        few_users=few_users,
        tune_parts=tune_parts,
        settings_of=_cell(settings_of),
        longer=longer,
        dense=dense,
        dim=dim,
        extra=_extra(epochs),
    )
    conditions = Conditions(_root(data, protocol.datasets), runs, threads, workers, keep, device)
    _wrote(to_the_end(protocol, out, conditions, tell, report))


@bench.command("short-training")
def short_command(
    data: _Data = None,
    out: _Out = _OUT,
    runs: _Runs = _RUNS,
    datasets: _Datasets = None,
    bases: _Bases = None,
    methods: _Methods = None,
    densities: _Densities = None,
    seeds: _Seeds = None,
    dim: _Dim = None,
    epochs: _Epochs = None,
    tuned_on: Annotated[str | None, typer.Option(help="The data set that settings are chosen on.")] = None,
    tuned_at: Annotated[
        list[float] | None, typer.Option(help="A density at which they are; all when not given. May be repeated.")
    ] = None,
    threads: _Threads = 1,
    workers: _Workers = 1,
    device: _Device = "auto",
    quick: _Quick = False,
    keep: _Keep = False,
    report: _Report = False,
) -> None:
    """A few epochs from a shared start: data set x base x method x density x seed, every method with the same tuning.

    Results are lines in OUT/short_training.jsonl, added as runs end; the same command goes on where it was stopped.
    Then it writes OUT/short_training.md and two plots. Settings are chosen on validation, the test part is read once a
    run.

    Examples:

        sparserec bench short-training --quick --out bench

        sparserec bench short-training --dataset gowalla --base mf --density 0.1 --seed 0 --workers 2
    """
    from sparserec.bench.grids import short_training
    from sparserec.bench.paper import Grid
    from sparserec.bench.work import Conditions

    grid = (Grid.quick if quick else Grid.of)(
        datasets=datasets,
        bases=bases,
        methods=methods,
        densities=densities,
        seeds=seeds,
        dim=dim,
        tuned_on=tuned_on or (datasets[0] if datasets else None),
        tuned_at=tuned_at,
        extra=_extra(epochs),
    )
    conditions = Conditions(_root(data, grid.datasets), runs, threads, workers, keep, device)
    _wrote(short_training(grid, out, conditions, tell, report))


@bench.command("next-item")
def next_item_command(
    data: _Data = None,
    out: _Out = _OUT,
    runs: _Runs = _RUNS,
    methods: _Methods = None,
    densities: _Densities = None,
    seeds: _Seeds = None,
    dim: _Dim = None,
    epochs: _Epochs = None,
    threads: _Threads = 1,
    workers: _Workers = 1,
    device: _Device = "auto",
    keep: _Keep = False,
    report: _Report = False,
) -> None:
    """Recommend what comes next on ml-latest-small by time: SASRec with a dense item table and with sparse ones.

    Results are lines in OUT/next_item.jsonl; the same command goes on where it was stopped. Then it writes
    OUT/next_item.md and two plots.

    Examples:

        sparserec bench next-item --seed 0 --workers 2
    """
    from sparserec.bench.grids import short_training
    from sparserec.bench.paper import Grid
    from sparserec.bench.work import Conditions

    grid = Grid.next_item(methods=methods, densities=densities, seeds=seeds, dim=dim, extra=_extra(epochs))
    conditions = Conditions(_root(data, grid.datasets), runs, threads, workers, keep, device)
    _wrote(short_training(grid, out, conditions, tell, report, "next_item"))


@bench.command("ablations")
def ablations_command(
    data: _Data = None,
    out: _Out = _OUT,
    runs: _Runs = _RUNS,
    datasets: _Datasets = None,
    bases: _Bases = None,
    densities: _Densities = None,
    seeds: _Seeds = None,
    questions: Annotated[
        list[str] | None, typer.Option("--question", help="Title of a table on the page; may be repeated.")
    ] = None,
    dim: _Dim = None,
    epochs: _Epochs = None,
    threads: _Threads = 1,
    workers: _Workers = 1,
    device: _Device = "auto",
    quick: _Quick = False,
    keep: _Keep = False,
    report: _Report = False,
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

    grid = (Grid.quick if quick else Grid.of)(
        datasets=datasets,
        bases=bases or ["mf"],
        densities=densities or ([0.25] if quick else [0.1]),
        seeds=seeds,
        dim=dim,
        extra=_extra(epochs),
    )
    conditions = Conditions(_root(data, grid.datasets), runs, threads, workers, keep, device)
    _wrote(ablations(grid, out, conditions, tell, report, questions))


@bench.command("mf")
def factorisation_command(
    data: _Data = None,
    out: _Out = _OUT,
    runs: _Runs = _RUNS,
    datasets: _Datasets = None,
    seeds: _Seeds = None,
    epochs: _Epochs = None,
    threads: _Threads = 1,
    workers: _Workers = 1,
    device: _Device = "cpu",
    keep: _Keep = False,
) -> None:
    """Matrix factorisation: dense tables, SparseRec, and its rivals of as many bytes.

    Results are lines in OUT/mf.jsonl, added as runs end; the same command goes on where it was stopped. Settings are
    chosen on the validation part of gowalla, the test part is read once a run, from the exported file.

    Examples:

        sparserec bench mf --workers 2
    """
    from sparserec.bench import factorisation as mf
    from sparserec.bench.grids import factorisation
    from sparserec.bench.work import Conditions

    conditions = Conditions(_root(data, mf.DATASETS), runs, threads, workers, keep, device)
    chosen = (epochs or mf.EPOCHS, datasets or mf.DATASETS, seeds or mf.SEEDS)
    _wrote(factorisation(out, conditions, tell, *chosen))


def tell(standing: Standing) -> None:
    """A line for each run that ended."""
    left = "" if standing.seconds_left is None else f", {seconds_text(standing.seconds_left)} left"
    words = f"{standing.done} of {standing.total} done{left}"
    if standing.entry is not None:
        figures = standing.entry.figures
        part, key = ("test", "ndcg@20") if "ndcg@20" in figures else ("valid", "valid")
        score = f"{part} ndcg@20 {figures[key]:.4f}"
        words += f"; {standing.entry.job.title}: {score}, {seconds_text(figures['seconds'])}"
    say(words)


def _wrote(paths: Sequence[Path]) -> None:
    say(f"wrote {', '.join(str(path) for path in paths)}")


def _cell(given: str | None) -> tuple[str, float] | None:
    """DATA:DENSITY as a data set and a density."""
    if given is None:
        return None
    data, _, density = given.rpartition(":")
    try:
        cell = data, float(density)
    except ValueError:
        cell = "", 0.0
    if not data or not 0 < cell[1] <= 1:
        raise SparserecError(f"--settings-of takes DATA:DENSITY, as gowalla:0.1, not {given!r}")
    return cell


def _extra(epochs: int | None) -> dict[str, int] | None:
    return None if epochs is None else {"epochs": epochs}


def _root(given: Path | None, datasets: Sequence[str]) -> Path:
    from sparserec.bench.data import SYNTHETIC, data_root

    return Path() if set(datasets) == {SYNTHETIC} else data_root(given)
