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
from sparserec.cli.console import complain, say, tell
from sparserec.cli.data import data
from sparserec.cli.demo import demo
from sparserec.cli.evaluate import evaluate
from sparserec.cli.interrupts import interrupts
from sparserec.cli.patch import apply, delta
from sparserec.cli.recommend import ANY_WORDS, find, recommend, similar
from sparserec.cli.serve import export, inspect
from sparserec.cli.streams import prepare_streams
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
for verb in (demo, train, evaluate, export, recommend):
    app.command()(verb)
for verb in (similar, find):
    app.command(context_settings=ANY_WORDS)(verb)
for verb in (inspect, delta, apply, web):
    app.command()(verb)
app.add_typer(data, name="data")
app.add_typer(bench, name="bench")


def _version(asked: bool) -> None:
    if asked:
        say(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line."""
    prepare_streams()
    try:
        with on_command_line(), interrupts():
            app()
    except SparserecError as error:
        complain(error)
        sys.exit(2)
    except ModuleNotFoundError as missing:
        if (missing.name or "sparserec").split(".")[0] == "sparserec":
            raise
        complain(
            f"this command needs {missing.name!r}, which is not installed; "
            "install the training side: pip install 'sparserec[train]'"
        )
        sys.exit(2)
    except KeyboardInterrupt:
        tell("interrupted")
        sys.exit(130)
    except SystemExit as end:
        if end.code == 130 and isinstance(end.__context__, typer.Exit):  # Typer ends by Ctrl-C without a word
            tell("interrupted")
        raise
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
