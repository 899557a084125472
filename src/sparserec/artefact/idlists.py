"""Lists of ids as an open file keeps them: numbers, texts that share what they begin with, or just the rows."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from sparserec.vocabulary import Ids

MOST_NUMBER = (1 << 53) - 1
"""The largest id that is coded as a number: the largest up to which browsers count exactly."""
RESTART = 16
"""Texts from one that is stored in full to the next."""
DIGITS = len(str(MOST_NUMBER))


def number_of(name: str) -> int:
    """The number that an id is in digits, without leading zeros and `MOST_NUMBER` at most; -1 for any other id."""
    plain = name.isascii() and name.isdigit() and len(name) <= DIGITS and (name[0] != "0" or name == "0")
    number = int(name) if plain else -1
    return number if number <= MOST_NUMBER else -1


def place(name: bytes) -> tuple[int, int, bytes, bytes]:
    """Where an id stands in natural order: ids in digits first, by number; all others by their bytes.

    Equal numbers, of which all but one have leading zeros, go by their bytes.
    """
    if not name.isdigit():
        return 1, 0, b"", name
    number = name.lstrip(b"0")
    return 0, len(number), number, name


class NumberIds(Ids):
    """Ids that are numbers in digits.

    Args:
        numbers: (n,) uint32 or int64, strictly ascending from 0 or more.
    """

    def __init__(self, numbers: np.ndarray):
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def names(self, rows: np.ndarray) -> list[str]:
        """As for `Ids`."""
        return list(map(str, self._numbers.take(rows).tolist()))

    def find(self, names: Sequence[str]) -> np.ndarray:
        """As for `Ids`."""
        asked = np.fromiter(map(number_of, names), dtype=np.int64, count=len(names))
        # In the type of the numbers, which would all be converted otherwise.
        within = np.clip(asked, 0, int(self._numbers[-1])).astype(self._numbers.dtype)
        rows = self._numbers.searchsorted(within)
        return np.where(self._numbers.take(rows) == asked, rows, -1)


class RowNumbers(Ids):
    """The rows themselves, of a file without ids: row 0 is "0".

    Args:
        n: rows.
    """

    def __init__(self, n: int):
        self._n = n

    def __len__(self) -> int:
        return self._n

    def names(self, rows: np.ndarray) -> list[str]:
        """As for `Ids`."""
        return list(map(str, np.asarray(rows).tolist()))

    def find(self, names: Sequence[str]) -> np.ndarray:
        """As for `Ids`."""
        asked = np.fromiter(map(number_of, names), dtype=np.int64, count=len(names))
        return np.where(asked < self._n, asked, -1).astype(np.intp)


class SharedTexts(Ids):
    """Texts in natural order, as they are coded in the file; one is found without decoding others than its block.

    Args:
        data: what each text has that is not shared, one after another; UTF-8 once put together.
        shared: (n,) unsigned, how many bytes each begins with that the one before it begins with too; 0 for every
            `RESTART`-th.
        rest: (n,) unsigned, how many bytes of `data` follow.
    """

    def __init__(self, data: bytes, shared: np.ndarray, rest: np.ndarray):
        self._data, self._shared, self._rest = data, shared, rest
        ends = np.add.reduceat(rest, np.arange(0, len(rest), RESTART), dtype=np.int64).cumsum()
        kind = np.uint32 if len(data) < 1 << 32 else np.int64
        self._starts = np.concatenate(([0], ends[:-1])).astype(kind)

    def __len__(self) -> int:
        return len(self._rest)

    def blocks(self, first: int, last: int) -> list[bytes]:
        """The texts of the blocks from `first` to `last`, exclusive."""
        rows = slice(first * RESTART, last * RESTART)
        texts, text, at, data = [], b"", int(self._starts[first]), self._data
        for shared, rest in zip(self._shared[rows].tolist(), self._rest[rows].tolist(), strict=True):
            text = text[:shared] + data[at : at + rest]
            at += rest
            texts.append(text)
        return texts

    @property
    def n_blocks(self) -> int:
        """Blocks of texts."""
        return len(self._starts)

    def names(self, rows: np.ndarray) -> list[str]:
        """As for `Ids`."""
        names, known, texts = [], -1, []
        for row in np.asarray(rows).tolist():
            block = row // RESTART
            if block != known:
                known, texts = block, self.blocks(block, block + 1)
            names.append(texts[row % RESTART].decode())
        return names

    def find(self, names: Sequence[str]) -> np.ndarray:
        """As for `Ids`."""
        return np.array([self._find(name.encode("utf-8", "surrogatepass")) for name in names], dtype=np.intp)

    def _find(self, name: bytes) -> int:
        block = bisect_right(range(self.n_blocks), place(name), key=self._head) - 1
        texts = self.blocks(block, block + 1) if block >= 0 else []
        return block * RESTART + texts.index(name) if name in texts else -1

    def _head(self, block: int) -> tuple[int, int, bytes, bytes]:
        start = int(self._starts[block])
        return place(self._data[start : start + int(self._rest[block * RESTART])])


class NumbersThenTexts(Ids):
    """Ids of which the first are numbers.

    Args:
        numbers: the first.
        texts: all others.
    """

    def __init__(self, numbers: NumberIds, texts: Ids):
        self._numbers, self._texts = numbers, texts

    def __len__(self) -> int:
        return len(self._numbers) + len(self._texts)

    def names(self, rows: np.ndarray) -> list[str]:
        """As for `Ids`."""
        rows, border = np.asarray(rows), len(self._numbers)
        numbers, texts = self._numbers.names(rows[rows < border]), self._texts.names(rows[rows >= border] - border)
        each = {True: iter(numbers), False: iter(texts)}
        return [next(each[number]) for number in (rows < border).tolist()]

    def find(self, names: Sequence[str]) -> np.ndarray:
        """As for `Ids`."""
        rows = self._numbers.find(names)
        left = np.flatnonzero(rows < 0)
        found = self._texts.find([names[index] for index in left.tolist()])
        rows[left] = np.where(found < 0, -1, found + len(self._numbers))
        return rows
