"""`sparserec export`, `recommend` and `inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sparserec.cli.console import bytes_text, print_json, print_table, screen
from sparserec.errors import SparserecError


def export(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write, usually model.safetensors.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write the trained model as one file that a device opens. The same run gives the same bytes.

    Examples:

        sparserec export run --out model.safetensors
    """
    from sparserec.artefact import inspect as look
    from sparserec.training import Run

    Run.open(run).export(out)
    facts = look(out)
    if as_json:
        print_json(facts)
        return
    size = facts["bytes"]
    screen.print(
        f"wrote {out}: {bytes_text(size['total'])}, of which raw ids {bytes_text(size['ids'])}; "
        f"{facts['bytes_per_item']:.1f} bytes an item without the ids",
        highlight=False,
        soft_wrap=True,
    )


def inspect(
    artefact: Annotated[Path, typer.Argument(help="An exported file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print what is in an exported file: every tensor, the bytes of each part, the model card.

    Examples:

        sparserec inspect model.safetensors
    """
    from sparserec.artefact import inspect as look

    facts = look(artefact)
    if as_json:
        print_json(facts)
        return
    print_table(
        str(artefact),
        ["tensor", "type", "shape", "bytes"],
        [[t["name"], t["dtype"], "x".join(map(str, t["shape"])), f"{t['bytes']:,}"] for t in facts["tensors"]],
    )
    print_table("bytes", ["part", "bytes"], [[name, f"{count:,}"] for name, count in facts["bytes"].items()])
    per = [["an item, raw ids apart", f"{facts['bytes_per_item']:.2f}"]]
    if facts.get("bytes_per_user") is not None:
        per.append(["a user, raw ids apart", f"{facts['bytes_per_user']:.2f}"])
    print_table("bytes for", ["", "bytes"], per)
    card = facts["card"]
    print_table("model card", ["", "value"], [[name, _short(value)] for name, value in card.items()])


def recommend(
    artefact: Annotated[Path, typer.Argument(help="An exported file.")],
    history: Annotated[
        str | None, typer.Option(help="Item ids, separated by commas; they are not recommended again.")
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="A user id, where the file has a user table; it does not know what they took.")
    ] = None,
    k: Annotated[int, typer.Option("-k", help="How many items.", min=1)] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Recommend items for a history or a user, best first.

    With a history alone, tastes are read from it. With a user, from their row in the file; a history given beside it
    is left out of the list.

    Examples:

        sparserec recommend model.safetensors --history 318,296,593 -k 10

        sparserec recommend model.safetensors --user 42 --history 318,296 --json
    """
    from sparserec.device import Recommender

    if history is None and user is None:
        raise SparserecError("give --history ID,ID,.. or --user ID")
    taken = None if history is None else [name.strip() for name in history.split(",") if name.strip()]
    found = Recommender.open(artefact).recommend(history=taken, user=user, k=k)
    if as_json:
        print_json([{"item": name, "score": score} for name, score in found])
        return
    print_table("recommended", ["item", "score"], [[name, f"{score:.4f}"] for name, score in found])


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 400 else text[:400] + " ..."
