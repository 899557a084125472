"""The tensors of an artefact as sequences of numbers; which ones there are, the table of `codecs` says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparserec.artefact.codecs import Entries, NumberSequence, sequences
from sparserec.artefact.schema import type_name
from sparserec.errors import SparserecError


@dataclass(frozen=True)
class TableSizes:
    """What the code of gaps depends on.

    Attributes:
        rows: by side.
        dim: columns.
        both: whether the item table has both ordinary and item columns, whose gaps are coded apart.
    """

    rows: Mapping[str, int]
    dim: int
    both: bool = False

    def cells(self, name: str) -> int:
        """Rows times columns of the side that a name begins with, of those that it tells of; 0 for another side."""
        side, _, kind = name.partition(".")
        rows = self.rows.get(side, 0)
        if self.both and side == "items":
            return rows * (rows if kind == "item_gaps" else max(self.dim - rows, 0))
        return rows * self.dim


def names(tensors: Iterable[str]) -> list[str]:
    """Names of the sequences of a file with these tensors, sorted; one of several only where all of them are there."""
    left, complete = set(tensors), []
    for side in ("items", "users"):
        for name, sequence in sequences().items():
            parts = {f"{side}.{kind}" for kind in sequence.kinds}
            if parts <= left:
                left -= parts
                complete.append(f"{side}.{name}")
    return sorted([*left, *complete])


def tensors_of(name: str) -> list[str]:
    """Names of the tensors that a sequence makes."""
    side, _, _ = name.partition(".")
    return [f"{side}.{kind}" for kind in _sequence(name).kinds]


def numbers_of(name: str, tensors: Mapping[str, np.ndarray], sizes: TableSizes) -> np.ndarray:
    """A sequence of a checked file, (n,) int64."""
    return _sequence(name).numbers(_of_side(name, tensors), sizes.cells(name))


def most_numbers(name: str, shapes: Mapping[str, tuple[str, tuple[int, ...]]]) -> int:
    """The most numbers (exact where their count follows) that a sequence has whose tensors have these shapes."""
    return _sequence(name).most(_of_side(name, shapes))


def tensors_from(
    name: str, numbers: np.ndarray, shapes: Mapping[str, tuple[str, tuple[int, ...]]], sizes: TableSizes
) -> dict[str, np.ndarray]:
    """The inverse of `numbers_of`, for numbers from anywhere.

    Args:
        name: of the sequence.
        numbers: (n,) int64.
        shapes: type and shape of each tensor, by name.
        sizes: of the file that is made.

    Raises:
        SparserecError: when the numbers do not make tensors of these types and shapes.
    """
    side, _, _ = name.partition(".")
    parts = _sequence(name).tensors(name, numbers, _of_side(name, shapes), sizes.cells(name))
    tensors = {f"{side}.{kind}": tensor for kind, tensor in parts.items()}
    for part, tensor in tensors.items():
        if shapes[part] != (type_name(tensor.dtype), tensor.shape):
            raise SparserecError(f"the numbers of {name!r} do not fit the shape of its tensors")
    return tensors


def _sequence(name: str) -> NumberSequence:
    _, _, kind = name.partition(".")
    return sequences().get(kind) or Entries(kind)


def _of_side(name: str, by_name: Mapping[str, Any]) -> dict[str, Any]:
    """What belongs to the kinds of a sequence, by kind."""
    side, _, _ = name.partition(".")
    return {kind: by_name[f"{side}.{kind}"] for kind in _sequence(name).kinds}
