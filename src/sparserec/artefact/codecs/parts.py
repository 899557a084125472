"""The parts of a side beside its values and ids: where values are, factors, and what age does in a history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from sparserec.artefact import gaps, history, rice
from sparserec.artefact.codecs.base import GAPS, ITEM_GAPS, Graph, Part, Side
from sparserec.artefact.codecs.sequence import NumberSequence, RiceCoded, Shapes, joined, most_bits, rice_code
from sparserec.artefact.codecs.stepped import stored_rice
from sparserec.artefact.csr import Table, TableData
from sparserec.artefact.quantise import to_float16
from sparserec.errors import SparserecError


class GapSequence(NumberSequence):
    """The gaps.

    Args:
        kinds: of the two tensors.
    """

    def __init__(self, kinds: tuple[str, str]):
        self.kinds = kinds

    def most(self, shapes: Shapes) -> int:
        """One for each bit of the high parts."""
        return most_bits(shapes[self.kinds[1]])

    def numbers(self, tensors: Mapping[str, np.ndarray], cells: int) -> np.ndarray:
        """As for `NumberSequence`."""
        low, high = (tensors[kind] for kind in self.kinds)
        return joined(rice.decode(low, high, gaps.shift_of(cells, rice.one_bits(high))))

    def tensors(self, name: str, numbers: np.ndarray, shapes: Shapes, cells: int) -> dict[str, np.ndarray]:
        """As for `NumberSequence`."""
        if not 0 < len(numbers) <= cells:
            raise SparserecError(f"there are too few numbers of {name!r}, or too many")
        low, high = rice_code(name, numbers, gaps.shift_of(cells, len(numbers)), most_bits(shapes[self.kinds[1]]))
        return dict(zip(self.kinds, (low, high), strict=True))


class Structure(Part):
    """Where the values of a sparse table are: of all columns, or of ordinary ones where there are both kinds."""

    name = "structure"
    tensors: ClassVar = dict.fromkeys(GAPS, "U8")
    sequences: ClassVar = {"gaps": GapSequence(GAPS)}

    def encode(self, table: TableData, ordinary: int = 0) -> dict[str, np.ndarray]:
        """The tensors of a table by kind; with `ordinary` columns before item columns, those of `ItemStructure` too."""
        indptr, columns = np.asarray(table.indptr), np.asarray(table.columns)
        if not ordinary:
            return dict(zip(GAPS, gaps.encode(indptr, columns, table.dim), strict=True))
        inside = columns < ordinary
        before = np.concatenate(([0], np.cumsum(inside)))[indptr]
        first = gaps.encode(before, columns[inside], ordinary)
        second = gaps.encode(indptr - before, columns[~inside] - ordinary, table.dim - ordinary)
        return dict(zip((*GAPS, *ITEM_GAPS), (*first, *second), strict=True))

    def check(self, side: Side) -> None:
        """Raises SparserecError for tensors of `ItemStructure` that are missing, or there for nothing."""
        of_items = [side.tensors[kind] for kind in ITEM_GAPS if kind in side.tensors]
        wanted = len(ITEM_GAPS) if side.sparse and side.ordinary else 0
        if len(of_items) != wanted or any(part.ndim != 1 for part in of_items):
            raise SparserecError(
                "'item_gaps_low' and 'item_gaps_high' belong to tables with both ordinary and item columns"
            )

    def decode(self, side: Side, nnz: int) -> tuple[np.ndarray, np.ndarray]:
        """Row pointers (n + 1,) and columns (nnz,) of a checked sparse side, as of `gaps.decode`."""
        low, high = (side.tensors[kind] for kind in GAPS)
        if not side.ordinary:
            return gaps.decode(low, high, side.n, side.dim, nnz)
        if not 1 <= side.n <= nnz:
            raise SparserecError(f"{nnz} values can't fill {side.n} rows of {side.dim} columns, at least one a row")
        inside = rice.one_bits(high)
        first = gaps.decode(low, high, side.n, side.ordinary, inside, empty_rows=True)
        item_low, item_high = (side.tensors[kind] for kind in ITEM_GAPS)
        given = {"names": gaps.ITEM_NAMES, "empty_rows": True}
        second = gaps.decode(item_low, item_high, side.n, side.n, nnz - inside, **given)
        indptr, columns = _side_by_side(first, second, side.ordinary, side.dim)
        if (lengths := np.diff(indptr)).min() < 1:
            raise SparserecError(f"row {int(np.argmin(lengths))} is empty")
        return indptr, columns

    def in_graph(self, graph: Graph, side: Side, nnz: int) -> tuple[str, str]:
        """Row and column of each value, int32 (nnz,), by operators of ONNX."""
        if side.ordinary:
            inside = rice.one_bits(side.tensors[GAPS[1]])
            row, column = self._places(graph, side, GAPS, inside, side.ordinary)
            other_row, other = self._places(graph, side, ITEM_GAPS, nnz - inside, side.n)
            other = graph.add("Add", other, graph.number(side.ordinary))
            rows, columns = (graph.add("Concat", *pair, axis=0) for pair in ((row, other_row), (column, other)))
            positions = graph.add("Add", graph.add("Mul", rows, graph.number(side.dim)), columns)
            # Row by row, as the values are.
            positions = graph.add("TopK", positions, graph.numbers(nnz), outputs=2, axis=0, largest=0, sorted=1)
            row, column = (graph.add(operator, positions, graph.number(side.dim)) for operator in ("Div", "Mod"))
        else:
            row, column = self._places(graph, side, GAPS, nnz, side.dim)
        return graph.cast(row, np.int32), graph.cast(column, np.int32)

    def _places(self, graph: Graph, side: Side, kinds: Sequence[str], nnz: int, dim: int) -> tuple[str, str]:
        """Row and column of each value of a code of gaps over `dim` columns, int64 (nnz,)."""
        low, high = (side.tensors[kind] for kind in kinds)
        shift = gaps.shift_of(side.n * dim, nnz)
        stored_low = graph.constant(low, f"{side.name}.{kinds[0]}") if shift else ""
        stored_high = graph.constant(high, f"{side.name}.{kinds[1]}")
        positions = graph.rice_positions(stored_low, stored_high, len(high), nnz, shift)
        row, column = (graph.add(operator, positions, graph.number(dim)) for operator in ("Div", "Mod"))
        return row, column


class ItemStructure(Part):
    """Where the values in item columns are, of a table with ordinary columns too; `Structure` makes and reads it."""

    name = "structure of item columns"
    tensors: ClassVar = dict.fromkeys(ITEM_GAPS, "U8")
    version = 3
    items_only = True
    sequences: ClassVar = {"item_gaps": GapSequence(ITEM_GAPS)}


def _side_by_side(
    first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray], ordinary: int, dim: int
) -> tuple[np.ndarray, np.ndarray]:
    """Row pointers and columns of two tables of the same rows, the columns of the second behind those of the first."""
    indptr = first[0] + second[0]
    columns = np.empty(int(indptr[-1]), dtype=np.uint8 if dim <= 256 else np.uint16 if dim <= 1 << 16 else np.int32)
    for (bounds, part), moved, shift in ((first, second[0][:-1], 0), (second, first[0][1:], ordinary)):
        columns[np.arange(len(part)) + np.repeat(moved, np.diff(bounds))] = part.astype(columns.dtype) + shift
    return indptr, columns


class Factors(Part):
    """Factors of scores, in half precision."""

    name = "factors"
    tensors: ClassVar = {"factors": "F16"}
    items_only = True

    def encode(self, factors: np.ndarray) -> dict[str, np.ndarray]:
        """The tensors of factors (n,), by kind."""
        return {"factors": to_float16(factors)}

    def decode(self, side: Side) -> np.ndarray | None:
        """Factors (n,) float16 as in the file, None when it has none."""
        factors = side.tensors.get("factors")
        if factors is not None and (factors.shape != (side.n,) or not np.isfinite(factors).all()):
            raise SparserecError(f"'{side.name}.factors' must be {side.n} finite numbers, one a row")
        return factors


class HistoryFactors(Part):
    """Factors of rows in a history, as Rice-coded steps of their logarithm."""

    name = "history factors"
    tensors: ClassVar = {"history_low": "U8", "history_high": "U8", "history_scale": "F32"}
    items_only = True
    sequences: ClassVar = {"history": RiceCoded("history")}
    value_bits = 5
    """Bits that a factor is expected to take."""
    scale_bytes = 8

    def bytes_of(self, n: int) -> int:
        """Bytes that factors of n items are expected to take."""
        return rice.bytes_of(self.value_bits * n) + self.scale_bytes

    def encode(self, factors: np.ndarray) -> dict[str, np.ndarray]:
        """The tensors of factors (n,), by kind."""
        return history.encode(factors)

    def decode(self, side: Side) -> np.ndarray | None:
        """Factors (n,) float32, None when the file has none."""
        if not any(kind in side.tensors for kind in history.KINDS):
            return None
        if not all(kind in side.tensors for kind in history.KINDS):
            raise SparserecError(f"'{side.name}': {', '.join(map(repr, history.KINDS))} belong together")
        low, high, scale = (side.tensors[kind] for kind in history.KINDS)
        try:
            return history.decode(low, high, scale, side.n)
        except SparserecError as error:
            raise SparserecError(f"'{side.name}': {error}") from None

    def in_graph(self, graph: Graph, side: Side) -> str:
        """The factors, float64 (n,), by operators of ONNX; rounded to float32 on the way as the format says."""
        numbers = graph.cast(stored_rice(graph, side, "history", side.n), np.float64)
        largest, step = side.tensors["history_scale"].astype(np.float64).tolist()
        shrunk = graph.add("Exp", graph.add("Mul", numbers, graph.number(-step, np.float64)))
        factors = graph.add("Mul", shrunk, graph.number(largest, np.float64))
        return graph.cast(graph.cast(factors, np.float32), np.float64)


class AgeDecay(Part):
    """What the age of an item in a history does: one number, or two where the last columns are item columns."""

    name = "age decay"
    tensors: ClassVar = {"age_decay": "F32"}
    version = 3
    items_only = True

    def bytes_of(self, numbers: int) -> int:
        """Bytes that so many numbers take."""
        return 4 * numbers

    def encode(self, decay: Sequence[float], items: Table) -> dict[str, np.ndarray]:
        """The tensors of one or two numbers for an item table, by kind.

        Raises:
            SparserecError: when they are not above 0 and up to 1 in single precision, or the table can't have them.
        """
        try:
            numbers = np.asarray(decay, dtype=np.float64)
        except (TypeError, ValueError):
            numbers = np.zeros(0)
        stored = numbers.astype(np.float32)
        if numbers.ndim != 1 or len(numbers) not in (1, 2) or not ((stored > 0) & (numbers <= 1)).all():
            raise SparserecError(f"age_decay must be one or two numbers above 0 and up to 1, not {decay!r}")
        if isinstance(items, np.ndarray):
            raise SparserecError("age_decay needs a sparse item table; this one is dense")
        if len(stored) == 2 and items.dim < len(items.indptr) - 1:
            raise SparserecError(
                f"age_decay of two numbers needs a column for each item: there are {len(items.indptr) - 1} items, but "
                f"{items.dim} columns"
            )
        return {"age_decay": stored}

    def decode(self, side: Side) -> np.ndarray | None:
        """The numbers, (1,) or (2,) float32 as in the file, None when it has none."""
        decay = side.tensors.get("age_decay")
        if decay is None:
            return None
        # Comparisons are False for what is no number.
        if decay.shape not in ((1,), (2,)) or not ((decay > 0) & (decay <= 1)).all():
            raise SparserecError(f"'{side.name}.age_decay' must be one or two numbers above 0 and up to 1")
        if not side.sparse:
            raise SparserecError(f"'{side.name}.age_decay' does not belong to a dense table")
        if len(decay) == 2 and side.dim < side.n:
            raise SparserecError(
                f"'{side.name}.age_decay' of two numbers needs a column for each of {side.n} items, but there are "
                f"{side.dim}"
            )
        return decay
