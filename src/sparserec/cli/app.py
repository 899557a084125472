"""The `sparserec` command: gathers the verbs and turns errors into one sentence and an exit code.

Exit codes: 0 done; 2 for input that can't be used (one sentence on standard error says why); 130 when interrupted.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from sparserec import __version__
from sparserec.cli.bench import bench
from sparserec.cli.console import errors
from sparserec.cli.data import data
from sparserec.cli.demo import demo
from sparserec.cli.evaluate import evaluate
from sparserec.cli.patch import apply, delta
from sparserec.cli.serve import export, inspect, recommend
from sparserec.cli.train import train
from sparserec.cli.web import web
from sparserec.errors import SparserecError, on_command_line

app = typer.Typer(
    name="sparserec",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Recommendation on the device: train sparse embedding tables, export one small file, recommend from it.",
    epilog="Start with `sparserec demo`. Every command has --help with examples.",
)
for verb in (demo, train, evaluate, export, recommend, inspect, delta, apply, web):
    app.command()(verb)
app.add_typer(data, name="data")
app.add_typer(bench, name="bench")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; the entry point of the `sparserec` script."""
    try:
        with on_command_line():
            app()
    except SparserecError as error:
        errors.print(f"[bold red]error:[/] {_escaped(str(error))}", soft_wrap=True, highlight=False)
        sys.exit(2)
    except ModuleNotFoundError as missing:
        if (missing.name or "sparserec").split(".")[0] == "sparserec":
            raise
        errors.print(
            f"[bold red]error:[/] this command needs {missing.name!r}, which is not installed; "
            "install the training side: pip install 'sparserec\\[train]'",
            soft_wrap=True,
        )
        sys.exit(2)
    except KeyboardInterrupt:
        errors.print("interrupted")
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
