"""A dense item table made ready to score, and rows of tables as vectors."""

from __future__ import annotations

import numpy as np

from sparserec.artefact.reader import DecodedTable


class Matrix:
    """A dense item table, made float32 once.

    Args:
        items: the item rows of an artefact.

    Attributes:
        ages: None; only sparse tables know of them.
    """

    ages = None

    def __init__(self, items: DecodedTable):
        self._items = items
        with np.errstate(over="ignore"):  # a file can be made so that entries are infinite; that is no reason to warn
            self._matrix = items.dequantised()
        self.n, self.nbytes = items.n, self._matrix.nbytes

    def vector(self, taken: np.ndarray, *, aged: bool = True) -> np.ndarray:
        """The sum of rows (m,), each times its history factor where there are any, (dim,) float64; none ages."""
        factors = self._items.history_factors
        each = np.ones(len(taken)) if factors is None else factors[taken].astype(np.float64)
        return (self._items.values[taken] * each[:, None]).sum(axis=0) * self._items.column_scales()

    @property
    def history_factors(self) -> np.ndarray | None:
        """(n,) float32, or None for ones."""
        return self._items.history_factors

    def row(self, row: int) -> np.ndarray:
        """One row, (dim,) float64."""
        return row_vector(self._items, row)

    def matrix(self, rows: np.ndarray) -> np.ndarray:
        """Rows (m,), (m, dim) float64."""
        return self._items.values[rows] * self._items.column_scales()

    def lengths(self) -> np.ndarray:
        """The length of each row as a vector, (n,) float64."""
        return np.sqrt(np.einsum("ij,ij->i", self._matrix, self._matrix, dtype=np.float64))

    def parts(self, taken: np.ndarray, row: int, *, aged: bool = True) -> np.ndarray:
        """What each of the rows `taken` (m,) adds to the inner product of their vector with a row, (m,) float64."""
        sums = self._matrix[taken].astype(np.float64) @ self._matrix[row]
        return sums if self._items.history_factors is None else sums * self._items.history_factors[taken]

    def of(self, vector: np.ndarray) -> np.ndarray:
        """Inner products of a vector (dim,) float64 with all item rows, (n,) float32."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self._matrix @ vector.astype(np.float32)

    def of_rows(self, vector: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Inner products of a vector (dim,) float64 with rows (m,), (m,) float32; those of `of`, to the last digit."""
        return self.of(vector)[rows]


def row_vector(rows: DecodedTable, row: int) -> np.ndarray:
    """One row of a table, (dim,) float64."""
    if rows.columns is None or rows.indptr is None:
        return rows.values[row] * rows.column_scales()
    first, last = int(rows.indptr[row]), int(rows.indptr[row + 1])
    vector = np.zeros(rows.dim)
    vector[rows.columns[first:last]] = rows.values[first:last]
    return vector * rows.column_scales()


def rows_sum(rows: DecodedTable) -> np.ndarray:
    """The sum of all rows of a table, (dim,) float64."""
    if rows.columns is None:
        return rows.values.sum(axis=0, dtype=np.float64) * rows.column_scales()
    return np.bincount(rows.columns, rows.values, minlength=rows.dim) * rows.column_scales()
