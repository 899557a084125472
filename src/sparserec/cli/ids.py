"""Ids of items as they are given on the command line."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sparserec.errors import SparserecError
from sparserec.files import read_bytes

if TYPE_CHECKING:
    from sparserec.device import Recommender

IDS_HELP = "Item ids, separated by commas; may be repeated. `\\,` is a comma in an id."
FILE_HELP = "A file of item ids, one a line, or a JSON list where its name ends in .json; - for standard input."

ESCAPED = re.compile(r"\\([\\, ])|(,)", re.DOTALL)
"""A sign that is part of an id, or a comma between two."""


def given_ids(model: Recommender, texts: Sequence[str] | None, file: Path | None = None) -> list[str] | None:
    """The ids of an option that may be repeated, and of the file beside it; None when neither was given.

    A text is split at its commas, and blanks around an id are left out. Where an id is unknown without its blanks, or a
    text is unknown in its pieces, but known as it stands, it is taken as it stands.
    """
    if texts is None and file is None:
        return None
    ids = [name for text in texts or () for name in _ids_of(model, text)]
    return ids + (ids_of_file(file) if file is not None else [])


def ids_of_file(file: Path) -> list[str]:
    """Ids of a file as they stand there: of a JSON list, else one a line, without empty lines."""
    text = _text_of(file)
    if file.suffix.lower() != ".json":
        return [line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n") if line.removesuffix("\r")]
    try:
        ids = json.loads(text)
    except (ValueError, RecursionError):
        ids = None
    if not isinstance(ids, list) or not all(
        isinstance(name, (str, int)) and not isinstance(name, bool) for name in ids
    ):
        raise SparserecError(f"{file}: not a JSON list of ids, which are texts or whole numbers")
    return [str(name) for name in ids]


def _text_of(file: Path) -> str:
    try:
        return (sys.stdin.buffer.read() if str(file) == "-" else read_bytes(file)).decode("utf-8")
    except UnicodeDecodeError:
        raise SparserecError(f"{file}: not text in UTF-8") from None


def _ids_of(model: Recommender, text: str) -> list[str]:
    pieces = [_as_known(model, raw) for raw in _split(text)]
    ids = [name for name in pieces if name]
    if not all(map(model.has_item, ids)) or not ids:
        for whole in (_unescaped(text), text):
            if model.has_item(whole):
                return [whole]
    return ids


def _split(text: str) -> list[str]:
    """The pieces of a text between its commas, escapes as they are."""
    cuts = [found.start() for found in ESCAPED.finditer(text) if found.group(2)]
    return [text[first + 1 : last] for first, last in zip([-1, *cuts], [*cuts, len(text)], strict=True)]


def _as_known(model: Recommender, raw: str) -> str:
    """A piece as an id: without the blanks around it, unless only with them it is known."""
    stripped, whole = _unescaped(_stripped(raw)), _unescaped(raw)
    return whole if not model.has_item(stripped) and model.has_item(whole) else stripped


def _stripped(raw: str) -> str:
    """A piece without blanks at its ends that no backslash keeps."""
    end = raw.rstrip()
    kept = end + raw[len(end) : len(end) + 1] if (len(end) - len(end.rstrip("\\"))) % 2 else end
    return kept.lstrip()


def _unescaped(text: str) -> str:
    return ESCAPED.sub(lambda found: found.group(1) or found.group(2), text)
