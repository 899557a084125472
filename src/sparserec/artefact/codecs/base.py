"""What a part of a file is: its tensors, and how they are made, measured, checked and decoded."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from sparserec.artefact import rice
from sparserec.artefact.codecs.sequence import NumberSequence
from sparserec.artefact.csr import Table, flat_values
from sparserec.artefact.quantise import check_finite
from sparserec.artefact.schema import type_name
from sparserec.artefact.thinning import fewest_left_out
from sparserec.errors import SparserecError

GAPS = ("gaps_low", "gaps_high")
"""The tensors of a sparse side that say where its values are."""
ITEM_GAPS = ("item_gaps_low", "item_gaps_high")
"""Those that say it of item columns, in a table that has ordinary ones too."""


@dataclass(frozen=True)
class Side:
    """One side of a file, items or users, as a reader finds it: nothing but names and types has been checked.

    Attributes:
        name: "items" or "users".
        n: rows, as the card says.
        dim: columns, as the card says.
        tensors: by their names after that of the side, such as "values".
    """

    name: str
    n: int
    dim: int
    tensors: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, name: str, n: int, dim: int, tensors: Mapping[str, np.ndarray]) -> Side:
        """A side of a file with these tensors, by their full names."""
        start = f"{name}."
        of_side = {full.removeprefix(start): tensor for full, tensor in tensors.items() if full.startswith(start)}
        return cls(name, n, dim, of_side)

    @property
    def sparse(self) -> bool:
        """Whether there is a tensor of gaps."""
        return any(kind in self.tensors for kind in GAPS)

    @property
    def ordinary(self) -> int:
        """Columns that are no item columns, where the table has both kinds; else 0."""
        decay = self.tensors.get("age_decay")
        return max(0, self.dim - self.n) if decay is not None and decay.shape == (2,) else 0

    @property
    def nnz(self) -> int:
        """Values of a sparse side, as its gaps tell."""
        return sum(rice.one_bits(self.tensors[kinds[1]]) for kinds in (GAPS, ITEM_GAPS) if kinds[1] in self.tensors)

    def type_of(self, kind: str) -> str:
        """The type of a tensor in the container, such as "F16"."""
        return type_name(self.tensors[kind].dtype)


@dataclass(frozen=True)
class Decoded:
    """Values as the runtime takes them: a value is its code, times the scale of its column, times `unit`.

    Attributes:
        codes: (nnz,) or, of a dense table, (n, dim); int8, int16, int32, float16 or float32, all finite.
        scales: (dim,) float32, finite and at least 0; None for ones.
        unit: above 0, and such that no value is beyond float32.
        odd: whether all codes are odd; the runtime then stores them in a bit less.
    """

    codes: np.ndarray
    scales: np.ndarray | None = None
    unit: float = 1.0
    odd: bool = False


@dataclass(frozen=True)
class Budget:
    """Bytes that a file may have, not counting the raw ids.

    Attributes:
        limit: the bytes.
        file_bytes: of tables by side -> a function that adds up the file, from the tensors of the values of each side.
            Only types and shapes of these tensors count.
    """

    limit: int
    file_bytes: Callable[[Mapping[str, Table]], Callable[[Mapping[str, Mapping[str, np.ndarray]]], int]]


class Graph(Protocol):
    """What a part may use to write down its decoding as ONNX operators; `sparserec.exchange` has it.

    Methods give the name of what they make.
    """

    def constant(self, value: np.ndarray, name: str | None = None) -> str:
        """A tensor that is stored with the graph."""
        ...

    def number(self, value: float, dtype: type = np.int64) -> str:
        """A constant without dimensions."""
        ...

    def numbers(self, *values: int) -> str:
        """A constant (n,) int64."""
        ...

    def add(self, operator: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """The first output of an operator."""
        ...

    def cast(self, value: str, dtype: type) -> str:
        """A value in another type."""
        ...

    def bits(self, data: str, count: int) -> str:
        """The first bits of bytes (bytes,) uint8, int32 (count,)."""
        ...

    def rice_numbers(self, low: str, high: str, size: int, count: int, shift: int) -> str:
        """The numbers of a Rice code, int64 (count,); `high` has `size` bytes, `low` is not used without a shift."""
        ...

    def rice_positions(self, low: str, high: str, size: int, count: int, shift: int) -> str:
        """The positions whose gaps are the numbers of a Rice code, int64 (count,); arguments as above."""
        ...


class Part:
    """Tensors of a side that belong together.

    Attributes:
        name: for messages.
        tensors: their names after that of the side, and the type of each in the container.
        version: the format version that knows them first; a file has the highest of its parts.
        items_only: whether users can't have them.
        raw_ids: whether they are counted as raw ids, which every budget of bytes leaves out.
        sequences: names of the sequences of numbers that a patch compares; a tensor that is in none is one of its own.
    """

    name: str
    tensors: ClassVar[Mapping[str, str]]
    version: int = 1
    items_only: bool = False
    raw_ids: bool = False
    sequences: ClassVar[Mapping[str, NumberSequence]] = {}

    def has(self, side: Side, kind: str) -> bool:
        """Whether a side has one of these tensors in the type that it has here."""
        return kind in side.tensors and side.type_of(kind) == self.tensors[kind]


class ValuesCodec(Part, ABC):
    """A way to store the values of a table.

    Attributes:
        value_bits: bits that a value takes, without what the next two count.
        column_bytes: bytes that each column of a table takes besides.
        table_bytes: bytes that each table takes besides.
        estimated: whether these are an estimate; else they are exact.
        dense: whether dense tables can be stored so.
        by_name: whether it is asked for by its name; else another codec takes it where it suits a table.
    """

    value_bits: float
    column_bytes: int = 0
    table_bytes: int = 0
    estimated: bool = False
    dense: bool = False
    by_name: bool = True

    def bytes_of(self, nnz: int, dim: int) -> int:
        """Bytes that the values of a table of `dim` columns take, exact unless `estimated`."""
        return math.ceil(nnz * self.value_bits / 8) + dim * self.column_bytes + self.table_bytes

    def fit(self, tables: Mapping[str, Table], budget: Budget | None) -> tuple[Mapping[str, Table], Mapping[str, Any]]:
        """The tables by side as they will be stored, and for each what `encode` is given with it.

        Here, a sparse table that takes more than the budget goes without as many of its smallest values as it takes.

        Raises:
            SparserecError: when the values can't be stored so, or not within the budget.
        """
        for table in tables.values():
            check_finite(flat_values(table))
        settings = dict.fromkeys(tables)
        if budget is None:
            return tables, settings

        def bytes_with(tables: Mapping[str, Table]) -> int:
            return budget.file_bytes(tables)({side: self.encode(table, None) for side, table in tables.items()})

        return fewest_left_out(tables, bytes_with, budget.limit), settings

    @abstractmethod
    def encode(self, table: Table, setting: Any) -> dict[str, np.ndarray]:
        """The tensors of a table, by their names after that of the side.

        Args:
            table: a sparse table with a value in every row, all finite, or a dense one where `dense` allows it.
            setting: what `fit` gave for it.

        Raises:
            SparserecError: when the values can't be stored so.
        """

    def check(self, side: Side) -> None:
        """Refuse a side whose tensors are not those of such values; no memory is taken, and nothing decoded."""
        needed = (*self.tensors, *(() if self.dense and not side.sparse else GAPS))
        if not all(kind in side.tensors for kind in needed) or any(side.tensors[kind].ndim != 1 for kind in needed):
            raise SparserecError(
                f"'{side.name}': {self.name} values need {', '.join(map(repr, needed))}, each in one dimension"
            )
        for kind, dtype in self.tensors.items():
            if side.type_of(kind) != dtype:
                raise SparserecError(f"'{side.name}.{kind}' of {self.name} values must be {dtype}")

    def count(self, side: Side) -> int:
        """How many values a checked side has. Here, only the gaps tell."""
        return side.nnz if side.sparse else side.n * side.dim

    @abstractmethod
    def decode(self, side: Side, nnz: int) -> Decoded:
        """The values of a checked side; takes no memory before the bytes bear out that they are `nnz`.

        Raises:
            SparserecError: when the tensors are not those of so many values. The side is put before the message.
        """

    def in_graph(self, graph: Graph, side: Side, decoded: Decoded) -> str:
        """The codes (nnz,) in any type, made of the tensors by operators of ONNX. Here, the decoded ones are stored."""
        return graph.constant(decoded.codes, f"{side.name}.values")
