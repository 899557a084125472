"""Where the command line writes: lines and tables for people, JSON for programs.

Everything that is shown goes through here. Texts from data, files and paths are shown as they are: no markup in them is
interpreted, and what would steer a terminal is written out, ESC as \\x1b.
"""

from __future__ import annotations

import json
import math
import shlex
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sparserec.errors import SparserecError

Cell: TypeAlias = "str | Text"
"""Of a table; a `Text` is shown as it was made."""

screen = Console()
errors = Console(stderr=True)

JOINERS = "\u200c\u200d"
"""Signs without a width that some scripts are written with."""


def plain(text: object) -> str:
    """A text as it can be shown: control signs, signs that turn the direction, and lone surrogates written out."""
    return "".join(_shown(sign) for sign in str(text))


def _shown(sign: str) -> str:
    if sign.isprintable() or sign in JOINERS:
        return sign
    if unicodedata.category(sign) == "Zs":  # blanks other than the usual one
        return sign
    return sign.encode("unicode_escape", "surrogatepass").decode() if sign != "\t" else "\\t"


def say(*lines: object, style: str = "") -> None:
    """Print lines on standard output, each as it is."""
    _write(screen, lines, style)


def tell(*lines: object, style: str = "") -> None:
    """Print lines on standard error, each as it is: what is no result."""
    _write(errors, lines, style)


def complain(sentence: object) -> None:
    """Print what went wrong on standard error."""
    with suppress(OSError):  # the exit code says it too
        errors.print(Text.assemble(("error:", "bold red"), f" {plain(sentence)}"), soft_wrap=True)


def _write(console: Console, lines: Iterable[object], style: str) -> None:
    with _written():
        for line in lines:
            console.print(Text(plain(line), style=style), soft_wrap=True)


@contextmanager
def _written() -> Iterator[None]:
    """A disk that is full is an error in a sentence; a reader that went away is the command's to understand."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise SparserecError(f"cannot write what is printed: {error.strerror or error}") from None


def command(*words: object) -> str:
    """A command as a shell takes it; paths that begin with `-` are no options in it."""
    return " ".join(
        _word(f"./{word}" if isinstance(word, Path) and str(word)[:1] == "-" else str(word)) for word in words
    )


def _word(word: str) -> str:
    if plain(word) == word:
        return shlex.quote(word)
    # What a terminal must not be given, in the quotes in which shells read escapes.
    octets = word.encode(
        "utf-8", "surrogateescape" if all(0xDC80 <= s <= 0xDCFF for s in _surrogates(word)) else "replace"
    )
    return "$'" + "".join(chr(o) if 32 <= o < 127 and chr(o) not in "\\'" else f"\\x{o:02x}" for o in octets) + "'"


def _surrogates(word: str) -> list[int]:
    return [ord(sign) for sign in word if 0xD800 <= ord(sign) <= 0xDFFF]


def print_json(value: Any) -> None:
    """Print a value as JSON on standard output, one document; numbers that are not finite become null."""
    with _written():
        sys.stdout.write(json.dumps(_finite(value), indent=2, sort_keys=False, allow_nan=False) + "\n")
        sys.stdout.flush()


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_table(title: str, headers: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Print a table of texts as they are; the first column to the left, the others to the right."""
    table = Table(title=Text(plain(title), style="bold"), title_justify="left", title_style="bold", header_style="bold")
    for number, header in enumerate(headers):
        table.add_column(Text(plain(header)), justify="left" if number == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(plain(cell)) for cell in row))
    with _written():
        screen.print(table)
