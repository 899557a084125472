"""From a lazily scanned file to integer codes, without a Python string for each interaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from sparserec.errors import SparserecError
from sparserec.vocabulary import Vocabulary

MISSING = ("", "NaN", "nan")  # what an absent id looks like once something has written it as text
NUMBER = "numbers, such as seconds since 1970"


@dataclass(frozen=True)
class Coded:
    """The interactions of one file, ids replaced by codes.

    Args:
        users: (rows,) int32 codes into `user_ids`.
        items: (rows,) int32 codes into `item_ids`.
        timestamps: (rows,) int64, or None.
        user_ids: distinct ids, in natural order.
        item_ids: distinct ids, in natural order.
        path: the file.
        locate: where a user id first stands in the file, for messages, such as "test.txt:3".
    """

    users: np.ndarray
    items: np.ndarray
    timestamps: np.ndarray | None
    user_ids: pl.Series
    item_ids: pl.Series
    path: Path
    locate: Callable[[str], str]


@dataclass(frozen=True)
class Scan:
    """A file with columns, not yet read.

    Args:
        frame: columns user, item and, where wanted, timestamp and rating; text files add `overlong`, which is
            not null where a line has more fields than the header.
        names: what the file calls these columns, by role.
        path: the file.
        places: names the place of row numbers (ascending) for messages; None where a row is a blank line.
        explain: turns a failure to read into the sentence the user sees.
    """

    frame: pl.LazyFrame
    names: dict[str, str]
    path: Path
    places: Callable[[Sequence[int]], list[str | None]]
    explain: Callable[[Exception], SparserecError]

    def rows_where(self, condition: pl.Expr) -> list[int]:
        """Row numbers, ascending, at which a condition on the raw columns holds."""
        rows = self.frame.with_row_index("row").filter(condition).select("row").collect(engine="streaming")
        return sorted(rows["row"].to_list())

    def locate(self, role: str, name: str) -> str:
        """Place of the first row that has this id in this role."""
        rows = self.rows_where(pl.col(role).cast(pl.String) == name)[:1]
        return next((place for place in self.places(rows) if place), str(self.path))


def read_scan(scan: Scan, min_rating: float | None) -> Coded:
    """Collect a scan in streaming fashion as codes; check that ids, ratings and timestamps are there.

    Memory: 8 bytes an interaction (16 with timestamps) and the distinct ids; interactions below `min_rating`
    never leave the scan.
    """
    frame = scan.frame
    timed = "timestamp" in scan.names
    picks = [_category("user"), _category("item")]
    bad = pl.col("user").is_null() | pl.col("item").is_null()
    if timed:
        picks.append(_moment(frame.collect_schema()["timestamp"]).alias("timestamp"))
    if "overlong" in frame.collect_schema():
        picks.append(pl.col("overlong").is_not_null())
        bad |= pl.col("overlong")
    if min_rating is not None:
        rating = pl.col("rating").cast(pl.Float64, strict=False)
        picks.append(pl.when(rating.is_finite()).then(rating >= min_rating).alias("liked"))
        bad |= pl.col("liked").is_null() | pl.col("liked")
    try:
        table = frame.select(picks)
        table = (table if min_rating is None else table.filter(bad)).collect(engine="streaming")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise scan.explain(error) from error
    _check(scan, table)
    # Columns are taken out one by one, so that each is freed as soon as its codes exist.
    users, user_ids = encode(table.drop_in_place("user"))
    items, item_ids = encode(table.drop_in_place("item"))
    times = table.drop_in_place("timestamp").fill_null(0).to_numpy() if timed else None
    present = (users >= 0) & (items >= 0)
    if not present.all():  # blank lines; `_check` has refused everything else
        users, items, times = users[present], items[present], None if times is None else times[present]
    return Coded(users, items, times, user_ids, item_ids, scan.path, lambda name: scan.locate("user", name))


def encode(column: pl.Series) -> tuple[np.ndarray, pl.Series]:
    """Codes of a categorical column, and the distinct ids they stand for, in natural order.

    Natural order: ids written in digits first, by their number, then all others by their UTF-8 bytes. It is a
    total order of the ids themselves: neither the order of the rows nor the presence of other ids changes it.

    Returns:
        codes (rows,) int32, -1 where the id is missing; ids (String series).
    """
    present = column.unique().drop_nulls()
    present = present.filter(~present.cast(pl.String).is_in(MISSING))
    order = natural_order(present.cast(pl.String))
    physical = present.to_physical().gather(order).to_numpy()
    top = column.to_physical().max()
    last = 0 if top is None else int(top) + 1  # type: ignore[arg-type]
    lookup = np.full(last + 1, -1, dtype=np.int32)
    lookup[physical] = np.arange(len(physical), dtype=np.int32)
    codes = lookup[column.to_physical().fill_null(last).to_numpy()]
    return codes, present.cast(pl.String).gather(order)


def natural_order(names: pl.Series) -> pl.Series:
    """Positions that sort distinct ids: by number where written in digits alone, then by UTF-8 bytes."""
    name = pl.col("name")
    digits = name.str.contains("^[0-9]+$")
    number = pl.when(digits).then(name.str.strip_chars_start("0")).otherwise(pl.lit(""))
    keys = [~digits, number.str.len_bytes(), number, name]  # of equal length, digits sort as numbers
    return pl.DataFrame({"name": names}).select(pl.arg_sort_by(keys)).to_series()


def vocabulary(ids: pl.Series) -> Vocabulary:
    """Pack a String series of distinct ids, in its order."""
    packed = ids.rechunk().to_arrow()
    _, offsets, blob = packed.buffers()
    starts = np.frombuffer(offsets, dtype=np.int64, count=packed.offset + len(packed) + 1)[packed.offset :]
    data = np.frombuffer(blob, dtype=np.uint8) if blob is not None else np.zeros(0, dtype=np.uint8)
    return Vocabulary(data[starts[0] : starts[-1]].copy(), starts - starts[0])


def _category(role: str) -> pl.Expr:
    return pl.col(role).cast(pl.String).cast(pl.Categorical(pl.Categories.random()))


def _moment(kind: pl.DataType) -> pl.Expr:
    """Timestamps as int64: numbers rounded down, dates as microseconds since 1970; null where neither."""
    column = pl.col("timestamp")
    if kind.is_temporal():
        return column.cast(pl.Datetime("us"), strict=False).cast(pl.Int64)
    number = column.cast(pl.Float64, strict=False).floor().cast(pl.Int64, strict=False)
    return pl.coalesce(column.cast(pl.Int64, strict=False), number) if not kind.is_float() else number


def _check(scan: Scan, table: pl.DataFrame) -> None:
    """Refuse overlong lines, missing ids and what is not a number, naming the first place and the count."""
    if "overlong" in table.columns and table["overlong"].any():
        place, _ = _first(scan, pl.col("overlong").is_not_null())
        raise SparserecError(f"{place}: the line has more fields than the header; quote fields that hold the separator")
    for role in ("user", "item"):
        gaps = table[role].is_null().any()
        written = table[role].unique().cast(pl.String).is_in(MISSING).any()
        if gaps or written:
            text = pl.col(role).cast(pl.String)
            place, count = _first(scan, text.is_null() | text.is_in(MISSING))
            if count:
                raise SparserecError(
                    f"{place}: no {role} id in column {scan.names[role]!r} ({count} such in all); every row needs one"
                )
    if "liked" in table.columns and table["liked"].is_null().any():
        rating = pl.col("rating").cast(pl.Float64, strict=False)
        place, count = _first(scan, rating.is_finite().fill_null(False).not_())
        if count:
            raise SparserecError(
                f"{place}: column {scan.names['rating']!r} is not a number here ({count} such in all); "
                "min_rating needs a numeric rating in every row"
            )
    if "timestamp" in table.columns and table["timestamp"].null_count():
        moment = _moment(scan.frame.collect_schema()["timestamp"])
        place, count = _first(scan, moment.is_null())
        if count:
            raise SparserecError(
                f"{place}: column {scan.names['timestamp']!r} is not a timestamp here ({count} such in all); "
                f"timestamps must be {NUMBER}"
            )


def _first(scan: Scan, condition: pl.Expr) -> tuple[str, int]:
    """First place at which a condition holds, blank lines left out, and how many there are."""
    places = [place for place in scan.places(scan.rows_where(condition)) if place]
    return (places[0] if places else str(scan.path)), len(places)
