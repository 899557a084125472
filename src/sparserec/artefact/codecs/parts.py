"""The parts of a side beside its values and ids: where values are, factors, and what age does in a history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from sparserec.artefact import gaps, history, rice
from sparserec.artefact.codecs.base import GAPS, Graph, Part, Side
from sparserec.artefact.codecs.sequence import NumberSequence, RiceCoded, Shapes, joined, most_bits, rice_code
from sparserec.artefact.codecs.stepped import stored_rice
from sparserec.artefact.csr import Table, TableData
from sparserec.artefact.quantise import to_float16
from sparserec.errors import SparserecError


class GapSequence(NumberSequence):
    """The gaps."""

    kinds = GAPS

    def most(self, shapes: Shapes) -> int:
        """One for each bit of the high parts."""
        return most_bits(shapes[GAPS[1]])

    def numbers(self, tensors: Mapping[str, np.ndarray], cells: int) -> np.ndarray:
        """As for `NumberSequence`."""
        low, high = (tensors[kind] for kind in GAPS)
        return joined(rice.decode(low, high, gaps.shift_of(cells, rice.one_bits(high))))

    def tensors(self, name: str, numbers: np.ndarray, shapes: Shapes, cells: int) -> dict[str, np.ndarray]:
        """As for `NumberSequence`."""
        if not 0 < len(numbers) <= cells:
            raise SparserecError(f"there are too few numbers of {name!r}, or too many")
        low, high = rice_code(name, numbers, gaps.shift_of(cells, len(numbers)), most_bits(shapes[GAPS[1]]))
        return {GAPS[0]: low, GAPS[1]: high}


class Structure(Part):
    """Where the values of a sparse table are."""

    name = "structure"
    tensors: ClassVar = dict.fromkeys(GAPS, "U8")
    sequences: ClassVar = {"gaps": GapSequence()}

    def encode(self, table: TableData) -> dict[str, np.ndarray]:
        """The tensors of a table, by kind."""
        low, high = gaps.encode(table.indptr, np.asarray(table.columns), table.dim)
        return {GAPS[0]: low, GAPS[1]: high}

    def decode(self, side: Side, nnz: int) -> tuple[np.ndarray, np.ndarray]:
        """Row pointers (n + 1,) and columns (nnz,) of a sparse side, as of `gaps.decode`."""
        low, high = (side.tensors[kind] for kind in GAPS)
        return gaps.decode(low, high, side.n, side.dim, nnz)

    def in_graph(self, graph: Graph, side: Side, nnz: int) -> tuple[str, str]:
        """Row and column of each value, int32 (nnz,), by operators of ONNX."""
        low, high = (side.tensors[kind] for kind in GAPS)
        shift = gaps.shift_of(side.n * side.dim, nnz)
        stored_low = graph.constant(low, f"{side.name}.gaps_low") if shift else ""
        stored_high = graph.constant(high, f"{side.name}.gaps_high")
        positions = graph.rice_positions(stored_low, stored_high, len(high), nnz, shift)
        row, column = (graph.add(operator, positions, graph.number(side.dim)) for operator in ("Div", "Mod"))
        return graph.cast(row, np.int32), graph.cast(column, np.int32)


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
