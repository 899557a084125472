"""Where the command line writes: tables and progress for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from sparserec.units import bytes_text  # noqa: F401  # verbs take it from here

screen = Console()
errors = Console(stderr=True)


def print_json(value: Any) -> None:
    """Print a value as JSON on standard output, one document."""
    typer.echo(json.dumps(value, indent=2, sort_keys=False))


def print_table(title: str, headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; the first column to the left, the others to the right."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for number, header in enumerate(headers):
        table.add_column(header, justify="left" if number == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    screen.print(table)
