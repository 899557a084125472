"""From a lazily scanned file to integer codes, without a Python string for each interaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from sparserec.errors import SparserecError, option
from sparserec.interactions.request import Request
from sparserec.interactions.tally import Tally
from sparserec.interactions.times import RIGHT, TEXTS, moment
from sparserec.vocabulary import Vocabulary

# What an absent id looks like once something has written it as text, in lower case where case says nothing.
WORDS = ("nan", "-nan", "null", "none", "n/a", "#n/a", "#na", "<na>", "nat", "#n/a n/a", "-1.#ind", "1.#qnan")
EXACT = ("NA", "\\N")
BLANK = " \t\n\r\x0b\x0c\xa0"
"""What an id may not be made of alone."""
PROBED = 1000
"""Values by which a column of times is judged."""


@dataclass(frozen=True)
class Coded:
    """The interactions of one file, ids replaced by codes.

    Args:
        users: (rows,) int32 codes into `user_ids`.
        items: (rows,) int32 codes into `item_ids`.
        timestamps: (rows,) int64, or None.
        user_ids: distinct ids, in natural order.
        item_ids: distinct ids, in natural order.
        label: the file, for messages.
        locate: where a user id first stands in the file, for messages, such as "test.txt:3".
        tally: what was left out.
        untimed: why there are no timestamps though there is a column of them; empty where there is no more to say.
        dated: whether the timestamps were written as dates, and not as numbers.
    """

    users: np.ndarray
    items: np.ndarray
    timestamps: np.ndarray | None
    user_ids: pl.Series
    item_ids: pl.Series
    label: str
    locate: Callable[[str], str]
    tally: Tally = field(default_factory=Tally)
    untimed: str = ""
    dated: bool = False


@dataclass(frozen=True)
class Scan:
    """A file with columns, not yet read.

    Args:
        frame: columns user, item and, where wanted, timestamp and rating; `chosen` (bool) where a condition chooses
            rows; text files add `overlong`, which is not null where a line has more fields than the header.
        names: what the file calls these columns, by role.
        label: the file, for messages.
        places: names the place of row numbers (ascending) for messages; None where a row is a blank line.
        explain: turns a failure to read into the sentence the user sees.
        blank: blank lines that are not among the rows.
        blanks: whether there may be blank lines among the rows.
        hints: sentences about what was read in another way than it stands there.
        untimed: why a column of timestamps is not in the frame.
    """

    frame: pl.LazyFrame
    names: dict[str, str]
    label: str
    places: Callable[[Sequence[int]], list[str | None]]
    explain: Callable[[Exception], SparserecError]
    blank: int = 0
    blanks: bool = False
    hints: tuple[str, ...] = ()
    untimed: str = ""

    def has(self, column: str) -> bool:
        """Whether the frame has a column."""
        return column in self.frame.collect_schema()

    def rows_where(self, condition: pl.Expr) -> list[int]:
        """Row numbers, ascending, at which a condition on the raw columns holds."""
        rows = self.frame.with_row_index("row").filter(condition).select("row").collect(engine="streaming")
        return sorted(rows["row"].to_list())

    def locate(self, role: str, name: str) -> str:
        """Place of the first row that has this id in this role."""
        rows = self.rows_where(pl.col(role).cast(pl.String) == name)[:1]
        return next((place for place in self.places(rows) if place), self.label)


def read_scan(scan: Scan, request: Request) -> Coded:
    """Collect a scan in streaming fashion as codes; check that ids and ratings are there.

    Timestamps that are none leave the whole file without: who needs them says so.

    Memory: 8 bytes an interaction (16 with timestamps) and the distinct ids; rows that the condition or the
    minimum rating leave out never leave the scan.
    """
    words = request.missing == "text"
    time, dated, untimed = _time(scan, request)
    table = _collect(scan, request, time)
    _refuse_overlong(scan, table)
    low, unread = _left_in_scan(scan, request)
    hints = list(scan.hints)
    if "unliked" in table.columns:
        hints += _about_ratings(int(table["unliked"].sum()), scan)
    if request.missing != "drop":
        _check(scan, table, request)
    # Columns are taken out one by one, so that each is freed as soon as its codes exist.
    (users, user_ids), (items, item_ids) = (encode(table.drop_in_place(role), words) for role in ("user", "item"))
    times = table.drop_in_place("timestamp") if "timestamp" in table.columns else None
    present = (users >= 0) & (items >= 0)
    named = int(np.count_nonzero(present))
    if "liked" in table.columns:
        present &= table["liked"].fill_null(False).to_numpy()
    unrated = named - int(np.count_nonzero(present))
    absent = len(present) - named + unrated
    blank = scan.blank
    if absent:  # blank lines, or what may be left out; `_check` has refused everything else
        here = np.flatnonzero(present)
        users, items = users[present], items[present]
        times = None if times is None else times.gather(here)
        users, user_ids = _used(users, user_ids)
        items, item_ids = _used(items, item_ids)
        blank += _blank_rows(scan, absent - unrated, request)
    if times is not None:
        untimed, times = (untimed or _untimed(scan, request, time), None) if times.null_count() else ("", times)
    if unrated:
        hints.append(
            f"{unrated:,} row{'s' * (unrated > 1)} without a number in column {scan.names['rating']!r} count"
            f"{'s' * (unrated == 1)} as rated lower than asked"
        )
    hints += _about_padding("user", user_ids) + _about_padding("item", item_ids)
    rows = len(present) + low + unread - (blank - scan.blank)
    left = {"missing": absent - unrated - (blank - scan.blank), "rating": low + unrated, "where": unread}
    return Coded(
        users,
        items,
        None if times is None else times.to_numpy(),
        user_ids,
        item_ids,
        scan.label,
        lambda name: scan.locate("user", name),
        Tally(rows=rows, blank=blank, hints=tuple(hints), **left),
        untimed,
        dated,
    )


def _time(scan: Scan, request: Request) -> tuple[pl.Expr | None, bool, str]:
    """The expression for timestamps, whether they are dates, and why there are none though there is a column."""
    if "timestamp" not in scan.names:
        return None, False, scan.untimed
    try:
        rows = scan.frame.filter(_counted(scan, request)).select("timestamp").drop_nulls().head(PROBED)
        sample = rows.collect(engine="streaming")["timestamp"]
    except (pl.exceptions.PolarsError, OSError) as error:
        raise scan.explain(error) from error
    kind = scan.frame.collect_schema()["timestamp"]
    found = moment(kind, sample)
    if found is not None:
        return *found, ""
    first = f", such as {str(sample[0])[:40]!r}" if len(sample) else ""
    why = f"{scan.label}: column {scan.names['timestamp']!r} holds no timestamps{first}; they must be {RIGHT}"
    # Where there is no value there may be no row either, and none of no rows is without a time.
    return (None if len(sample) else pl.lit(None, pl.Int64)), False, why


def _kept(scan: Scan, request: Request) -> pl.Expr:
    """Rows that the condition chooses."""
    return pl.col("chosen").fill_null(False) if scan.has("chosen") else pl.lit(True)


def _counted(scan: Scan, request: Request) -> pl.Expr:
    """Rows that become interactions, but for words that stand for no id."""
    counted = _kept(scan, request) & pl.col("user").is_not_null() & pl.col("item").is_not_null()
    if request.min_rating is not None:
        counted &= _liked(scan, request.min_rating).fill_null(False)
    return counted


def _rating(scan: Scan) -> pl.Expr:
    rating = pl.col("rating")
    if scan.frame.collect_schema()["rating"] in TEXTS:
        rating = rating.cast(pl.String).str.strip_chars()
    return rating.cast(pl.Float64, strict=False)


def _liked(scan: Scan, minimum: float) -> pl.Expr:
    """Whether a row is rated high enough; null where the rating is no number."""
    rating = _rating(scan)
    return pl.when(rating.is_finite()).then(rating >= minimum)


def _collect(scan: Scan, request: Request, time: pl.Expr | None) -> pl.DataFrame:
    """Read the columns, without the rows that filters leave out."""
    picks = [_category("user"), _category("item")]
    if time is not None:
        picks.append(time.alias("timestamp"))
    wanted = _kept(scan, request)
    if request.min_rating is not None:
        liked = _liked(scan, request.min_rating)
        picks.append(liked.alias("liked"))
        wanted &= pl.col("user").is_null() | pl.col("item").is_null() | liked.is_null() | liked
    elif "rating" in scan.names:
        picks.append((_rating(scan) <= 0).fill_null(False).alias("unliked"))
    if scan.has("overlong"):
        picks.append(pl.col("overlong").is_not_null())
        wanted |= pl.col("overlong").is_not_null()
    filtered = scan.has("chosen") or request.min_rating is not None
    try:
        return (scan.frame.filter(wanted) if filtered else scan.frame).select(picks).collect(engine="streaming")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise scan.explain(error) from error


def _left_in_scan(scan: Scan, request: Request) -> tuple[int, int]:
    """Rows rated too low and rows that the condition does not choose."""
    if not scan.has("chosen") and request.min_rating is None:
        return 0, 0
    kept = _kept(scan, request)
    low = pl.lit(False)
    if request.min_rating is not None:
        ids = pl.col("user").is_not_null() & pl.col("item").is_not_null()
        low = kept & ids & ~_liked(scan, request.min_rating).fill_null(True)
    unread = ~kept
    if scan.blanks:  # a blank line is chosen by no condition, and counted among the blank ones
        unread &= pl.col("user").is_not_null() | pl.col("item").is_not_null()
    counts = scan.frame.select(low=low.sum(), unread=unread.sum()).collect(engine="streaming")
    return int(counts["low"][0]), int(counts["unread"][0])


def _blank_rows(scan: Scan, absent: int, request: Request) -> int:
    """How many of the rows without ids are blank lines."""
    if not scan.blanks:
        return 0
    nothing = (pl.col(role).fill_null("") == "" for role in ("user", "item"))
    rows = scan.rows_where(pl.all_horizontal(_kept(scan, request), *nothing))
    return min(absent, sum(place is None for place in scan.places(rows)))


def _about_ratings(count: int, scan: Scan) -> list[str]:
    if not count:
        return []
    return [
        f"{count:,} rows have a rating of 0 or below in column {scan.names['rating']!r} and count as liked like all "
        f"others; {option('min_rating', 1)} would leave them out"
    ]


def _about_padding(role: str, ids: pl.Series) -> list[str]:
    padded = ids.filter(ids != ids.str.strip_chars(BLANK))
    if not len(padded):
        return []
    return [
        f"{len(padded):,} {role} ids begin or end with a blank, such as {padded[0]!r}; they are kept so, and are "
        "others than those without"
    ]


def _used(codes: np.ndarray, ids: pl.Series) -> tuple[np.ndarray, pl.Series]:
    """Codes over those ids alone that occur."""
    seen = np.zeros(len(ids), dtype=bool)
    seen[codes] = True
    if seen.all():
        return codes, ids
    rank = (np.cumsum(seen) - 1).astype(np.int32)
    return rank[codes], ids.filter(pl.Series(seen))


def is_missing(names: pl.Series, words: bool = False) -> pl.Series:
    """(n,) bool: which texts stand for no id; with `words` they are ids, all but the empty one."""
    if words:
        return names == ""
    bare = names.str.strip_chars(BLANK)
    return (bare == "") | bare.str.to_lowercase().is_in(WORDS) | bare.is_in(EXACT)


def encode(column: pl.Series, words: bool = False) -> tuple[np.ndarray, pl.Series]:
    """Codes of a categorical column, and the distinct ids they stand for, in natural order.

    Natural order: ids written in digits first, by their number, then all others by their UTF-8 bytes. It is a
    total order of the ids themselves: neither the order of the rows nor the presence of other ids changes it.

    Args:
        column: the column.
        words: as for `is_missing`.

    Returns:
        codes (rows,) int32, -1 where the id is missing; ids (String series).
    """
    present = column.unique().drop_nulls()
    present = present.filter(~is_missing(present.cast(pl.String), words))
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


def _refuse_overlong(scan: Scan, table: pl.DataFrame) -> None:
    if "overlong" in table.columns and table["overlong"].any():
        place, _ = _first(scan, pl.col("overlong").is_not_null())
        raise overlong(place)


def overlong(place: str) -> SparserecError:
    """The sentence for a line with too many fields."""
    return SparserecError(
        f"{place}: the line has more fields than the header; quote fields that hold the separator, or name another "
        f"with {option('separator')}"
    )


def _check(scan: Scan, table: pl.DataFrame, request: Request) -> None:
    """Refuse missing ids and ratings that are no numbers, naming the first place and the count."""
    words = request.missing == "text"
    kept = _kept(scan, request)
    for role in ("user", "item"):
        written = table[role].unique().cast(pl.String)
        if written.null_count() or is_missing(written.drop_nulls(), words).any():
            text = pl.col(role).cast(pl.String)
            written = written.drop_nulls()
            gaps = written.filter(is_missing(written, words)).implode()
            place, count = _first(scan, kept & (text.is_null() | text.is_in(gaps)))
            if count:
                raise SparserecError(_without_id(place, count, role, scan, gaps.explode().to_list()))
    if "liked" in table.columns and table["liked"].is_null().any():
        place, count = _first(scan, kept & _rating(scan).is_finite().fill_null(False).not_())
        if count:
            raise SparserecError(
                f"{place}: column {scan.names['rating']!r} is not a number here ({count} such in all); "
                f"{option('min_rating')} needs a numeric rating in every row; {option('missing', 'drop')} leaves out "
                "rows without"
            )


def _without_id(place: str, count: int, role: str, scan: Scan, written: list[str | None]) -> str:
    words = sorted(word for word in written if word and word.strip())
    ways = f"{option('missing', 'drop')} leaves such rows out"
    if words:
        listing = ", ".join(words[:4])
        ways += f", {option('missing', 'text')} keeps {listing} as {'ids' if len(words) > 1 else 'an id'}"
    return f"{place}: no {role} id in column {scan.names[role]!r} ({count} such in all); every row needs one: {ways}"


def _untimed(scan: Scan, request: Request, time: pl.Expr | None) -> str:
    """Why there are no timestamps: the first place where one is missing."""
    assert time is not None  # there was a column
    place, count = _first(scan, _counted(scan, request) & time.is_null())
    return (
        f"{place}: column {scan.names['timestamp']!r} is not a timestamp here ({count} such in all); timestamps must "
        f"be {RIGHT}, in every row"
    )


def _first(scan: Scan, condition: pl.Expr) -> tuple[str, int]:
    """First place at which a condition holds, blank lines left out, and how many there are."""
    places = [place for place in scan.places(scan.rows_where(condition)) if place]
    return (places[0] if places else scan.label), len(places)
