"""`sparserec export` and `inspect`."""

from __future__ import annotations

import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sparserec.cli.console import bytes_text, print_json, print_table, screen
from sparserec.errors import SparserecError


class Format(StrEnum):
    """What `export` writes."""

    SAFETENSORS = "safetensors"
    ONNX = "onnx"


def export(
    run: Annotated[Path, typer.Argument(help="A run folder; for ONNX, an exported file will do too.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write, usually model.safetensors.")],
    kind: Annotated[Format, typer.Option("--format", help="The format of the file.")] = Format.SAFETENSORS,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write the trained model as one file that a device opens. The same run gives the same bytes.

    Examples:

        sparserec export run --out model.safetensors

        sparserec export run --format onnx --out model.onnx
    """
    if kind is Format.ONNX:
        _export_onnx(run, out, as_json)
        return
    from sparserec.artefact import inspect as look
    from sparserec.runs import Run

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


def _export_onnx(run: Path, out: Path, as_json: bool) -> None:
    try:
        from sparserec.exchange import write_onnx
    except ModuleNotFoundError as missing:
        raise SparserecError(
            f"ONNX needs {missing.name!r}, which is not installed: pip install 'sparserec[onnx]'"
        ) from None
    if run.is_file():
        size = write_onnx(run, out)
    else:
        from sparserec.runs import Run

        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model.safetensors"
            Run.open(run).export(file)
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


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 400 else text[:400] + " ..."
