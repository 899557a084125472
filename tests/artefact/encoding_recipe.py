"""The recipe "add a tensor encoding" as CONTRIBUTING.md has it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sparserec.artefact import CODECS

ROOT = Path(__file__).resolve().parents[2]
HEADING = "Add a tensor encoding"


def block(language: str) -> str:
    """The block of code in a language under the heading in CONTRIBUTING.md."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = re.split(rf"^#+ {HEADING}$", text, maxsplit=1, flags=re.MULTILINE)[1]
    section = re.split(r"^#+ ", section, maxsplit=1, flags=re.MULTILINE)[0]
    (code,) = re.findall(rf"^```{language}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return code


@contextmanager
def added() -> Iterator[str]:
    """The name of the encoding of the recipe, which is in the table meanwhile."""
    before = dict(CODECS)
    exec(compile(block("python"), "CONTRIBUTING.md", "exec"), {})  # the project's own page
    try:
        (name,) = set(CODECS) - set(before)
        yield name
    finally:
        CODECS.clear()
        CODECS.update(before)
