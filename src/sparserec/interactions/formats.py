"""Which reader a file needs, by its name and, for .txt, by its first lines."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Sequence
from itertools import islice

from sparserec.errors import SparserecError, option
from sparserec.interactions.coding import Coded
from sparserec.interactions.columns import is_usual
from sparserec.interactions.delimited import PLAIN, SEPARATORS, read_delimited
from sparserec.interactions.jsons import read_json
from sparserec.interactions.lightgcn import read_lightgcn
from sparserec.interactions.parquet import read_parquet
from sparserec.interactions.recbole import read_recbole
from sparserec.interactions.request import Request
from sparserec.interactions.sources import Source, bare_name, open_binary
from sparserec.interactions.text import leading_remarks


def _read_npz(source: Source, request: Request) -> Coded:
    from sparserec.interactions.matrices import read_npz

    return read_npz(source, request)


def _read_mtx(source: Source, request: Request) -> Coded:
    from sparserec.interactions.matrices import read_mtx

    return read_mtx(source, request)


Reader = Callable[[Source, Request], Coded]
READERS: dict[str, Reader] = {
    "lightgcn": read_lightgcn,
    "delimited": read_delimited,
    "recbole": read_recbole,
    "parquet": read_parquet,
    "json": read_json,
    "mtx": _read_mtx,
    "npz": _read_npz,
}
TEXT = "text"
"""Either LightGCN text or a table: the lines tell."""
SUFFIXES = {
    ".txt": TEXT,
    ".csv": "delimited",
    ".tsv": "delimited",
    ".inter": "recbole",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".dat": "delimited",
    ".data": "delimited",
    ".tab": "delimited",
    ".psv": "delimited",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".mtx": "mtx",
    ".npz": "npz",
}
BINARY = ("parquet", "npz")
LOOKED_AT = 1_000
"""Lines by which LightGCN text is told from a table of integers."""


def kind_of(name: str) -> str | None:
    """The format that a file's name says, `TEXT` among them; None for a name that says nothing."""
    return SUFFIXES.get(os.path.splitext(bare_name(name))[1])


def format_of(name: str, label: str, request: Request) -> str:
    """The format asked for, else the one that the name says.

    Raises:
        SparserecError: the name says nothing.
    """
    kind = request.format or kind_of(name)
    if kind is None and name.lower().endswith((".zip", ".tar", ".tgz", ".7z", ".rar", ".tar.gz")):
        raise SparserecError(f"{label}: is an archive; unpack it and give the file with the interactions")
    if kind is None:
        raise SparserecError(
            f"{label}: unknown format; the name must end in {', '.join(SUFFIXES)}, or say what it is with "
            f"{option('format')} ({', '.join(READERS)}), such as {option('format', 'delimited')} for a table of text"
        )
    return kind


def format_of_text(sources: Sequence[Source], request: Request) -> str:
    """LightGCN text or a table: what the lines of .txt files that belong together look like.

    Raises:
        SparserecError: they could be either.
    """
    if request.of_tables():
        return "delimited"
    widths: set[int] = set()
    repeats = lines = 0
    for source in sources:
        users: set[str] = set()
        first = list(_first(source))
        remarks = leading_remarks(first)
        if remarks and sum(map(is_usual, first[remarks - 1].split())) >= 2:
            return "delimited"  # a header that begins with #
        for line in first[remarks:]:
            fields = line.split()
            bare = "".join(fields)
            if bare and not (bare.isascii() and bare.isdigit()):
                return _table_or_lightgcn(sources[0])
            if fields:
                widths.add(len(fields))
                repeats += fields[0] in users
                users.add(fields[0])
                lines += 1
    several = lines > 1 and max(widths) > 2 and repeats * 3 >= lines
    # A line of LightGCN text holds all items of a user. Pairs mean the same either way.
    if several or could_be_table(widths, lines):
        width = max(widths)
        shape = f"all its lines hold {width} numbers" if len(widths) == 1 else "users start several lines"
        raise SparserecError(
            f"{sources[0].label}: could be a table or LightGCN text, a user and all their items a line ({shape}); say "
            f"which: {_without_header(width)}, or {option('format', 'lightgcn')}"
        )
    return "lightgcn"


def could_be_table(widths: Collection[int], lines: int) -> bool:
    """Whether lines of integers, by the numbers of their fields, could be a table as well as LightGCN text."""
    return lines > 1 and len(widths) == 1 and max(widths) > 2


def _without_header(width: int) -> str:
    roles = ("user", "item", "rating", "timestamp")[: width if width <= 4 else 2]
    asked = [option("header", False), *(option(role, number) for number, role in enumerate(roles, 1))]
    return (" " if asked[0].startswith("--") else ", ").join(asked)


def _table_or_lightgcn(source: Source) -> str:
    """Of text that is not all integers: a table where a separator cuts the first lines alike."""
    lines = [line for line in _first(source) if line.strip()]
    remarks = leading_remarks(lines)
    lines, above = lines[remarks : remarks + 20], lines[max(remarks - 1, 0) : remarks]
    for separator in (*SEPARATORS, PLAIN[0]):
        counts = {line.count(separator) for line in lines}
        if lines and len(counts) == 1 and 0 not in counts:
            return "delimited"
    named = any(is_usual(word) for line in (*above, *lines[:1]) for word in line.split())
    return "delimited" if named else "lightgcn"


def _first(source: Source):
    """The first lines, what is no UTF-8 in them replaced."""
    with open_binary(source) as file:
        for line in islice(file, LOOKED_AT):
            yield from re.split("\r\n?|\n", line.decode("utf-8-sig", "replace").rstrip("\r\n"))
