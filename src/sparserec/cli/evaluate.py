"""`sparserec evaluate`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sparserec.cli.console import print_json, print_table, say
from sparserec.cli.reading import reads

if TYPE_CHECKING:
    from sparserec.evaluation import Metrics


class Part(StrEnum):
    """Parts of a split that can be evaluated."""

    valid = "valid"
    test = "test"


@reads()
def evaluate(
    model: Annotated[Path, typer.Argument(help="A run folder, or an exported file.")],
    data: Annotated[
        Path | None, typer.Argument(help="The interactions that it was trained on; a run folder knows its own.")
    ] = None,
    *,
    split: Annotated[Part, typer.Option(help="Which part to rank for.")] = Part.test,
    k: Annotated[
        list[int] | None, typer.Option("--k", "-k", help="Length of the list; may be repeated. [default: 20]")
    ] = None,
    exclude_history: Annotated[
        bool,
        typer.Option(help="Whether what a user is known to have taken is left out; not where it can be wanted again."),
    ] = True,
    rivals: Annotated[
        bool, typer.Option(help="Measure popularity and a tuned item-item neighbour model beside it.")
    ] = True,
    threads: Annotated[int | None, typer.Option(help="CPU threads; OMP_NUM_THREADS, else all, when not given.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    reading: dict[str, Any],
) -> None:
    """Rank all items for every user with held-out interactions and print the metrics.

    Beside the model stand popularity and item-item neighbours, which are chosen on the validation part, on the same
    split. An exported file is evaluated through the device runtime: what is measured is what a device will recommend.
    Definitions: docs/guide/metrics.md. A run remembers how its data was read: options about that are for data that has
    other names now.

    Examples:

        sparserec evaluate run ratings.csv

        sparserec evaluate model.safetensors ratings.csv --split test --k 10 --k 20 --json
    """
    from sparserec.runs import evaluate_path, set_threads

    if not as_json and model.exists():
        say(f"ranking all items for the users of {data or 'the data of ' + str(model)} ...")
    set_threads(threads)
    notes: list[str] = []
    lengths = tuple(k or [20])
    how: dict[str, Any] = {"exclude_history": exclude_history, "compare": rivals}
    metrics = evaluate_path(model, data, split.value, lengths, reading=reading, note=notes.append, **how)
    if as_json:
        beside = {name: {**rival.as_dict(), "note": rival.note} for name, rival in metrics.rivals.items()}
        print_json({**metrics.as_dict(), **({"rivals": beside} if rivals else {})})
        return
    columns = {"model" if rivals else "value": metrics, **metrics.rivals}
    print_table(
        f"{model} on the {metrics.measured_on}: {metrics.users:,} users",
        ["metric", *columns],
        [[name, *(f"{column[name]:.4f}" for column in columns.values())] for name in metrics.values],
    )
    for note in notes:
        say(note)
    for name, rival in metrics.rivals.items():
        say(f"{name}: {rival.note}")
    if rivals:
        say(_verdict(metrics, f"ndcg@{max(lengths)}"))


def _verdict(metrics: Metrics, name: str) -> str:
    """Whether the model is better than what it is measured beside, in a sentence."""
    best = max(metrics.rivals, key=lambda rival: metrics.rivals[rival][name])
    theirs, ours = metrics.rivals[best][name], metrics[name]
    if theirs <= 0:
        return f"{name} of {best}, the better of the two, is 0"
    share = abs(ours / theirs - 1)
    how = "as good as" if share < 0.0005 else f"{share:.1%} {'better' if ours > theirs else 'worse'} than"
    return f"by {name} the model is {how} {best}, the better of the two"
