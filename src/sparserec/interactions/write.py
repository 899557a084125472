"""Writing a split to a folder that `load` reads again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import polars as pl

from sparserec.errors import SparserecError
from sparserec.files import filling, replacing
from sparserec.forks import start_threads
from sparserec.interactions.formats import LOOKED_AT, could_be_table
from sparserec.interactions.types import Interactions, Split

FORMATS = {"lightgcn": ".txt", "tsv": ".tsv"}
PARTS = ("train", "valid", "test")
CHUNK = 1_000_000  # interactions turned to text at a time, roughly


def write_split(split: Split, folder: str | os.PathLike[str], *, format: str = "auto") -> list[Path]:
    """Write train, valid and test to a folder; returns the paths written.

    LightGCN text (train.txt, ...) where every id is a non-negative integer, which keeps no timestamps; else
    tab-separated values (train.tsv, ...) with a header: user_id, item_id and timestamp where there are any. So also
    where all lines of the text would be of one length, as a table's are: `load` asks which it is then.
    A part without interactions gets no file, and an older file in its place is removed.

    `load` of the folder gives the test part as given and reads the validation part back into train, from
    which `split` with the same seed cuts the same validation again (given and random splits). Users without
    a training or validation interaction are kept by LightGCN text alone.

    Args:
        split: what to write.
        folder: made where it is missing; files of the same names are replaced.
        format: auto, lightgcn or tsv.

    Raises:
        SparserecError: an unknown format, ids that do not fit it, a folder that holds a split in the other
            format, or a failure to write. All files are written aside before the first takes its place.
    """
    start_threads()
    ids = {"user": _series(split.train.users.to_list()), "item": _series(split.test.items.to_list())}
    plain = all(names.str.contains("^(0|[1-9][0-9]{0,17})$").all() for names in ids.values())
    if format == "auto":
        format = "lightgcn" if plain and not _like_a_table(split) else "tsv"
    if format not in FORMATS:
        raise SparserecError(f"unknown format {format!r}; it must be auto, {' or '.join(FORMATS)}")
    if format == "lightgcn" and not plain:
        raise SparserecError("format='lightgcn' needs ids that are non-negative integers; use format='tsv'")
    target = Path(folder)
    for suffix in FORMATS.values():
        for part in PARTS:
            other = target / f"{part}{suffix}"
            if suffix != FORMATS[format] and other.exists():
                raise SparserecError(
                    f"{other}: the folder holds a split in another format; remove it or choose another folder"
                )
    parts = {target / f"{name}{FORMATS[format]}": getattr(split, name) for name in PARTS}
    written = [path for path, part in parts.items() if part.nnz]
    try:
        with filling(target), ExitStack() as stack:
            for path in written:
                aside = stack.enter_context(replacing(path))
                lines = _lightgcn if format == "lightgcn" else _tsv
                with aside.open("wb") as file:
                    for chunk in lines(parts[path], ids, everybody=path.stem == "train"):
                        file.write(chunk)
        for path in parts.keys() - set(written):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise SparserecError(f"cannot write {target}: {error.strerror or error}") from error
    return written


def _like_a_table(split: Split) -> bool:
    """Whether `load` would ask if the LightGCN text is a table."""
    counts = [np.diff(part.indptr) for part in (split.train, split.valid, split.test)]
    everybody = counts[0] if split.train.nnz else counts[0][:0]  # a part without interactions gets no file
    widths = np.concatenate([lines[:LOOKED_AT] for lines in (everybody, *(n[n > 0] for n in counts[1:]))]) + 1
    return could_be_table(np.unique(widths).tolist(), len(widths))


def _series(names: list[str]) -> pl.Series:
    return pl.Series("id", names, dtype=pl.String)


def _chunks(part: Interactions) -> Iterator[tuple[int, int]]:
    """Ranges of users with about CHUNK interactions each."""
    cuts = np.searchsorted(part.indptr, np.arange(CHUNK, part.nnz, CHUNK))
    edges = np.unique(np.concatenate(([0], cuts, [part.n_users])))
    return zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)


def _table(part: Interactions, ids: dict[str, pl.Series], first: int, last: int) -> pl.DataFrame:
    """Columns user_id, item_id and perhaps timestamp of the users first to last - 1."""
    span = slice(int(part.indptr[first]), int(part.indptr[last]))
    rows = np.repeat(np.arange(first, last), np.diff(part.indptr[first : last + 1]))
    table = {"user_id": ids["user"].gather(rows), "item_id": ids["item"].gather(part.indices[span])}
    if part.timestamps is not None:
        table["timestamp"] = pl.Series(part.timestamps[span])
    return pl.DataFrame(table)


def _lightgcn(part: Interactions, ids: dict[str, pl.Series], *, everybody: bool) -> Iterator[bytes]:
    """A line a user; users without an interaction only where `everybody` is to be named."""
    for first, last in _chunks(part):
        items = _table(part, ids, first, last).group_by("user_id").agg(pl.col("item_id").str.join(" "))
        users = pl.DataFrame({"user_id": ids["user"].slice(first, last - first)})
        lines = users.join(items, on="user_id", how="left" if everybody else "inner", maintain_order="left")
        text = lines.select(pl.concat_str("user_id", "item_id", separator=" ", ignore_nulls=True)).to_series()
        if len(text):
            yield ("\n".join(text.to_list()) + "\n").encode()


def _tsv(part: Interactions, ids: dict[str, pl.Series], *, everybody: bool) -> Iterator[bytes]:
    """A line an interaction, ids in quotes; `everybody` cannot be honoured."""
    for number, (first, last) in enumerate(_chunks(part)):
        table = _table(part, ids, first, last)
        text = table.write_csv(separator="\t", quote_style="non_numeric", include_header=number == 0)
        yield text.encode()
