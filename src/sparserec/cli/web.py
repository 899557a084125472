"""`sparserec web`."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from sparserec.cli.console import say
from sparserec.units import bytes_text


def web(
    artefact: Annotated[Path, typer.Argument(help="An exported file.")],
    titles: Annotated[
        Path | None,
        typer.Option(
            help="CSV or TSV with a header: a column of item ids, one of titles, perhaps one of tags or genres."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder to write; the artefact's name and -web when not given.")
    ] = None,
    title: Annotated[
        str | None, typer.Option("--title", "--heading", help="Title of the page; the file's name when not given.")
    ] = None,
    noun: Annotated[
        str | None,
        typer.Option(help="What items are called, in the plural: films, books. Told by the titles' column of ids."),
    ] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Serve the page to this machine until Ctrl-C.")] = False,
    port: Annotated[int, typer.Option(help="Port to serve at; 0 for any that is free.", min=0, max=65_535)] = 8000,
) -> None:
    """Write a page that recommends in the browser: search titles, pick what you like, see what is recommended and why.

    The page is one file, index.html, with the model in it. It opens from a disk or from any web server, works offline
    and sends nothing anywhere. With --serve and without --out, nothing is kept.

    Examples:

        sparserec web model.safetensors --titles movies.csv --title "Films for tonight" --out page

        sparserec web model.safetensors --titles movies.csv --serve
    """
    from sparserec.page import read_named_titles, write_page

    known, called = (None, "items") if titles is None else read_named_titles(titles)
    with tempfile.TemporaryDirectory(prefix="sparserec-web-") as passing:
        folder = out or (Path(passing) if serve else Path(f"{artefact.stem}-web"))
        size = write_page(artefact, folder, known, title, noun or called)
        if out or not serve:
            say(f"wrote {folder / 'index.html'}: {bytes_text(size)}; open it in a browser")
        _tell_untitled(artefact, known)
        if serve:
            _serve(folder, port)


def _tell_untitled(artefact: Path, titles: Mapping[str, Any] | None) -> None:
    """Say how many items of the model have no title."""
    if titles is None:
        return
    from sparserec.artefact import read

    names = read(artefact, verify_digest=False).item_ids.to_list()
    missing = [name for name in names if name not in titles]
    if missing:
        have = "has no title and shows its id" if len(missing) == 1 else "have no title and show their ids"
        say(f"{len(missing):,} of {len(names):,} items {have}; {missing[0]!r} is one")


def _serve(folder: Path, port: int) -> None:
    from sparserec.page import PageServer

    with PageServer(folder, port) as server:
        say(f"serving {server.url} to this machine; Ctrl-C ends it")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("stopped")
