"""LightGCN text: a line a user, the user id and then the item ids, non-negative integers."""

from __future__ import annotations

from codecs import BOM_UTF8
from itertools import takewhile

import numpy as np
import polars as pl

from sparserec.errors import SparserecError, option
from sparserec.interactions.coding import Coded, encode
from sparserec.interactions.request import Request
from sparserec.interactions.sources import Source, not_utf8, open_binary
from sparserec.interactions.tally import Tally
from sparserec.interactions.text import MARKS, about_remarks


def read_lightgcn(source: Source, request: Request) -> Coded:
    """Read one file. A user alone on a line is known, with no interaction.

    Blank lines are passed over, and remarks before the first line: what begins with # or %, as in edge lists of SNAP.

    Ids are kept as written, so "7" and "007" are two ids.

    Raises:
        SparserecError: columns or a minimum rating were asked for, or a line holds anything else than
            non-negative integers; the sentence names file and line.
    """
    asked = [option(name) for name in request.of_tables()]
    if asked:
        raise SparserecError(
            f"{source.label}: LightGCN text has no columns or ratings; leave out {', '.join(asked)}, or say "
            f"{option('format', 'delimited')}"
        )
    line = pl.col("line")
    with open_binary(source) as file:
        if file.read(3) == BOM_UTF8:
            line = line.str.strip_prefix("\ufeff")
    line = line.str.replace_all("\t", " ", literal=True).str.strip_chars()
    fields = line.str.split(" ").list.filter(pl.element() != "")
    ids = pl.Categorical(pl.Categories.random()), pl.Categorical(pl.Categories.random())
    user = fields.list.get(0, null_on_oob=True).cast(ids[0]).alias("user")
    item = fields.list.slice(1).alias("item")
    first = _before_the_ids(source)
    remarks = [line for line in first if line.strip()]
    table = (
        pl.scan_lines(source.path, glob=False)
        .slice(len(first))
        .select(user, item)
        .explode("item", empty_as_null=True)  # a user alone keeps one row, without an item
        .select("user", pl.col("item").cast(ids[1]))
    )
    try:
        table = table.collect(engine="streaming")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _bad_line(source) or SparserecError(f"{source.label}: cannot be read: {error}") from error
    for name in ("user", "item"):
        written = table[name].unique().drop_nulls().cast(pl.String)
        if not written.str.contains("^[0-9]+$").all():
            raise _bad_line(source) or SparserecError(f"{source.label}: ids must be non-negative integers")
    (users, user_ids), (items, item_ids) = encode(table["user"]), encode(table["item"])
    paired = items >= 0
    return Coded(
        users[paired].astype(np.int32),
        items[paired],
        None,
        user_ids,
        item_ids,
        source.label,
        lambda name: _locate(source, name),
        Tally(rows=int(np.count_nonzero(paired)), hints=(about_remarks(source.label, remarks),) if remarks else ()),
    )


def _before_the_ids(source: Source) -> list[str]:
    """The first lines that are remarks or blank."""
    with open_binary(source) as file:
        lines = (line.decode("utf-8-sig", "replace").rstrip("\r\n") for line in file)
        return list(takewhile(lambda line: line.startswith(MARKS) or not line.strip(), lines))


def _bad_line(source: Source) -> SparserecError | None:
    """The first line that breaks the format; slow, for messages only."""
    first = len(_before_the_ids(source))
    with open_binary(source) as file:
        for number, raw in enumerate(file, 1):
            if number <= first:
                continue
            try:
                fields = raw.decode("utf-8-sig" if number == 1 else "utf-8").split()
            except UnicodeDecodeError:
                return not_utf8(source.label, number)
            for field in fields:
                if not (field.isascii() and field.isdigit()):
                    return SparserecError(
                        f"{source.label}:{number}: {field[:40]!r} is not a non-negative integer; a LightGCN line "
                        "holds a user id and then item ids, blanks between them (a table must end in .csv or .tsv, or "
                        f"be read with {option('format', 'delimited')})"
                    )
    return None


def _locate(source: Source, name: str) -> str:
    with open_binary(source) as file:
        wanted = name.encode()
        starts = (raw.removeprefix(BOM_UTF8).split()[:1] for raw in file)
        numbers = (number for number, fields in enumerate(starts, 1) if fields == [wanted])
        return f"{source.label}:{next(numbers, 1)}"
