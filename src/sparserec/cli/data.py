"""`sparserec data describe` and `sparserec data split`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sparserec.cli.console import print_json, print_table, say

data = typer.Typer(no_args_is_help=True, help="Look at interactions and cut them into parts.")

_User = Annotated[str | None, typer.Option(help="Name of the user column.")]
_Item = Annotated[str | None, typer.Option(help="Name of the item column.")]
_Timestamp = Annotated[str | None, typer.Option(help="Name of the time stamp column.")]
_Rating = Annotated[str | None, typer.Option(help="Name of the rating column.")]
_MinRating = Annotated[float | None, typer.Option(help="Leave out lower ratings.")]
_KCore = Annotated[int, typer.Option(help="Leave out users and items with fewer interactions, repeatedly.", min=0)]


@data.command("describe")
def describe_command(
    path: Annotated[Path, typer.Argument(help="A file or folder of interactions.")],
    user: _User = None,
    item: _Item = None,
    timestamp: _Timestamp = None,
    rating: _Rating = None,
    min_rating: _MinRating = None,
    kcore: _KCore = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print what is in a file or folder of interactions.

    Examples:

        sparserec data describe ratings.csv --min-rating 4
    """
    from sparserec.interactions import describe, load

    facts = describe(
        load(path, user=user, item=item, timestamp=timestamp, rating=rating, min_rating=min_rating, kcore=kcore)
    )
    if as_json:
        print_json(facts)
        return
    print_table(str(path), ["", "value"], list(_flat(facts)))


@data.command("split")
def split_command(
    path: Annotated[Path, typer.Argument(help="A file or folder of interactions.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write.")],
    kind: Annotated[str, typer.Option(help="auto, given, random, leave-last or global-time.")] = "auto",
    seed: Annotated[int, typer.Option(help="Seed of the split.")] = 0,
    form: Annotated[
        str, typer.Option("--format", help="auto, lightgcn or tsv; lightgcn keeps no time stamps.")
    ] = "auto",
    user: _User = None,
    item: _Item = None,
    timestamp: _Timestamp = None,
    rating: _Rating = None,
    min_rating: _MinRating = None,
    kcore: _KCore = 0,
) -> None:
    """Cut interactions into training, validation and test parts and write them.

    Examples:

        sparserec data split ratings.csv --kind leave-last --out split/

        sparserec data split ratings.csv --kind global-time --format tsv --out split/
    """
    from sparserec.interactions import load, split, write_split

    dataset = load(path, user=user, item=item, timestamp=timestamp, rating=rating, min_rating=min_rating, kcore=kcore)
    parts = split(dataset, kind=kind, seed=seed)
    write_split(parts, out, format=form)
    say(
        f"wrote {out}: {parts.train.nnz:,} training, {parts.valid.nnz:,} validation and {parts.test.nnz:,} test "
        f"interactions ({parts.kind}, seed {parts.seed})"
    )


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
