"""The values of a table as a file within a budget will have them, before there is a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sparserec.artefact import coded, codes, gaps, history
from sparserec.artefact.codes import Code
from sparserec.artefact.csr import TableData
from sparserec.artefact.size import HEADER_EXPECTED
from sparserec.artefact.thinning import first_largest, thinned


@dataclass(frozen=True)
class Rounding:
    """How the values of a table are rounded.

    Attributes:
        step: width of an interval, above 0; a value becomes the middle of its own.
        least: values up to this size become 0, apart from the first largest of each row; -1 where none does.
        magnitude: whole intervals that are below all values: smaller ones become the middle of the next.
    """

    step: float
    least: float
    magnitude: int = 0

    def of(self, values: np.ndarray, indptr: np.ndarray) -> np.ndarray:
        """Values (nnz,) float32 in rows by `indptr` (n + 1,), none of them empty -> rounded (nnz,) float32."""
        remaining = (np.abs(values) > self.least) | first_largest(values, indptr)
        middles = coded.middle(values, np.float32(self.step), self.magnitude).astype(np.float32)
        return np.where(remaining, np.copysign(middles, values), np.float32(0))


def rounding(items: TableData, history_factors: np.ndarray | None, budget: int) -> Rounding:
    """How a file of this table within `budget` bytes, not counting the raw ids, rounds its values.

    The header counts as much as is usual, so the step of the file itself may be another by a hair.

    Args:
        items: the table.
        history_factors: (n_items,) float32 above 0, or None for ones.
        budget: bytes.

    Raises:
        SparserecError: when no step keeps the budget.
    """
    factors = {} if history_factors is None else history.encode(history_factors)
    beside = HEADER_EXPECTED + sum(tensor.nbytes for tensor in factors.values())

    def codes_of(tables: Mapping[str, TableData]) -> dict[str, Code]:
        table = tables["items"]
        fixed = beside + sum(part.nbytes for part in gaps.encode(table.indptr, table.columns, table.dim))

        def bytes_with(chosen: Mapping[str, Code]) -> int:
            return fixed + sum(part.nbytes for part in chosen["items"].outline(table.values).values())

        return codes.finest({"items": table.values}, bytes_with, budget)

    few, chosen = thinned({"items": items}, codes_of)
    gone, code = len(items.values) - len(few["items"].values), chosen["items"]
    sizes = np.where(first_largest(items.values, items.indptr), np.inf, np.abs(items.values))
    least = float(np.partition(sizes, gone - 1)[gone - 1]) if gone else -1.0
    return Rounding(step=float(code.step), least=least, magnitude=code.least or 0)
