"""`sparserec train`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sparserec.axes import EXPLORERS, OBJECTIVES, RECOMMENDERS, STARTS
from sparserec.cli.choices import listed, one_of
from sparserec.cli.console import command, say, tell
from sparserec.cli.interrupts import interrupts
from sparserec.cli.progress import TrainingProgress
from sparserec.cli.reading import reads
from sparserec.cli.serve import IdLists
from sparserec.errors import SparserecError

if TYPE_CHECKING:
    from sparserec import Run

NO_SETTINGS = (
    *("recipe", "config", "out", "threads", "device", "resume", "quiet", "verbose"),
    *("teacher_from", "report", "stage", "follow"),
)
"""What training is told besides the settings of a run, so that --set can't give it."""


@reads()
def train(
    data: Annotated[Path, typer.Argument(help="Interactions: a file or folder, see docs/guide/data.md.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The run folder to write.")] = Path("run"),
    recipe: Annotated[
        str | None,
        typer.Option(help="A recipe of the package: the settings to start from. That of --model, else fism."),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A TOML file of settings, instead of a recipe.")] = None,
    model: Annotated[str | None, typer.Option(help=listed("The base recommender", RECOMMENDERS))] = None,
    method: Annotated[
        str | None, typer.Option(callback=one_of(EXPLORERS), help=listed("How the mask moves", EXPLORERS))
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(callback=one_of(STARTS), help=listed("Where the active parameters are at the start", STARTS)),
    ] = None,
    loss: Annotated[
        str | None, typer.Option(callback=one_of(OBJECTIVES), help=listed("What is learned", OBJECTIVES))
    ] = None,
    dim: Annotated[int | None, typer.Option(help="Columns of a table.")] = None,
    density: Annotated[float | None, typer.Option(help="Share of active parameters, in (0, 1].")] = None,
    budget: Annotated[
        str | None,
        typer.Option(help="Bytes of the exported file at most: 500kB or 2MB of all of it, 16B/item without its ids."),
    ] = None,
    ids: Annotated[
        IdLists | None, typer.Option(help="none: the file is to be without raw ids, and its rows go by number.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the interactions, at most.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random in training.")] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads; OMP_NUM_THREADS, else all, when not given.")] = None,
    device: Annotated[
        str, typer.Option(help="cpu, cuda, or auto: a CUDA device where there is one and the model can use it.")
    ] = "auto",
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any other setting, such as --set lr=0.02.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="How a test part is cut: auto (the newest where times tell), none, given, random, latest, "
            "leave-last or global-time."
        ),
    ] = None,
    holdout: Annotated[
        bool | None,
        typer.Option(
            "--holdout/--no-holdout",
            help="Keep the test part out of the exported model, for benchmarks. As it is where a split is named or "
            "there is a test file; else the model is trained once more on everything.",
            show_default=False,
        ),
    ] = None,
    teacher_from: Annotated[
        Path | None, typer.Option(help="A run folder of the same data and teacher: take its teacher, which saves time.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in --out where it stopped.")] = False,
    no_export: Annotated[
        bool, typer.Option("--no-export", help="Train also what no file for devices can hold, for research.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="What is chosen on validation, and a line for each epoch.")
    ] = False,
    *,
    reading: dict[str, Any],
) -> None:
    """Train a recommender within a budget and leave a run folder.

    Settings are chosen on a validation part, by a training that sees neither that nor a test part. Then the model is
    trained once more on everything, and that one is exported. `sparserec evaluate` measures the first one on the test
    part. Ctrl-C leaves a run that can be used and resumed.

    Examples:

        sparserec train ratings.csv --budget 16B/item

        sparserec train ratings.csv --out quick --recipe spectral

        sparserec train gowalla/ --out run --model mf --dim 64 --density 0.1 --seed 1

        sparserec train ratings.csv --out smaller --budget 6B/item --teacher-from run

        sparserec train ratings.csv --out run --min-rating 4 --split leave-last --set lr=0.02
    """
    given = {
        "model": model,
        "method": method,
        "init": init,
        "loss": loss,
        "dim": dim,
        "density": density,
        "budget": budget,
        "ids": "none" if ids is IdLists.NONE else None,
        "epochs": epochs,
        "seed": seed,
        "data": {**reading, "split": split, "holdout": holdout},
    }
    if density is not None and budget is not None:
        raise SparserecError("give either --density or --budget, not both")
    for text in set_ or []:
        put(given, text)
    conditions = {"threads": threads, "device": device, "resume": resume, "teacher_from": teacher_from}
    progress = TrainingProgress(quiet, verbose)
    try:
        with progress, interrupts():
            from sparserec.runs import train as run_training

            told = {"report": progress.report, "follow": progress.follow}
            how = {"recipe": recipe, "config": config, "export": not no_export}
            run = run_training(data, out, **how, **conditions, **told, **given)
    except KeyboardInterrupt:
        _say_how_to_go_on(progress)
        sys.exit(130)
    if run.ended == "interrupted":
        _say_how_to_go_on(progress, run)
        sys.exit(130)
    if not quiet:
        _print_summary(run, out, data)


