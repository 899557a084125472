"""`load`: a path in, a Dataset out."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from sparserec.errors import SparserecError
from sparserec.forks import start_threads
from sparserec.interactions.coding import Coded, natural_order, vocabulary
from sparserec.interactions.columns import Columns
from sparserec.interactions.delimited import read_delimited
from sparserec.interactions.filters import kcore as keep_core
from sparserec.interactions.lightgcn import read_lightgcn
from sparserec.interactions.parquet import read_parquet
from sparserec.interactions.recbole import read_recbole
from sparserec.interactions.types import Dataset, Interactions

Reader = Callable[[Path, Columns], Coded]
FORMATS: dict[str, Reader] = {
    "lightgcn": read_lightgcn,
    "delimited": read_delimited,
    "recbole": read_recbole,
    "parquet": read_parquet,
}
SUFFIXES = {
    ".txt": "lightgcn",
    ".csv": "delimited",
    ".tsv": "delimited",
    ".inter": "recbole",
    ".parquet": "parquet",
    ".pq": "parquet",
}


def load(
    path: str | os.PathLike[str],
    *,
    user: str | None = None,
    item: str | None = None,
    timestamp: str | None = None,
    rating: str | None = None,
    min_rating: float | None = None,
    kcore: int = 0,
    format: str | None = None,
) -> Dataset:
    """Read interactions from a file or a folder.

    Args:
        path: a .txt (LightGCN), .csv, .tsv, .inter (RecBole) or .parquet file; or a folder that holds
            train.* and perhaps test.* of one of these kinds (a valid.* beside them is read as part of train),
            or ratings.csv, or a single .inter file, or a single file of these kinds.
        user, item, timestamp, rating: column names; where left out, common names are found by themselves.
        min_rating: keep only interactions rated at least this; needs a rating column.
        kcore: remove users and items with fewer than this many interactions, repeatedly.
        format: lightgcn, delimited, recbole or parquet, where the name of the file does not tell.

    Raises:
        SparserecError: anything wrong with the path, the columns, a line or an argument, in one sentence.
    """
    if isinstance(kcore, bool) or not isinstance(kcore, int) or kcore < 0:
        raise SparserecError(f"kcore must be an integer of at least 0, not {kcore!r}")
    if min_rating is not None and not (isinstance(min_rating, int | float) and np.isfinite(min_rating)):
        raise SparserecError(f"min_rating must be a finite number, not {min_rating!r}")
    if format is not None and format not in FORMATS:
        raise SparserecError(f"unknown format {format!r}; format must be one of {', '.join(FORMATS)}")
    start_threads()
    train, test = _files(Path(path), format)
    if test is not None and kcore > 0:
        raise SparserecError(
            f"kcore={kcore} cannot be used with a given test file ({test}), since it would change what "
            "that file asks; leave kcore out, or load the training file alone"
        )
    read = FORMATS[format or _format_of(train[0])]
    columns = Columns(user, item, timestamp, rating, min_rating)
    parts = [read(file, columns) for file in train]
    tested = None if test is None else read(test, columns)
    interactions, given = _assemble(parts, tested)
    if kcore > 0:
        interactions = keep_core(interactions, kcore)
    if interactions.nnz == 0:
        filters = {"min_rating": min_rating, "kcore": kcore or None}
        used = " and ".join(f"{name}={value:g}" for name, value in filters.items() if value is not None)
        left = f"no interactions are left after {used}; lower it" if used else "there are no interactions in it"
        raise SparserecError(f"{train[0]}: {left}")
    options = {"user": user, "item": item, "timestamp": timestamp, "rating": rating, "min_rating": min_rating}
    options |= {"kcore": kcore or None, "format": format}
    reading = {name: value for name, value in options.items() if value is not None}
    return Dataset(interactions, given, os.fspath(path), interactions.timestamps is not None, reading)


def _assemble(train: list[Coded], test: Coded | None) -> tuple[Interactions, Interactions | None]:
    """Bring the files to common vocabularies: users of the training files, items of all files.

    Empties `train`, so that the codes are freed once the keys exist.
    """
    source = train[0].path
    user_ids = _merge([part.user_ids for part in train])
    item_ids = _merge([part.item_ids for part in (*train, *([test] if test else []))])
    users, items = vocabulary(user_ids), vocabulary(item_ids)

    def keys_of(part: Coded) -> np.ndarray:
        to_user, to_item = _positions(part.user_ids, user_ids), _positions(part.item_ids, item_ids)
        if (to_user < 0).any():
            unknown = np.flatnonzero(to_user < 0)
            name = part.user_ids[int(unknown[0])]
            raise SparserecError(
                f"{part.locate(name)}: test user {name!r} is not in {source}, so nothing is known to recommend from; "
                f"remove the lines of such users from {part.path} ({len(unknown)} of {len(part.user_ids)})"
            )
        keys = to_user.astype(np.int64)[part.users]
        keys *= max(len(items), 1)
        keys += to_item[part.items]
        return keys

    keys, times = [], []
    while train:
        part = train.pop(0)
        keys.append(keys_of(part))
        times.append(part.timestamps)
        del part
    joined = None if any(t is None for t in times) else (times.pop() if len(times) == 1 else np.concatenate(times))
    interactions = Interactions.of_keys(keys.pop() if len(keys) == 1 else np.concatenate(keys), users, items, joined)
    return interactions, test and Interactions.of_keys(keys_of(test), users, items, test.timestamps)


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


def _files(path: Path, format: str | None) -> tuple[list[Path], Path | None]:
    """The files to train on, and the given test file."""
    if not path.exists():
        raise SparserecError(f"{path}: no such file or folder")
    if path.is_file():
        return [path], None
    if not path.is_dir():
        raise SparserecError(f"{path}: neither a file nor a folder")
    readable = sorted(file for file in path.iterdir() if file.is_file() and file.suffix.lower() in SUFFIXES)
    if format is not None:
        readable = [file for file in readable if SUFFIXES[file.suffix.lower()] in (format, "lightgcn")]
    trains = [file for file in readable if file.stem == "train"]
    if len(trains) > 1:
        raise SparserecError(
            f"{path}: {' and '.join(f.name for f in trains)} could both be meant; give one file's path"
        )
    if trains:
        beside = {stem: trains[0].with_name(stem + trains[0].suffix) for stem in ("valid", "test")}
        test = beside["test"] if beside["test"] in readable else None
        return [*trains, *(f for f in (beside["valid"],) if f in readable)], test
    if path / "ratings.csv" in readable:
        return [path / "ratings.csv"], None
    inter = [file for file in readable if file.suffix == ".inter"]
    for choice in (inter, readable):
        if len(choice) == 1 and choice[0].stem != "test":
            return choice, None
    names = ", ".join(file.name for file in readable[:8]) or "none of these"
    raise SparserecError(
        f"{path}: the folder must hold train.txt (and test.txt), ratings.csv, or a single file of "
        f"{', '.join(SUFFIXES)}; found {names}"
    )


def _format_of(path: Path) -> str:
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise SparserecError(
            f"{path}: unknown format; the name must end in {', '.join(SUFFIXES)}; rename it, or in Python give "
            f"format= ({', '.join(FORMATS)})"
        )
    return kind
