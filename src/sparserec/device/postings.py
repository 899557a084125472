"""A sparse item table made ready to score: by column for all items, by row for a few."""

from __future__ import annotations

import numpy as np

from sparserec.artefact.reader import DecodedTable
from sparserec.device.ages import Ages
from sparserec.device.lists import BLOCK, Lists, blocks, by_column, by_row, norms
from sparserec.device.topk import LANES

LONGEST = 16 * LANES
"""Places of which the length is known one by one."""


class ByRow:
    """A sparse item table by row: what of an artefact's items is kept.

    Args:
        items: the item rows of an artefact, which need not be kept.
        reuse: take over the memory of `items`, which can't be used afterwards.
    """

    def __init__(self, items: DecodedTable, *, reuse: bool = False):
        self.n, self.dim = items.n, items.dim
        self.scales = items.column_scales()
        self.history_factors = None if items.history_factors is None else Factors(items.history_factors)
        self.ages = None if items.age_decay is None else Ages(items.age_decay, items.n, items.dim)
        self.lists: Lists = by_row(items, reuse=reuse)


class Factors:
    """Factors of items, in a byte each where few of them differ.

    Args:
        factors: (n,) float32.
    """

    def __init__(self, factors: np.ndarray):
        different = np.unique(factors)
        self._factors, self._numbers = factors, None
        if len(different) <= 1 << 8:
            self._factors, self._numbers = different, np.empty(len(factors), dtype=np.uint8)
            for first in range(0, len(factors), BLOCK):
                self._numbers[first : first + BLOCK] = different.searchsorted(factors[first : first + BLOCK])

    @property
    def nbytes(self) -> int:
        """Memory in bytes."""
        return self._factors.nbytes + (0 if self._numbers is None else self._numbers.nbytes)

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Those of rows (m,), (m,) float32."""
        return self._factors.take(rows if self._numbers is None else self._numbers.take(rows))


class Postings:
    """A sparse item table, by row and by column, its items in order of descending length as vectors.

    Where item columns stand beside ordinary ones, the length is that in the ordinary ones. That order puts what can
    score high at the front of every posting list. In it an item has a *place*; outside of this class and of `shortlist`
    items go by their rows in the file. Sums are made in float64, columns ascending, so a score does not depend on how
    it was come by.

    Args:
        table: the table by row, whose lists are put in order.

    Attributes:
        n: number of items.
        bounded: columns of which lengths are known: those before item columns, or all where there are no others.
        order: (n,) uint16, or int32 where a row needs it, the row of each place.
        longest: (LONGEST,) float32, descending: the length of the codes of each of the first places, where lengths fall
            fast, never below the true one.
        norms: (ceil(n / LANES),) float32, descending: the largest such length of each `LANES` places.
        rows: columns and codes of each place.
        columns: places and codes of each column.
        ages: what the age of an item in a history does, None where order does not count.
    """

    def __init__(self, table: ByRow):
        self.n, self.dim = table.n, table.dim
        self._scales, self._history_factors, self.ages = table.scales, table.history_factors, table.ages
        self.bounded = (self.ages.ordinary if self.ages is not None else 0) or self.dim
        kind = np.uint16 if self.n <= 1 << 16 else np.int32
        # What stays is made before what is needed meanwhile, so that it leaves no holes.
        self.order, self._places = np.empty(self.n, dtype=kind), np.empty(self.n, dtype=kind)
        lengths = norms(table.lists, self.bounded)
        self.order[:] = np.argsort(np.negative(lengths, out=lengths), kind="stable")
        self.longest = -lengths[self.order[:LONGEST]]
        self.norms = -lengths[self.order[::LANES]]
        del lengths
        for first in range(0, self.n, BLOCK):
            rows = self.order[first : first + BLOCK]
            self._places[rows] = np.arange(first, first + len(rows), dtype=kind)
        table.lists = self.rows = table.lists.arranged(self.order)
        self.columns: Lists = by_column(self.rows, self.dim)

    @property
    def nbytes(self) -> int:
        """Memory in bytes."""
        parts = [self.rows, self.columns, self.order, self._places, self.longest, self.norms]
        if self._history_factors is not None:
            parts.append(self._history_factors)
        scales = self._scales.itemsize if self._scales.strides == (0,) else self._scales.nbytes
        return sum(part.nbytes for part in parts) + scales

    def places(self, rows: np.ndarray) -> np.ndarray:
        """Places (m,) intp of rows (m,)."""
        return self._places.take(rows).astype(np.intp)

    def vector(self, taken: np.ndarray, *, aged: bool = True) -> np.ndarray:
        """What a history adds up to.

        Args:
            taken: (m,) integers, rows, each once, oldest first.
            aged: whether the order counts where the file says what age does; else each has age 0.

        Returns:
            (dim,) float64: the sum of the rows, each times its history factor and what its age leaves of it, where
            there are such. In item columns, what the ages of the items leave of 1.
        """
        ages = self.ages
        if ages is None or not ages.item_columns:
            return self._sum(taken, aged)
        vector = self._sum(taken, aged) if ages.ordinary else np.zeros(self.dim)
        vector[ages.ordinary :] = 0
        vector[ages.ordinary + taken] = ages.of_columns(len(taken), aged)
        return vector

    def _sum(self, taken: np.ndarray, aged: bool) -> np.ndarray:
        """The sum of rows as for `vector`, in all columns alike."""
        first, last = self.rows.slices(self.places(taken))
        columns, codes = self.rows.stored(first, last)
        weights = self._weights_in_history(taken, aged).repeat(last - first)
        self.rows.multiply(weights, codes, first, last)
        return np.bincount(columns, weights, minlength=self.dim) * self._scales

    def _weights_in_history(self, taken: np.ndarray, aged: bool) -> np.ndarray:
        """What rows (m,), oldest first, are multiplied with in a history, (m,) float64."""
        factors = np.ones(len(taken)) if self._history_factors is None else self._history_factors.take(taken)
        weights = factors.astype(np.float64)
        return weights if self.ages is None else weights * self.ages.of_rows(len(taken), aged)

    def everything(self) -> np.ndarray:
        """The vector of a history of all items, none older than another, without history factors, (dim,) float64."""
        vector = np.zeros(self.dim)
        for _, chosen in blocks(self.rows):
            columns, codes, _ = self.rows.of(chosen)
            vector += np.bincount(columns, codes, minlength=self.dim)
        vector *= self._scales
        if self.ages is not None:
            vector[self.ages.ordinary :] = 1
        return vector

    @property
    def history_factors(self) -> np.ndarray | None:
        """(n,) float32, or None for ones."""
        return None if self._history_factors is None else self._history_factors.take(np.arange(self.n))

    def row(self, row: int) -> np.ndarray:
        """One row, (dim,) float64."""
        columns, codes, _ = self.rows.of(self.places(np.array([row])))
        vector = np.zeros(self.dim)
        vector[columns] = codes
        return vector * self._scales

    def matrix(self, rows: np.ndarray) -> np.ndarray:
        """Rows (m,) with every column, (m, dim) float64."""
        columns, codes, lengths = self.rows.of(self.places(rows))
        matrix = np.zeros((len(rows), self.dim))
        matrix[np.arange(len(rows)).repeat(lengths), columns] = codes
        matrix *= self._scales
        return matrix

    def lengths(self) -> np.ndarray:
        """The length of each row as a vector, (n,) float64."""
        squares = np.empty(self.n)
        for first, chosen in blocks(self.rows):
            columns, codes, lengths = self.rows.of(chosen)
            values = codes * self._scales[columns]
            each = np.arange(len(chosen)).repeat(lengths)
            # One value after another, as the browser adds them up.
            squares[first : first + len(chosen)] = np.bincount(each, values * values, minlength=len(chosen))
        return np.sqrt(squares).take(self._places)

    def parts(self, taken: np.ndarray, row: int, *, aged: bool = True) -> np.ndarray:
        """What each of the rows `taken` (m,) adds to the inner product of their `vector` with a row, (m,) float64."""
        columns, codes, _ = self.rows.of(self.places(np.array([row])))
        weights = np.zeros(self.dim)
        weights[columns] = codes
        weights *= self._scales
        given = None
        if self.ages is not None and self.ages.item_columns:
            given = weights[self.ages.ordinary + taken] * self.ages.of_columns(len(taken), aged)
            weights[self.ages.ordinary :] = 0
        weights *= self._scales
        columns, codes, lengths = self.rows.of(self.places(taken))
        each = np.arange(len(taken)).repeat(lengths)
        sums = np.bincount(each, weights[columns] * codes, minlength=len(taken))
        sums = sums * self._weights_in_history(taken, aged)
        return sums if given is None else sums + given

    def weights(self, vector: np.ndarray) -> np.ndarray:
        """What the codes of an item are multiplied with, (dim,) float64, for a vector (dim,) float64."""
        return vector * self._scales

    def beyond(self, weights: np.ndarray) -> np.ndarray:
        """Places (m,), ascending, with values in the columns from `bounded` on that `weights` (dim,) has."""
        used = weights[self.bounded :].nonzero()[0] + self.bounded
        return np.unique(self.columns.stored(*self.columns.slices(used))[0]).astype(np.intp)

    def of(self, vector: np.ndarray) -> np.ndarray:
        """Inner products of a vector (dim,) float64 with all item rows, (n,) float32: the plain way."""
        used = np.flatnonzero(vector)
        first, last = self.columns.slices(used)
        places, codes = self.columns.stored(first, last)
        products = self.weights(vector)[used].repeat(last - first)
        self.columns.multiply(products, codes, first, last)
        return np.bincount(places, products, minlength=self.n).astype(np.float32).take(self._places)

    def of_places(self, weights: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Inner products (m,) float32 of a vector, as its `weights`, with the items at places (m,)."""
        first, last = self.rows.slices(places)
        columns, codes = self.rows.stored(first, last)
        products = weights.take(columns)
        self.rows.multiply(products, codes, first, last)
        each = np.arange(len(places)).repeat(last - first)
        return np.bincount(each, products, minlength=len(places)).astype(np.float32)

    def of_rows(self, vector: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Inner products of a vector (dim,) float64 with rows (m,), (m,) float32."""
        return self.of_places(self.weights(vector), self.places(rows))
