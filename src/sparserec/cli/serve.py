"""`sparserec export`, `recommend` and `inspect`."""

from __future__ import annotations

import tempfile
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sparserec.cli.console import bytes_text, print_json, print_table, screen
from sparserec.errors import SparserecError

if TYPE_CHECKING:
    from sparserec.device import Recommendation

REASONS = 3
"""Items of the history that a table names for each recommendation."""


class Format(StrEnum):
    """What `export` writes."""

    SAFETENSORS = "safetensors"
    ONNX = "onnx"


class IdLists(StrEnum):
    """Where an app has the raw ids from."""

    FILE = "file"
    NONE = "none"


def export(
    run: Annotated[Path, typer.Argument(help="A run folder; for ONNX, an exported file will do too.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write, usually model.safetensors.")],
    kind: Annotated[Format, typer.Option("--format", help="The format of the file.")] = Format.SAFETENSORS,
    ids: Annotated[
        IdLists | None,
        typer.Option(help="file: the raw ids are in the file; none: rows go by number. As the run says if not given."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write the trained model as one file that a device opens. The same run gives the same bytes.

    Examples:

        sparserec export run --out model.safetensors

        sparserec export run --format onnx --out model.onnx
    """
    if kind is Format.ONNX:
        _export_onnx(run, out, as_json, ids)
        return
    from sparserec.artefact import inspect as look
    from sparserec.runs import Run

    Run.open(run).export(out, ids=None if ids is None else ids is IdLists.FILE)
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


def _export_onnx(run: Path, out: Path, as_json: bool, ids: IdLists | None) -> None:
    try:
        from sparserec.exchange import write_onnx
    except ModuleNotFoundError as missing:
        raise SparserecError(
            f"ONNX needs {missing.name!r}, which is not installed: pip install 'sparserec[onnx]'"
        ) from None
    if run.is_file():
        if ids is not None:
            raise SparserecError(f"{run} is an exported file, whose ids are as they are; --ids goes with a run folder")
        size = write_onnx(run, out)
    else:
        from sparserec.runs import Run

        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model.safetensors"
            Run.open(run).export(file, ids=None if ids is None else ids is IdLists.FILE)
            size = write_onnx(file, out)
    if as_json:
        print_json({"out": str(out), "bytes": size})
        return
    screen.print(f"wrote {out}: {bytes_text(size)}", highlight=False, soft_wrap=True)


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
    exclude: Annotated[str | None, typer.Option(help="Item ids that are not wanted, separated by commas.")] = None,
    candidates: Annotated[str | None, typer.Option(help="Rank these item ids only, separated by commas.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say what each item of the history adds.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Recommend items for a history or a user, best first.

    With a history alone, tastes are read from it. With a user, from their row in the file; a history given beside it
    is left out of the list.

    Examples:

        sparserec recommend model.safetensors --history 318,296,593 -k 10

        sparserec recommend model.safetensors --user 42 --history 318,296 --json

        sparserec recommend model.safetensors --history 318,296 --exclude 593 --explain
    """
    from sparserec.device import Recommender

    if history is None and user is None:
        raise SparserecError("give --history ID,ID,.. or --user ID")
    model = Recommender.open(artefact)
    query = {
        "history": _ids(history),
        "user": user,
        "k": k,
        "exclude": _ids(exclude) or (),
        "candidates": _ids(candidates),
    }
    if explain:
        _print_explained(model.recommend(**query, explain=True), as_json)
        return
    recommended = model.recommend(**query)
    if as_json:
        print_json([{"item": name, "score": score} for name, score in recommended])
        return
    print_table("recommended", ["item", "score"], [[name, f"{score:.4f}"] for name, score in recommended])


def _ids(text: str | None) -> list[str] | None:
    """Ids that are separated by commas; None stays None."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def _print_explained(recommended: list[Recommendation], as_json: bool) -> None:
    if as_json:
        print_json(
            [
                {"item": f.item, "score": f.score, "because": [{"item": i, "adds": part} for i, part in f.because]}
                for f in recommended
            ]
        )
        return
    rows = []
    for one in recommended:
        shown = [f"{item} ({part:+.4f})" for item, part in one.because[:REASONS]]
        more = len(one.because) - REASONS
        rows.append([one.item, f"{one.score:.4f}", ", ".join(shown) + (f", {more} more" if more > 0 else "")])
    print_table("recommended", ["item", "score", "because of"], rows)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 400 else text[:400] + " ..."
