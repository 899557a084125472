"""`sparserec export` and `inspect`."""

from __future__ import annotations

import json
import os
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from sparserec.cli.console import command, print_json, print_table, say
from sparserec.errors import SparserecError
from sparserec.files import refuse_input
from sparserec.units import bytes_text


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
    no_users: Annotated[
        bool, typer.Option("--no-users", help="Leave the user table out: tastes then come from histories alone.")
    ] = False,
    exclude_history: Annotated[
        bool, typer.Option(help="For ONNX: whether the model leaves out what is in the history.")
    ] = True,
    ids: Annotated[
        IdLists | None,
        typer.Option(help="file: the raw ids are in the file; none: rows go by number. As the run says if not given."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write the trained model as one file that a device opens. The same run gives the same bytes.

    A model such as mf has a row for each user, and so does its file: every device that gets it has the ids and tastes
    of all users. With `--no-users` there are none in it, and an item that d users took counts d^-0.5 of its row in a
    history. How good that is: `sparserec evaluate FILE DATA`, as for any file. Models of histories have no such rows.

    Examples:

        sparserec export run --out model.safetensors

        sparserec export run --out model.safetensors --no-users

        sparserec export run --format onnx --out model.onnx
    """
    if kind is Format.ONNX:
        _export_onnx(run, out, exclude_history, as_json, ids)
        return
    if not exclude_history:
        raise SparserecError("--no-exclude-history is for --format onnx; files for devices are asked with it each time")
    from sparserec.artefact import inspect as look
    from sparserec.runs import Run

    Run.open(run).export(out, users=not no_users, ids=None if ids is None else ids is IdLists.FILE)
    facts = look(out)
    if as_json:
        print_json(facts)
        return
    size = facts["bytes"]
    say(
        f"wrote {out}: {bytes_text(size['total'])}, of which raw ids {bytes_text(size['ids'])}; "
        f"{facts['bytes_per_item']:.1f} bytes an item without the ids"
    )
    users = facts["card"]["n_users"]
    if users:
        say(
            f"It has a row for each of {users:,} users: every device that gets it has all their ids and tastes; "
            "--no-users leaves them out"
        )
    elif no_users:
        say("It has no rows for users: tastes come from histories alone")
    say(*opening_lines(out))


def opening_lines(file: Path) -> list[str]:
    """How an exported file is opened, in Python and in a page, with an item that it has."""
    from sparserec.device import Recommender

    model = Recommender.open(file)
    example, order = model.popular(1)[0][0], model.ordered
    return [
        "In Python:",
        "  from sparserec.device import Recommender",
        f"  model = Recommender.open({str(file)!a})",
        f"  model.recommend(history=[{example!a}], k=20){'  # oldest first' if order else ''}",
        "In a page:",
        '  import { Recommender } from "sparserec";',
        f"  const model = await Recommender.open({json.dumps(address(file))});",
        f"  model.recommend({{ history: [{json.dumps(example)}], k: 20 }});{'  // oldest first' if order else ''}",
        f"The quickest page: {command('sparserec', 'web', file)}",
    ]


def address(file: Path) -> str:
    """The address of a file beside a page."""
    return "./" + quote(os.fsencode(file.name))


def onnx_lines(file: Path) -> list[str]:
    """How an ONNX model is opened in Python."""
    return [
        "In Python:",
        "  import numpy as np, onnxruntime",
        f"  session = onnxruntime.InferenceSession({str(file)!a})",
        '  query = {"history": [0], "exclude": [], "k": [20]}  # indices of items, which metadata sparserec.ids names',
        "  session.run(None, {name: np.array(value, dtype=np.int64) for name, value in query.items()})",
    ]


def _export_onnx(run: Path, out: Path, exclude_history: bool, as_json: bool, ids: IdLists | None) -> None:
    try:
        from sparserec.exchange import write_onnx
    except ModuleNotFoundError as missing:
        raise SparserecError(
            f"ONNX needs {missing.name!r}, which is not installed: pip install 'sparserec[onnx]'"
        ) from None
    if run.is_file():
        refuse_input(out, run)
        if ids is not None:
            raise SparserecError(f"{run} is an exported file, whose ids are as they are; --ids goes with a run folder")
        size = write_onnx(run, out, exclude_history=exclude_history)
    else:
        from sparserec.runs import Run

        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model.safetensors"
            Run.open(run).export(file, ids=None if ids is None else ids is IdLists.FILE)
            size = write_onnx(file, out, exclude_history=exclude_history)
    if as_json:
        print_json({"out": str(out), "bytes": size})
        return
    say(f"wrote {out}: {bytes_text(size)}", *onnx_lines(out))


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
    if facts["age_decay"] is not None and min(facts["age_decay"]) < 1:
        rows = zip(["its row", "its own column"], map("{:g}".format, facts["age_decay"]), strict=False)
        print_table("order", ["each newer item leaves of an item", "times"], map(list, rows))
    card = facts["card"]
    print_table("model card", ["", "value"], [[name, _short(value)] for name, value in card.items()])


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 400 else text[:400] + " ..."