def _say_how_to_go_on(progress: TrainingProgress, run: Run | None = None) -> None:
    """After Ctrl-C: what is left, what there is already, and the command that goes on."""
    usable = "" if run is None else f" {run.folder} can be used as it is: its model was trained on {run.trained_on}."
    again = command("sparserec", *sys.argv[1:], *([] if "--resume" in sys.argv else ["--resume"]))
    tell(f"interrupted {progress.what_is_left()}.{usable}", "To go on where it stopped:", f"  {again}")


def _print_summary(run: Run, out: Path, data: Path) -> None:
    """What came out, and what to do next."""
    from sparserec.settings import recipe_names

    best = run.valid_metrics()
    evaluate = command("sparserec", "evaluate", out, data)
    export = command("sparserec", "export", out, "--out", "model.safetensors")
    lines = [
        ended_words(run),
        f"The model in {out} was trained on {run.trained_on}; it has {run.parameters():,} active parameters.",
        f"next: {evaluate}   or   {export}",
    ]
    gentler = f"{run.config.model}-small"
    if gentler in recipe_names() and run.ended == "stopped early" and best["epoch"] < 2:
        lines.append(
            f"hint: validation was best in epoch {best['epoch'] + 1}; smaller steps "
            f"(--set lr={run.config.lr / 4:g}) or --recipe {gentler} may do better"
        )
    say(*lines)


def ended_words(run: Run) -> str:
    """How the training that was validated ended, and what was best, in a sentence."""
    best, log = run.valid_metrics(), run.log()
    epochs = sum(entry["epoch"] >= 0 for entry in log)
    if "ndcg@20" not in best:
        length = f"Trained for {epochs} epoch{'s' * (epochs != 1)}" if epochs else "Nothing was trained: epochs is 0"
        return f"{length}; not validated, as no user has interactions enough to hold some back."
    found = f"validation NDCG@20 {best['ndcg@20']:.4f}, recall@20 {best['recall@20']:.4f}"
    if not epochs and run.config.epochs:
        return f"Order counts here: the table says what follows what, and there was nothing left to train; {found}."
    if not epochs:
        return f"The start is the result, as epochs is 0: {found}."
    which = "the start, before any epoch, was best" if best["epoch"] < 0 else f"epoch {int(best['epoch']) + 1} was best"
    if run.ended == "stopped early":
        since = f"since validation had not improved for {run.config.patience} epochs"
        return f"Training stopped after epoch {epochs}, {since}; {which}: {found}."
    return f"Trained for {epochs} epoch{'s' * (epochs != 1)}; {which}: {found}."


def put(settings: dict, text: str) -> None:
    """Put `key=value` into settings; `section.key=value` goes into a section. Values are TOML, else text."""
    import tomllib

    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise SparserecError(f"--set {text!r}: write it as KEY=VALUE, for example --set lr=0.02")
    if name.strip() in NO_SETTINGS:
        raise SparserecError(
            f"--set {text!r}: {name.strip()!r} is no setting; see the options of sparserec train --help"
        )
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value
    *sections, key = name.strip().split(".")
    for part in sections:
        inner = settings.get(part)
        if inner is None:
            inner = settings[part] = {}
        if not isinstance(inner, dict):
            raise SparserecError(f"--set {text!r}: {part!r} is a setting, not a section")
        settings = inner
    settings[key] = parsed
