"""Values as Rice-coded magnitudes with a step for the whole table, and signs or none.

The arithmetic is in `artefact.coded` and `artefact.positive`, the choice in `artefact.codes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from sparserec.artefact import coded, codes, positive
from sparserec.artefact.codecs.base import GAPS, Budget, Decoded, Graph, Side, ValuesCodec
from sparserec.artefact.codecs.sequence import RiceCoded, Shapes
from sparserec.artefact.codes import Code
from sparserec.artefact.csr import Table, TableData, flat_values
from sparserec.artefact.thinning import thinned
from sparserec.errors import SparserecError


class SignedMagnitudes(RiceCoded):
    """The stored shift of the magnitudes, then `2 * q + sign` of each value."""

    def __init__(self) -> None:
        super().__init__("magnitudes")
        self.kinds = (*self.kinds, "signs")

    def numbers(self, tensors: Mapping[str, np.ndarray], cells: int) -> np.ndarray:
        """As for `NumberSequence`."""
        numbers = super().numbers(tensors, cells)
        signs = np.unpackbits(tensors["signs"], count=len(numbers) - 1, bitorder="little")
        return np.concatenate((numbers[:1], 2 * numbers[1:] + signs))

    def tensors(self, name: str, numbers: np.ndarray, shapes: Shapes, cells: int) -> dict[str, np.ndarray]:
        """As for `NumberSequence`."""
        signs = np.packbits((numbers[1:] & 1).astype(np.uint8), bitorder="little")
        magnitudes = np.concatenate((numbers[:1], numbers[1:] >> 1))
        return super().tensors(name, magnitudes, shapes, cells) | {"signs": signs}


class Coded(ValuesCodec):
    """The fewest bits: about 5 a value, or what a budget leaves."""

    name = "coded"
    tensors: ClassVar = {"signs": "U8", "magnitudes_low": "U8", "magnitudes_high": "U8", "step": "F32"}
    sequences: ClassVar = {"magnitudes": SignedMagnitudes()}
    value_bits = 3.75
    """Normally distributed ones take 3.71 with a step of 0.43 mean absolute values."""
    table_bytes = 4
    estimated = True

    def fit(self, tables: Mapping[str, Table], budget: Budget | None) -> tuple[Mapping[str, Table], Mapping[str, Code]]:
        """Codes by side, without signs where no value is negative.

        With a budget their steps are the finest that fit, of `coded.GRID` many, of tables without as many of their
        smallest values as leave the least squared error; without one they are a sixth of the mean absolute value of
        their table.
        """
        sparse = {side: table for side, table in tables.items() if isinstance(table, TableData)}
        if budget is None:
            return sparse, codes.usual({side: flat_values(table) for side, table in sparse.items()})
        limit, file_bytes = budget.limit, budget.file_bytes

        def codes_of(tables: Mapping[str, TableData]) -> dict[str, Code]:
            values = {side: flat_values(table) for side, table in tables.items()}
            bytes_with = file_bytes(tables)
            return codes.finest(
                values,
                lambda chosen: bytes_with({side: chosen[side].outline(numbers) for side, numbers in values.items()}),
                limit,
            )

        return thinned(sparse, codes_of)

    def encode(self, table: Table, setting: Code) -> dict[str, np.ndarray]:
        """As for `ValuesCodec`; where the code has no signs, the tensors are those of `Positive`."""
        return setting.encode(flat_values(table))

    def check(self, side: Side) -> None:
        """As for `ValuesCodec`."""
        needed = (*coded.KINDS, *GAPS)
        there = all(kind in side.tensors and side.tensors[kind].ndim == 1 for kind in needed)
        if "values" in side.tensors or "scales" in side.tensors or not there:
            raise SparserecError(
                f"'{side.name}': a table of coded values needs {', '.join(map(repr, needed))}, each in one dimension, "
                "and neither 'values' nor 'scales'"
            )

    def decode(self, side: Side, nnz: int) -> Decoded:
        """As for `ValuesCodec`."""
        signs, low, high, step = (side.tensors[kind] for kind in coded.KINDS)
        codes, half_step = coded.decode(signs, low, high, step, nnz)
        return Decoded(codes, unit=half_step, odd=True)

    def in_graph(self, graph: Graph, side: Side, decoded: Decoded) -> str:
        """As for `ValuesCodec`: sign * (2 * q + 1) of signs and magnitudes that are stored as they are in the file."""
        count = decoded.codes.size
        magnitudes = stored_rice(graph, side, "magnitudes", count)
        bits = graph.bits(graph.constant(side.tensors["signs"], f"{side.name}.signs"), count)
        signs = graph.add("Sub", graph.number(1), graph.add("Mul", graph.cast(bits, np.int64), graph.number(2)))
        odds = graph.add("Add", graph.add("Mul", magnitudes, graph.number(2)), graph.number(1))
        return graph.add("Mul", odds, signs)


class Positive(ValuesCodec):
    """The same without signs, above a least magnitude. `Coded` takes it where no value is negative."""

    name = "positive"
    version = 3
    tensors: ClassVar = {"excess_low": "U8", "excess_high": "U8", "least": "U32", "step": "F32"}
    sequences: ClassVar = {"excess": RiceCoded("excess")}
    value_bits = 2.25
    """Exponentially distributed ones above the least take that with a step of 0.59 of their mean above it."""
    table_bytes = 8
    estimated = True
    by_name = False

    def encode(self, table: Table, setting: Code) -> dict[str, np.ndarray]:
        """As for `ValuesCodec`."""
        return setting.encode(flat_values(table))

    def decode(self, side: Side, nnz: int) -> Decoded:
        """As for `ValuesCodec`."""
        low, high, least, step = (side.tensors[kind] for kind in positive.KINDS)
        odds, half_step = positive.decode(low, high, least, step, nnz)
        return Decoded(odds, unit=half_step, odd=True)

    def in_graph(self, graph: Graph, side: Side, decoded: Decoded) -> str:
        """As for `ValuesCodec`: 2 * q + 1 of numbers that are stored as they are in the file."""
        above = stored_rice(graph, side, "excess", decoded.codes.size)
        first = graph.number(2 * int(side.tensors["least"][0]) + 1)
        return graph.add("Add", graph.add("Mul", above, graph.number(2)), first)


def stored_rice(graph: Graph, side: Side, stem: str, count: int) -> str:
    """The numbers of a code that stores its shift, int64 (count,), whose tensors are those of the file.

    The first byte of its low parts, which has the shift, is left out.
    """
    low, high = side.tensors[f"{stem}_low"], side.tensors[f"{stem}_high"]
    shift = int(low[0])
    stored_low = graph.constant(low[1:], f"{side.name}.{stem}_low") if shift else ""
    stored_high = graph.constant(high, f"{side.name}.{stem}_high")
    return graph.rice_numbers(stored_low, stored_high, len(high), count, shift)
