"""`sparserec delta` and `apply`: small updates of exported files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sparserec.cli.console import print_json, say
from sparserec.units import bytes_text


def delta(
    old: Annotated[Path, typer.Argument(help="The exported file that devices have.")],
    new: Annotated[Path, typer.Argument(help="The exported file that they shall have.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The patch to write.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write a patch that makes the new file of the old one.

    Examples:

        sparserec delta model-1.safetensors model-2.safetensors --out model-1-to-2.patch
    """
    from sparserec.artefact.delta import delta as make
    from sparserec.files import read_bytes, refuse_input, write_bytes

    refuse_input(out, old, new)
    data = read_bytes(new)
    patch = make(read_bytes(old), data, names=(str(old), str(new)))
    write_bytes(out, patch)
    if as_json:
        print_json({"patch": len(patch), "new": len(data)})
        return
    share = f"{len(patch) / len(data):.1%} of the new file"
    say(f"wrote {out}: {bytes_text(len(patch))}, {share}")


def apply(
    old: Annotated[Path, typer.Argument(help="The exported file that the patch was made for.")],
    patch: Annotated[Path, typer.Argument(help="A patch that `sparserec delta` wrote.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The new file to write; may be the old one.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make the new file of the old one and a patch, byte for byte; a patch for another file is refused.

    Examples:

        sparserec apply model-1.safetensors model-1-to-2.patch --out model-2.safetensors
    """
    from sparserec.device import Recommender

    card = Recommender.open(old).apply(patch, out).card
    if as_json:
        print_json({"out": str(out), "bytes": out.stat().st_size, "sha256": card.sha256})
        return
    say(f"wrote {out}: {bytes_text(out.stat().st_size)}")
