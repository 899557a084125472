"""Lists of keys and codes, one after another: a sparse table by row, and the same by column."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from sparserec.artefact.reader import DecodedTable
from sparserec.spans import spans

BLOCK = 1 << 12
"""Values that are moved at a time while lists are made, so that what is only needed meanwhile stays small."""
SHORT = 64
"""Values a list, on average, below which lists are gathered value by value."""
FEW = 1 << 8
"""One in so many codes at most may be wide where the others are stored narrow."""
LEAST = -128
"""The int8 that stands for a wide code."""


class Lists:
    """Keys and codes in lists one after another.

    Keys never go beyond an int32: what NumPy takes as indices on 32-bit machines too.

    Args:
        keys: (nnz,) unsigned, or int32 where a key needs it.
        codes: (nnz,) int8, int16, int32, float16 or float32.
        starts: (lists + 1,) integers; list `i` is from `starts[i]` to `starts[i + 1]`, exclusive.
        wide: codes that do not fit; in their places is `LEAST`.
    """

    def __init__(self, keys: np.ndarray, codes: np.ndarray, starts: np.ndarray, wide: Wide | None = None):
        self.keys, self.codes, self.starts, self.wide = keys, codes, starts, wide

    @property
    def nbytes(self) -> int:
        """Memory in bytes."""
        wide = 0 if self.wide is None else self.wide.where.nbytes + self.wide.codes.nbytes
        return self.keys.nbytes + self.codes.nbytes + self.starts.nbytes + wide

    def stored(self, first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Keys and codes (values,) of the slices from `first` (m,) to `last` (m,), one after another.

        Where a code is wide, another is in its place: `multiply` and `of` know.
        """
        keys, codes = joined((self.keys, self.codes), first, last)
        return keys, codes if codes.dtype != np.float16 else codes.astype(np.float32)

    def multiply(self, numbers: np.ndarray, codes: np.ndarray, first: np.ndarray, last: np.ndarray) -> None:
        """Multiply numbers (values,) float64, in place, with the codes of slices that are `stored` as `codes`."""
        if self.wide is None:
            numbers *= codes
            return
        places = (codes == self.wide.least).nonzero()[0]
        exact = numbers.take(places)
        numbers *= codes
        if len(places):
            exact *= self.wide.at(places, first, last)
            numbers[places] = exact

    def slices(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where lists (m,) begin and where they end."""
        return self.starts[:-1].take(chosen), self.starts[1:].take(chosen)

    def of(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Keys and codes (values,) of lists (m,), one after another, and the lengths of the lists (m,)."""
        first, last = self.slices(chosen)
        keys, codes = self.stored(first, last)
        if self.wide is not None:
            places = np.flatnonzero(codes == self.wide.least)
            if len(places):
                codes = codes.astype(np.int32)
                codes[places] = self.wide.at(places, first, last)
        return keys, codes, last - first

    def arranged(self, order: np.ndarray) -> Lists:
        """The same lists in the order of their numbers (lists,)."""
        keys, codes, starts = np.empty_like(self.keys), np.empty_like(self.codes), np.zeros_like(self.starts)
        self._arrange(order, (self.keys, self.codes), (keys, codes), starts)
        return Lists(keys, codes, starts, self._moved(order, starts))

    def _arrange(self, order: np.ndarray, old: tuple[np.ndarray, ...], new: tuple[np.ndarray, ...], starts: np.ndarray):
        """Fill new arrays (nnz,) and starts with the lists of the old ones."""
        end = 0
        for place, chosen in blocks(self, order):
            first, last = self.slices(chosen)
            begin = end
            np.cumsum(last - first, out=starts[place + 1 : place + 1 + len(chosen)])
            starts[place + 1 : place + 1 + len(chosen)] += begin
            end = int(starts[place + len(chosen)])
            for array, part in zip(new, joined(old, first, last), strict=True):
                array[begin:end] = part

    def _moved(self, order: np.ndarray, starts: np.ndarray) -> Wide | None:
        """The wide codes once the lists are in another order."""
        if self.wide is None:
            return None
        lists = self.starts.searchsorted(self.wide.where, side="right") - 1
        places = np.empty(len(order), dtype=order.dtype)
        places[order] = np.arange(len(order), dtype=order.dtype)
        where = starts[:-1].take(places[lists]) + (self.wide.where - self.starts[lists])
        sort = np.argsort(where)
        return Wide(where[sort], self.wide.codes[sort], self.wide.least)


class Packed(Lists):
    """Lists whose keys and codes are 16 bits together, the key in the lower ones.

    Args:
        pairs: (nnz,) uint16.
        bits: of a key.
        odd: whether codes are odd; their lowest bit is not stored then.
        starts: as for `Lists`.
        wide: codes that do not fit; in their places is the least one that does.
    """

    def __init__(self, pairs: np.ndarray, bits: int, odd: bool, starts: np.ndarray, wide: Wide | None):
        super().__init__(pairs, pairs[:0], starts, wide)
        self._bits, self._odd = bits, odd
        self._mask, self._shift = np.uint16((1 << bits) - 1), bits - odd

    def stored(self, first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As for `Lists`."""
        (pairs,) = joined((self.keys,), first, last)
        codes = pairs.view(np.int16) >> self._shift
        if self._odd:
            codes |= 1
        return pairs & self._mask, codes

    def arranged(self, order: np.ndarray) -> Lists:
        """As for `Lists`."""
        pairs, starts = np.empty_like(self.keys), np.zeros_like(self.starts)
        self._arrange(order, (self.keys,), (pairs,), starts)
        return Packed(pairs, self._bits, self._odd, starts, self._moved(order, starts))


class Wide:
    """The few codes that are too wide for the type of the others.

    Args:
        where: (m,) integers, ascending, which values they are.
        codes: (m,) int32.
        least: the code that is in their places.
    """

    def __init__(self, where: np.ndarray, codes: np.ndarray, least: int):
        self.where, self.codes, self.least = where, codes, least

    def at(self, places: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        """The codes (m,) at places (m,) among the values of slices, one after another, where they are wide."""
        ends = (last - first).cumsum()
        slices = ends.searchsorted(places, side="right")
        return self.codes.take(self.where.searchsorted(last[slices] - ends[slices] + places))


def joined(arrays: tuple[np.ndarray, ...], first: np.ndarray, last: np.ndarray) -> list[np.ndarray]:
    """Of each array (nnz,), the slices from `first` (m,) to `last` (m,), one after another."""
    if int((last - first).sum()) < SHORT * len(first):
        where = spans(first, last)
        return [array.take(where) for array in arrays]
    out, slices = [], list(zip(first.tolist(), last.tolist(), strict=True))
    for array in arrays:
        # Joining bytes is the cheapest way to copy long slices: less for each slice than np.concatenate takes.
        data = array.view(f"i{array.itemsize}").data
        out.append(np.frombuffer(b"".join([data[a:b] for a, b in slices]), dtype=array.dtype))
    return out


def by_row(rows: DecodedTable, *, reuse: bool = False) -> Lists:
    """A list for each row of a sparse table, keys its columns, ascending.

    Args:
        rows: the table.
        reuse: make the lists in the memory of its columns where they fit; then the table can't be used afterwards.
    """
    assert rows.indptr is not None
    assert rows.columns is not None
    bits, odd = max((rows.dim - 1).bit_length(), 1), rows.odd
    # Room is for codes up to `most` and down to `least`, which itself stands for those that are wide.
    most = (1 << max(15 - bits, 0) + odd) - 1
    least = -most if odd else -most - 1
    wide = None if bits > 14 or rows.values.dtype.kind == "f" else _wide(rows.values, least, most)
    if wide is None:
        return Lists(rows.columns, rows.values, rows.indptr)
    reuse = reuse and rows.columns.dtype == np.uint16
    pairs = rows.columns if reuse else np.empty(len(rows.columns), dtype=np.uint16)
    for first in range(0, len(pairs), BLOCK):
        codes = rows.values[first : first + BLOCK].astype(np.int32)
        codes[_beyond(codes, least, most)] = least
        pairs[first : first + BLOCK] = ((codes >> odd) << bits & 0xFFFF) | rows.columns[first : first + BLOCK]
    return Packed(pairs, bits, odd, rows.indptr, wide)


def by_column(rows: Lists, dim: int) -> Lists:
    """A list for each column of a table in lists by row; keys are the numbers of these lists, ascending."""
    n = len(rows.starts) - 1
    starts = np.zeros(dim + 1, dtype=np.intp)
    np.cumsum(counts(rows, n, dim), out=starts[1:])
    nnz, kind = int(starts[-1]), _kind(rows)
    keys = np.empty(nnz, dtype=np.uint16 if n <= 1 << 16 else np.int32)
    codes = np.empty(nnz, dtype=kind)
    wide_at, wide_codes = [np.zeros(0, dtype=np.intp)], [np.zeros(0, dtype=np.int32)]
    free = starts[:-1].copy()  # where the next value of each column goes
    for _, chosen in blocks(rows):
        columns, of_rows, lengths = rows.of(chosen)
        numbers = chosen.astype(keys.dtype).repeat(lengths)
        sort = np.argsort(columns, kind="stable")
        of_each = np.bincount(columns, minlength=dim)
        moved = free - of_each.cumsum() + of_each
        where = moved.take(columns[sort]) + np.arange(len(sort), dtype=np.intp)
        keys[where], sorted_codes = numbers[sort], of_rows[sort]
        if codes.dtype == np.int8:
            beyond = np.flatnonzero(_beyond(sorted_codes, LEAST, -LEAST - 1))
            if len(beyond):
                wide_at.append(where[beyond])
                wide_codes.append(sorted_codes[beyond].astype(np.int32))
                sorted_codes[beyond] = LEAST
        codes[where] = sorted_codes
        free += of_each
    at, wide = np.concatenate(wide_at), np.concatenate(wide_codes)
    sort = np.argsort(at)
    return Lists(keys, codes, starts, Wide(at[sort], wide[sort], LEAST) if len(at) else None)


def norms(rows: Lists, below: int) -> np.ndarray:
    """Length of each row's codes in the columns below one, as a vector, (n,) float32, never below the true one."""
    n = len(rows.starts) - 1
    out = np.empty(n, dtype=np.float32)
    for first, chosen in blocks(rows):
        columns, codes, lengths = rows.of(chosen)
        squares = codes.astype(np.float64)
        squares *= squares
        squares[columns >= below] = 0
        # Every row has a value, so no two starts are equal.
        out[first : first + len(chosen)] = np.sqrt(np.add.reduceat(squares, lengths.cumsum() - lengths)) * (1 + 1e-6)
    return out


def counts(rows: Lists, first: int, dim: int) -> np.ndarray:
    """How often each key from 0 to dim - 1 is in the first lists, (dim,) intp."""
    occurrences = np.zeros(dim, dtype=np.intp)
    for _, part in blocks(rows, range(first)):
        occurrences += np.bincount(rows.of(part)[0], minlength=dim)
    return occurrences


def blocks(lists: Lists, order: np.ndarray | range | None = None) -> Iterator[tuple[int, np.ndarray]]:
    """Lists in blocks of about `BLOCK` values, at least one list each.

    Args:
        lists: the lists.
        order: (m,) integers or a range, which of them, one after another; all when not given.

    Yields:
        how many lists came before the block, and the numbers (lists of the block,) of its own.
    """
    order = range(len(lists.starts) - 1) if order is None else order
    for first in range(0, len(order), BLOCK):
        chosen = np.asarray(order[first : first + BLOCK])
        begin, end = lists.slices(chosen)
        ends = (end - begin).cumsum()
        cuts = np.searchsorted(ends, np.arange(BLOCK, int(ends[-1]), BLOCK))
        cuts = [0, *np.unique(cuts[cuts > 0]).tolist(), len(chosen)]
        for a, b in itertools.pairwise(cuts):
            yield first + a, chosen[a:b]


def _kind(rows: Lists) -> np.dtype:
    """The narrowest type of codes that most of a table fit."""
    if rows.codes.dtype.kind == "f":
        return np.dtype(np.float32)
    beyond, most = 0, 0
    for _, chosen in blocks(rows):
        codes = rows.of(chosen)[1]
        beyond += np.count_nonzero(_beyond(codes, LEAST, -LEAST - 1))
        most = max(most, int(codes.max()), -int(codes.min()))
    if FEW * beyond <= int(rows.starts[-1]):
        return np.dtype(np.int8)
    return np.dtype(np.int16 if most < 1 << 15 else np.int32)


def _wide(codes: np.ndarray, least: int, most: int) -> Wide | None:
    """The codes (nnz,) that are not above `least` and up to `most`; None when these are not few."""
    places = [np.zeros(0, dtype=np.intp)]
    for first in range(0, len(codes), BLOCK):
        beyond = np.flatnonzero(_beyond(codes[first : first + BLOCK], least, most))
        if len(beyond):
            places.append(beyond + first)
    where = np.concatenate(places)
    return None if FEW * len(where) > len(codes) else Wide(where, codes[where].astype(np.int32), least)


def _beyond(codes: np.ndarray, least: int, most: int) -> np.ndarray:
    return (codes > most) | (codes <= least)
