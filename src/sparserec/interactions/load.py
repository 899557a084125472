"""`load`: a path or a frame in, a Dataset out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from sparserec.errors import SparserecError, option
from sparserec.forks import start_threads
from sparserec.interactions.coding import Coded, natural_order, vocabulary
from sparserec.interactions.filters import kcore as keep_core
from sparserec.interactions.folders import Files, find_files
from sparserec.interactions.formats import BINARY, READERS, TEXT, format_of, format_of_text
from sparserec.interactions.request import Request
from sparserec.interactions.sources import Source, label_of, prepare, with_newlines
from sparserec.interactions.survey import survey
from sparserec.interactions.tally import Tally
from sparserec.interactions.types import Dataset, Interactions


def load(
    source: Any,
    *,
    user: str | int | None = None,
    item: str | int | None = None,
    timestamp: str | int | None = None,
    rating: str | int | None = None,
    header: bool | None = None,
    separator: str | None = None,
    encoding: str | None = None,
    where: str | None = None,
    missing: str | None = None,
    timestamps: bool | None = None,
    min_rating: float | Real | None = None,
    kcore: int = 0,
    format: str | None = None,
) -> Dataset:
    """Read interactions from a file, a folder, a frame or a sparse matrix.

    Args:
        source: a path: a table of text (.csv, .tsv, .dat, ...), LightGCN text (.txt), RecBole (.inter), Parquet, JSON
            (lines or an array), MatrixMarket (.mtx) or a SciPy .npz, also compressed (.gz, .zst); or a folder that
            holds train.* and perhaps test.* of one of these kinds (a valid.* beside them is read as part of train),
            or ratings.csv, or a single file of these kinds, or Parquet parts. Or a frame: pandas, Polars, Arrow, a
            DuckDB relation. Or a SciPy sparse matrix of users and items.
        user, item, timestamp, rating: columns by name, or by number from 1; where left out, common names are found by
            themselves.
        header: False for a table without a line of column names, whose columns are given by number.
        separator: what stands between the fields of a table; found from its first lines when None.
        encoding: of text, a name that Python knows; UTF-8 when None.
        where: a condition in SQL on the columns; other rows are left out.
        missing: "error" (when None) refuses rows without an id; "drop" leaves them out; "text" takes words such as NA
            and null for ids.
        timestamps: False leaves them out.
        min_rating: keep only interactions rated at least this; needs a rating column.
        kcore: remove users and items with fewer than this many interactions, repeatedly.
        format: lightgcn, delimited, recbole, parquet, json, mtx or npz, where the name of the file does not tell.

    Raises:
        SparserecError: anything wrong with the source, the columns, a line or an argument, in one sentence.
    """
    given = {name: value for name, value in locals().items() if name != "source"}
    request = Request.checked(**given)
    if request.format is not None and request.format not in READERS:
        raise SparserecError(f"unknown format {request.format!r}; format must be one of {', '.join(READERS)}")
    start_threads()
    if not isinstance(source, str | os.PathLike):
        from sparserec.interactions.frames import read_memory

        coded, label = read_memory(source, request)
        return _dataset([coded], None, label, label, request)
    path = Path(source)
    files = find_files(path, request.format)
    if files.test is not None and request.kcore > 0:
        raise SparserecError(
            f"{option('kcore', request.kcore)} cannot be used with a given test file ({label_of(files.test)}), "
            "since it would change what that file asks; leave it out, or load the training file alone"
        )
    with ExitStack() as stack:
        parts, test = _read(files, request, stack)
        return replace(_dataset(parts, test, os.fspath(path), label_of(path), request), from_path=True)


def _read(files: Files, request: Request, stack: ExitStack) -> tuple[list[Coded], Coded | None]:
    """All files, those to train on first; `stack` holds what must be there until messages are made."""
    paths = [*files.train, *([files.test] if files.test else [])]
    kinds = [format_of(path.name, label_of(path), request) for path in paths]
    sources = []
    for path, kind in zip(paths, kinds, strict=True):
        encoding = None if kind in BINARY else request.encoding
        sources.append(prepare(path, encoding, stack, (files.constants or {}).get(path, ()), text=kind not in BINARY))
    texts = [source for source, kind in zip(sources, kinds, strict=True) if kind == TEXT]
    text_kind = format_of_text(texts, request) if texts else ""
    kinds = [text_kind if kind == TEXT else kind for kind in kinds]
    sources = [_with_lines(*pair, stack) for pair in zip(sources, kinds, strict=True)]
    coded = [READERS[kind](source, request) for source, kind in zip(sources, kinds, strict=True)]
    return (coded[:-1], coded[-1]) if files.test else (coded, None)


def _dataset(parts: list[Coded], test: Coded | None, source: str, label: str, request: Request) -> Dataset:
    """The files brought together, filtered, and what there is to say about them."""
    tally = Tally.total(part.tally for part in parts)
    if test is not None:
        tally = tally.with_hints(*(f"the test part: {sentence}" for sentence in test.tally.sentences()))
    untimed = _untimed(parts)
    if untimed:
        parts[:] = [replace(part, timestamps=None) for part in parts]
    first = parts[0].label
    interactions, given = _assemble(parts, test)
    full = interactions.nnz
    if request.kcore > 0:
        interactions = keep_core(interactions, request.kcore)
    if interactions.nnz == 0:
        filters = {"where": request.where, "min_rating": request.min_rating, "kcore": request.kcore or None}
        used = " and ".join(option(name, value) for name, value in filters.items() if value is not None)
        left = (
            f"no interactions are left after {used}; {'change' if request.where else 'lower'} it"
            if used
            else "there are no interactions in it"
        )
        raise SparserecError(f"{first}: {left}")
    tally = replace(tally, core=full - interactions.nnz, repeated=interactions.duplicates)
    timed = interactions.timestamps is not None
    return Dataset(interactions, given, source, timed, request.given(), tally, untimed)


def _untimed(parts: list[Coded]) -> str:
    """Why the files together have no timestamps though one of them has; the others bring none along."""
    rows = [part for part in parts if len(part.users)]
    timed = [part for part in rows if part.timestamps is not None]
    why = next((part.untimed for part in rows if part.untimed), "")
    if why or not timed:
        return why or next((part.untimed for part in parts if part.untimed), "")
    without = next((part for part in rows if part.timestamps is None), None)
    if without is not None:
        return f"{without.label}: has no timestamps, and {timed[0].label} has; they are needed in both"
    other = next((part for part in timed if part.dated != timed[0].dated), None)
    if other is not None:
        dates, numbers = (other, timed[0]) if other.dated else (timed[0], other)
        return f"timestamps are dates in {dates.label} and numbers in {numbers.label}; they must be alike"
    return ""


def _assemble(train: list[Coded], test: Coded | None) -> tuple[Interactions, Interactions | None]:
    """Bring the files to the vocabularies of the training files.

    A test file decides nothing: items that it alone has would be rows of every table and a part of its budget. In its
    own vocabulary they stand behind the others.

    Empties `train`, so that the codes are freed once the keys exist.
    """
    source = train[0].label
    user_ids = _merge([part.user_ids for part in train])
    item_ids = _merge([part.item_ids for part in train])
    users, items = vocabulary(user_ids), vocabulary(item_ids)

    def keys_of(part: Coded) -> np.ndarray:
        to_user, to_item = _positions(part.user_ids, user_ids), _positions(part.item_ids, item_ids)
        keys = to_user.astype(np.int64)[part.users]
        keys *= max(len(items), 1)
        keys += to_item[part.items]
        return keys

    keys, times = [], []
    while train:
        part = train.pop(0)
        keys.append(keys_of(part))
        if len(part.users):
            times.append(part.timestamps)
        del part
    if not times or any(t is None for t in times):
        joined = None
    else:
        joined = times.pop() if len(times) == 1 else np.concatenate(times)
    interactions = Interactions.of_keys(keys.pop() if len(keys) == 1 else np.concatenate(keys), users, items, joined)
    return interactions, test and _given(test, user_ids, item_ids, interactions, source)


def _given(part: Coded, user_ids: pl.Series, item_ids: pl.Series, train: Interactions, source: str) -> Interactions:
    """A test file over the users of what is trained on and its items, behind which those stand that it alone has."""
    to_user, to_item = _positions(part.user_ids, user_ids), _positions(part.item_ids, item_ids)
    if (to_user < 0).any():
        unknown = np.flatnonzero(to_user < 0)
        name = part.user_ids[int(unknown[0])]
        raise SparserecError(
            f"{part.locate(name)}: test user {name!r} is not in {source}, so nothing is known to recommend from; "
            f"remove the lines of such users from {part.label} ({len(unknown)} of {len(part.user_ids)})"
        )
    items, new = train.items, to_item < 0
    if new.any():
        to_item = np.where(new, len(items) + np.cumsum(new) - 1, to_item)
        items = vocabulary(pl.concat([item_ids, part.item_ids.filter(pl.Series(new))]))
    return Interactions.of(to_user[part.users], to_item[part.items], train.users, items, part.timestamps)


def _merge(ids: Sequence[pl.Series]) -> pl.Series:
    """Distinct ids of several files, in natural order."""
    if len(ids) == 1:
        return ids[0]
    joined = pl.concat(list(ids)).unique()
    return joined.gather(natural_order(joined))


def _positions(names: pl.Series, among: pl.Series) -> np.ndarray:
    """(len(names),) int32 positions, -1 where a name is not among them."""
    known = pl.DataFrame({"id": among}).with_row_index("at")
    joined = pl.DataFrame({"id": names}).join(known, on="id", how="left", maintain_order="left")
    return joined["at"].cast(pl.Int32).fill_null(-1).to_numpy()


def _with_lines(source: Source, kind: str, stack: ExitStack) -> Source:
    """LightGCN text and JSON lines with ends that Polars knows: where carriage returns stand alone, a copy."""
    if kind != "lightgcn":
        return source
    with source.path.open("rb") as file:
        if not survey(file, b" ").bare_returns:
            return source
    return with_newlines(source, stack)
