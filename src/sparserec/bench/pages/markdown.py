"""Tables and paragraphs in Markdown, and the blocks of a page that a command writes."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sparserec.errors import SparserecError

WIDTH = 118
END = "<!-- end of figures -->"
BLOCK = re.compile(r"<!-- figures: (?P<name>[\w-]+) ?(?P<about>[^>]*?) -->\n.*?" + END, re.DOTALL)
Block = Callable[[Path, str], list[str]]
"""Lines of a block, from the folder of the results files and what its mark says after its name."""


def fill(page: str, blocks: Mapping[str, Block], folder: Path) -> str:
    """A page with every block between `<!-- figures: NAME ABOUT -->` and `<!-- end of figures -->` written anew.

    Args:
        page: its text.
        blocks: how blocks are written, by name.
        folder: of the results files.

    Raises:
        SparserecError: for a name that no block has.
    """

    def written(mark: re.Match[str]) -> str:
        if mark["name"] not in blocks:
            raise SparserecError(f"unknown block {mark['name']!r}; there are: {', '.join(blocks)}")
        return "\n".join([mark[0].partition("\n")[0], "", *blocks[mark["name"]](folder, mark["about"]), "", END])

    return BLOCK.sub(written, page)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Lines of a table; cells are formatted by `text`."""
    lines = [f"| {' | '.join(text(cell) for cell in row)} |" for row in [head, *rows]]
    return [lines[0], "|" + "---|" * len(head), *lines[1:]]


def wrap(words: str) -> list[str]:
    """Lines of a paragraph; a list item's second line is indented."""
    indent = "  " if words.startswith("- ") else ""
    return textwrap.wrap(words, WIDTH, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False)


def text(value: object) -> str:
    """A cell: integers with commas, lists joined."""
    if isinstance(value, list):
        return ", ".join(text(part) for part in value) or "none"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def percent(share: float, digits: int = 1) -> str:
    """A gain with its sign: 0.051 is +5.1 %."""
    return f"{100 * share:+.{digits}f} %"


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    """Names and values of nested mappings, one below the other."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}: ")
        else:
            yield f"{prefix}{name}", value
