"""`sparserec data describe` and `sparserec data split`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sparserec.cli.console import print_json, print_table, say
from sparserec.cli.reading import reads

data = typer.Typer(no_args_is_help=True, help="Look at interactions and cut them into parts.")


@data.command("describe")
@reads()
def describe_command(
    path: Annotated[Path, typer.Argument(help="A file or folder of interactions.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    reading: dict[str, Any],
) -> None:
    """Print what is in a file or folder of interactions.

    Examples:

        sparserec data describe ratings.csv --min-rating 4

        sparserec data describe u.data --no-header --user 1 --item 2 --rating 3 --timestamp 4

        sparserec data describe events.csv --where "event = 'transaction'"
    """
    from sparserec.interactions import describe, load

    facts = describe(load(path, **reading))
    if as_json:
        print_json(facts)
        return
    notes = facts.pop("notes")
    print_table(str(path), ["", "value"], list(_flat(facts)))
    for note in notes:
        say(note)


@data.command("split")
@reads(format="--read-as")
def split_command(
    path: Annotated[Path, typer.Argument(help="A file or folder of interactions.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write.")],
    kind: Annotated[str, typer.Option(help="auto, none, given, random, latest, leave-last or global-time.")] = "auto",
    seed: Annotated[int, typer.Option(help="Seed of the split.")] = 0,
    form: Annotated[
        str, typer.Option("--format", help="auto, lightgcn or tsv; lightgcn keeps no time stamps.")
    ] = "auto",
    *,
    reading: dict[str, Any],
) -> None:
    """Cut interactions into training, validation and test parts and write them.

    Examples:

        sparserec data split ratings.csv --kind leave-last --out split/

        sparserec data split ratings.csv --kind global-time --format tsv --out split/
    """
    from sparserec.interactions import load, split, write_split

    dataset = load(path, **reading)
    parts = split(dataset, kind=kind, seed=seed)
    write_split(parts, out, format=form)
    say(
        f"wrote {out}: {parts.train.nnz:,} training, {parts.valid.nnz:,} validation and {parts.test.nnz:,} test "
        f"interactions ({parts.kind}, seed {parts.seed})"
    )
    for note in (*dataset.notes, *parts.notes):
        say(note)


def _flat(facts: dict[str, Any], prefix: str = ""):
    for name, value in facts.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", _text(value)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
