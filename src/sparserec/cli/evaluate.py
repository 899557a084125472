"""`sparserec evaluate`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sparserec.cli.console import print_json, print_table


class Part(StrEnum):
    """Parts of a split that can be evaluated."""

    valid = "valid"
    test = "test"


def evaluate(
    model: Annotated[Path, typer.Argument(help="A run folder, or an exported file.")],
    data: Annotated[Path, typer.Argument(help="The interactions that it was trained on.")],
    split: Annotated[Part, typer.Option(help="Which part to rank for.")] = Part.test,
    k: Annotated[
        list[int] | None, typer.Option("--k", "-k", help="Length of the list; may be repeated. [default: 20]")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads; OMP_NUM_THREADS, else all, when not given.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Rank all items for every user with held-out interactions and print the metrics.

    An exported file is evaluated through the device runtime: what is measured is what a device will recommend.
    Definitions: docs/guide/metrics.md.

    Examples:

        sparserec evaluate run ratings.csv

        sparserec evaluate model.safetensors ratings.csv --split test --k 10 --k 20 --json
    """
    from sparserec.runs import evaluate_path, set_threads

    set_threads(threads)
    metrics = evaluate_path(model, data, split.value, tuple(k or [20]))
    values = metrics.as_dict()
    if as_json:
        print_json(values)
        return
    counts = {name: values[name] for name in ("users", "skipped") if name in values}
    print_table(
        f"{model} on the {metrics.measured_on}: {int(counts['users']):,} users",
        ["metric", "value"],
        [[name, f"{value:.4f}"] for name, value in values.items() if name not in counts],
    )
