"""LightGCN text: a line a user, the user id and then the item ids, non-negative integers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from sparserec.errors import SparserecError
from sparserec.interactions.coding import Coded, encode
from sparserec.interactions.columns import Columns
from sparserec.interactions.text import not_utf8, open_binary


def read_lightgcn(path: Path, columns: Columns) -> Coded:
    """Read one file. A user alone on a line is known, with no interaction; blank lines are passed over.

    Ids are kept as written, so "7" and "007" are two ids.

    Raises:
        SparserecError: columns or a minimum rating were asked for, or a line holds anything else than
            non-negative integers; the sentence names file and line.
    """
    if columns.named() or columns.min_rating is not None:
        asked = ", ".join([f"{role}=" for role in columns.named()] or ["min_rating="])
        raise SparserecError(f"{path}: LightGCN text has no columns or ratings; leave out {asked} or give format=")
    open_binary(path).close()
    line = pl.col("line").str.replace_all("\t", " ", literal=True).str.strip_chars()
    fields = line.str.split(" ").list.filter(pl.element() != "")
    ids = pl.Categorical(pl.Categories.random()), pl.Categorical(pl.Categories.random())
    user = fields.list.get(0, null_on_oob=True).cast(ids[0]).alias("user")
    item = fields.list.slice(1).alias("item")
    table = (
        pl.scan_lines(path, glob=False)
        .select(user, item)
        .explode("item", empty_as_null=True)  # a user alone keeps one row, without an item
        .select("user", pl.col("item").cast(ids[1]))
    )
    try:
        table = table.collect(engine="streaming")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _bad_line(path) or SparserecError(f"{path}: cannot be read: {error}") from error
    for name in ("user", "item"):
        written = table[name].unique().drop_nulls().cast(pl.String)
        if not written.str.contains("^[0-9]+$").all():
            raise _bad_line(path) or SparserecError(f"{path}: ids must be non-negative integers")
    (users, user_ids), (items, item_ids) = encode(table["user"]), encode(table["item"])
    paired = items >= 0
    return Coded(
        users[paired].astype(np.int32),
        items[paired],
        None,
        user_ids,
        item_ids,
        path,
        lambda name: _locate(path, name),
    )


def _bad_line(path: Path) -> SparserecError | None:
    """The first line that breaks the format; slow, for messages only."""
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            try:
                fields = raw.decode().split()
            except UnicodeDecodeError:
                return not_utf8(path, number)
            for field in fields:
                if not (field.isascii() and field.isdigit()):
                    return SparserecError(
                        f"{path}:{number}: {field[:40]!r} is not a non-negative integer; a LightGCN line "
                        "holds a user id and then item ids, blanks between them (a table with a header must end in "
                        ".csv or .tsv, or be read with format='delimited')"
                    )
    return None


def _locate(path: Path, name: str) -> str:
    with path.open("rb") as file:
        numbers = (number for number, raw in enumerate(file, 1) if raw.split()[:1] == [name.encode()])
        return f"{path}:{next(numbers, 1)}"
