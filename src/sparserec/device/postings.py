"""A sparse item table made ready to score: by column for all items, by row for a few."""

from __future__ import annotations

import numpy as np

from sparserec.artefact.reader import Rows
from sparserec.device.lists import Lists, by_column, by_row, norms


class Postings:
    """A sparse item table, by row and by column, its items in order of descending length as vectors.

    That order puts what can score high at the front of every posting list. In it an item has a *place*; outside of this
    class and of `shortlist` items go by their rows in the file. Sums are made in float64, columns ascending, so a score
    does not depend on how it was come by.

    Args:
        items: the item rows of an artefact.

    Attributes:
        n: number of items.
        order: (n,) int32, the row of each place.
        norms: (n,) float32, descending: the length of the codes of each place, never below the true one.
        rows: columns and codes of each place.
        columns: places and codes of each column.
    """

    def __init__(self, items: Rows):
        self.n, self.dim = items.n, items.dim
        self.norms = norms(items)
        self.order = np.argsort(-self.norms, kind="stable").astype(np.int32)
        self.norms = self.norms[self.order]
        self._places = np.empty(self.n, dtype=np.int32)
        self._places[self.order] = np.arange(self.n, dtype=np.int32)
        self._scales = items.column_scales()
        self._history_factors = items.history_factors
        self.rows: Lists = by_row(items, self.order)
        self.columns: Lists = by_column(self.rows, items.dim)

    @property
    def nbytes(self) -> int:
        """Memory in bytes."""
        arrays = (self.order, self.norms, self._places, self._scales)
        return self.rows.nbytes + self.columns.nbytes + sum(array.nbytes for array in arrays)

    def places(self, rows: np.ndarray) -> np.ndarray:
        """Places (m,) intp of rows (m,)."""
        return self._places.take(rows).astype(np.intp)

    def vector(self, taken: np.ndarray) -> np.ndarray:
        """The sum of rows (m,), each times its history factor where there are any, (dim,) float64."""
        columns, codes, lengths = self.rows.of(self.places(taken))
        factors = np.ones(len(taken)) if self._history_factors is None else self._history_factors[taken]
        weights = factors.astype(np.float64).repeat(lengths)
        weights *= codes
        return np.bincount(columns, weights, minlength=self.dim) * self._scales

    def parts(self, taken: np.ndarray, row: int) -> np.ndarray:
        """What each of the rows `taken` (m,) adds to the inner product of their vector with a row, (m,) float64."""
        columns, codes, _ = self.rows.of(self.places(np.array([row])))
        weights = np.zeros(self.dim)
        weights[columns] = codes
        weights *= self.weights(self._scales)
        columns, codes, lengths = self.rows.of(self.places(taken))
        each = np.arange(len(taken)).repeat(lengths)
        sums = np.bincount(each, weights[columns] * codes, minlength=len(taken))
        return sums if self._history_factors is None else sums * self._history_factors[taken]

    def weights(self, vector: np.ndarray) -> np.ndarray:
        """What the codes of an item are multiplied with, (dim,) float64, for a vector (dim,) float64."""
        return vector * self._scales

    def of(self, vector: np.ndarray) -> np.ndarray:
        """Inner products of a vector (dim,) float64 with all item rows, (n,) float32: the plain way."""
        used = np.flatnonzero(vector)
        places, codes, lengths = self.columns.of(used)
        products = self.weights(vector)[used].repeat(lengths)
        products *= codes
        return np.bincount(places, products, minlength=self.n).astype(np.float32).take(self._places)

    def of_places(self, weights: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Inner products (m,) float32 of a vector, as its `weights`, with the items at places (m,)."""
        columns, codes, lengths = self.rows.of(places)
        products = weights.take(columns)
        products *= codes
        each = np.arange(len(places)).repeat(lengths)
        return np.bincount(each, products, minlength=len(places)).astype(np.float32)

    def of_rows(self, vector: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Inner products of a vector (dim,) float64 with rows (m,), (m,) float32."""
        return self.of_places(self.weights(vector), self.places(rows))
