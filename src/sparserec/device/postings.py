"""Scoring over posting lists: only the columns that a vector uses are looked at."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from sparserec.artefact.reader import Rows


class Scores(Protocol):
    """An item table made ready to score."""

    nbytes: int

    def of(self, vector: np.ndarray) -> np.ndarray:
        """Inner products of a vector (dim,) float64 with all item rows, (n_items,) float32."""
        ...


class Postings:
    """A sparse item table by column: which items have a value there, and which value.

    Sums are made in float64, columns ascending, so a score does not depend on how it was come by.

    Args:
        items: the item rows of an artefact.
    """

    def __init__(self, items: Rows):
        assert items.columns is not None
        assert items.indptr is not None
        self._n, self._scales = items.n, items.column_scales()
        order = np.argsort(items.columns, kind="stable")
        rows = np.repeat(np.arange(items.n), np.diff(items.indptr))
        self._items = rows[order]
        self._values = items.values[order]
        self._bounds = np.concatenate(([0], np.cumsum(np.bincount(items.columns, minlength=items.dim))))
        self.nbytes = self._items.nbytes + self._values.nbytes + self._bounds.nbytes + self._scales.nbytes

    def of(self, vector: np.ndarray) -> np.ndarray:
        """Inner products of a vector (dim,) float64 with all item rows, (n_items,) float32."""
        used = np.flatnonzero(vector)
        weights = (vector * self._scales)[used]
        first, last = self._bounds[used], self._bounds[used + 1]
        if len(used) == len(vector):
            items, values = self._items, self._values
        else:
            spans = list(zip(first.tolist(), last.tolist(), strict=True))
            items = _joined([self._items[a:b] for a, b in spans], self._items)
            values = _joined([self._values[a:b] for a, b in spans], self._values)
        products = np.repeat(weights, last - first)
        products *= values
        return np.bincount(items, products, minlength=self._n).astype(np.float32)


class Matrix:
    """A dense item table, made float32 once.

    Args:
        items: the item rows of an artefact.
    """

    def __init__(self, items: Rows):
        self._matrix = items.dequantised()
        self.nbytes = self._matrix.nbytes

    def of(self, vector: np.ndarray) -> np.ndarray:
        """Inner products of a vector (dim,) float64 with all item rows, (n_items,) float32."""
        return self._matrix @ vector.astype(np.float32)


def row_vector(rows: Rows, row: int) -> np.ndarray:
    """One row of a table, (dim,) float64."""
    return sum_of_rows(rows, np.array([row]))


def sum_of_rows(rows: Rows, chosen: np.ndarray) -> np.ndarray:
    """The sum of rows, each times its history factor where there are any, (dim,) float64."""
    factors = np.ones(len(chosen)) if rows.history_factors is None else rows.history_factors[chosen].astype(np.float64)
    if rows.columns is None or rows.indptr is None:
        return (rows.values[chosen] * factors[:, None]).sum(axis=0) * rows.column_scales()
    first, last = rows.indptr[chosen], rows.indptr[chosen + 1]
    spans = list(zip(first.tolist(), last.tolist(), strict=True))
    columns = _joined([rows.columns[a:b] for a, b in spans], rows.columns)
    values = _joined([rows.values[a:b] for a, b in spans], rows.values)
    return np.bincount(columns, values * np.repeat(factors, last - first), minlength=rows.dim) * rows.column_scales()


def _joined(parts: list[np.ndarray], like: np.ndarray) -> np.ndarray:
    return np.concatenate(parts) if parts else like[:0]
