"""Tensors as sequences of numbers, in which a small change of the model is a small change: what patches compare.

In the file, one more value moves all later bits. As numbers, Rice codes and all else stay as they were around it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping

import numpy as np

from sparserec.artefact import rice
from sparserec.artefact.schema import DTYPES
from sparserec.errors import SparserecError

Shapes = Mapping[str, tuple[str, tuple[int, ...]]]
"""Type and shape of tensors by name."""


class NumberSequence(ABC):
    """One tensor or several of a side as numbers.

    Attributes:
        kinds: names of the tensors after that of the side, in the order in which a patch has their bytes.
    """

    kinds: tuple[str, ...]

    def most(self, shapes: Shapes) -> int:
        """The most numbers of tensors of these types and shapes, by kind: here one a bit, and one."""
        return 1 + sum(8 * DTYPES[dtype].itemsize * math.prod(shape) for dtype, shape in shapes.values())

    @abstractmethod
    def numbers(self, tensors: Mapping[str, np.ndarray], cells: int) -> np.ndarray:
        """The numbers (n,) int64 of tensors, by kind, of a checked file; `cells` are rows times columns."""

    @abstractmethod
    def tensors(self, name: str, numbers: np.ndarray, shapes: Shapes, cells: int) -> dict[str, np.ndarray]:
        """The inverse of `numbers`, for numbers from anywhere.

        Args:
            name: of the sequence, for messages.
            numbers: (n,) int64.
            shapes: type and shape that each tensor must have, by kind. They need not be looked at where tensors of
                other types or shapes take no more memory; the caller compares them.
            cells: rows times columns.

        Raises:
            SparserecError: when the numbers do not make such tensors.
        """


class Entries(NumberSequence):
    """The entries of one tensor, the bits of each read as a natural number.

    Args:
        kind: the tensor.
        running: whether each number is the entry less the one before it.
    """

    def __init__(self, kind: str, *, running: bool = False):
        self.kinds, self._running = (kind,), running

    def most(self, shapes: Shapes) -> int:
        """One an entry."""
        return math.prod(shapes[self.kinds[0]][1])

    def numbers(self, tensors: Mapping[str, np.ndarray], cells: int) -> np.ndarray:
        """As for `NumberSequence`."""
        tensor = np.ascontiguousarray(tensors[self.kinds[0]]).reshape(-1)
        numbers = tensor.view(f"<u{tensor.itemsize}").astype(np.int64)
        return np.diff(numbers, prepend=0) if self._running else numbers

    def tensors(self, name: str, numbers: np.ndarray, shapes: Shapes, cells: int) -> dict[str, np.ndarray]:
        """As for `NumberSequence`."""
        (kind,) = self.kinds
        type_of, shape = shapes[kind]
        if self._running:
            numbers = np.cumsum(numbers)
        dtype = DTYPES[type_of]
        size = math.prod(shape)
        if len(numbers) != size or ((numbers < 0) | (numbers >> 8 * dtype.itemsize)).any():
            raise SparserecError(f"the numbers of {name!r} do not fit its type and shape")
        return {kind: numbers.astype(f"<u{dtype.itemsize}").view(dtype).reshape(shape)}


class RiceCoded(NumberSequence):
    """The numbers of a Rice code that stores its shift, the shift before them.

    Args:
        stem: of the names of its two tensors.
    """

    def __init__(self, stem: str):
        self.kinds = (f"{stem}_low", f"{stem}_high")

    def most(self, shapes: Shapes) -> int:
        """One for each bit of the high parts, and the shift."""
        return 1 + most_bits(shapes[self.kinds[1]])

    def numbers(self, tensors: Mapping[str, np.ndarray], cells: int) -> np.ndarray:
        """As for `NumberSequence`."""
        low, high = (tensors[kind] for kind in self.kinds[:2])
        return np.concatenate(([int(low[0])], joined(rice.decode(low[1:], high, int(low[0])))))

    def tensors(self, name: str, numbers: np.ndarray, shapes: Shapes, cells: int) -> dict[str, np.ndarray]:
        """As for `NumberSequence`."""
        if len(numbers) == 0 or not 0 <= int(numbers[0]) <= rice.MOST_SHIFT:
            raise SparserecError(f"the numbers of {name!r} begin with no shift")
        shift, numbers = int(numbers[0]), numbers[1:]
        low, high = rice_code(name, numbers, shift, most_bits(shapes[self.kinds[1]]))
        low = np.concatenate((np.array([shift], dtype=np.uint8), low))
        return {self.kinds[0]: low, self.kinds[1]: high}


def rice_code(name: str, numbers: np.ndarray, shift: int, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Low and high parts of numbers (n,) int64 from anywhere, where the high parts have `bits` bits at most."""
    if len(numbers) == 0:
        raise SparserecError(f"there are too few numbers of {name!r}, or too many")
    # Each is looked at alone before they are added up, so that no sum goes beyond an int64.
    highs = numbers >> shift
    if (numbers < 0).any() or (highs > bits).any() or len(numbers) + int(highs.sum()) > bits:
        raise SparserecError(f"the numbers of {name!r} do not fit the shape of its tensors")
    blocks = (numbers[first : first + rice.BLOCK] for first in range(0, len(numbers), rice.BLOCK))
    return rice.encode(blocks, len(numbers), shift, int(highs.sum()))


def most_bits(shape: tuple[str, tuple[int, ...]]) -> int:
    """Bits of a tensor of bytes, of this type and shape."""
    return 8 * math.prod(shape[1])


def joined(blocks: Iterable[np.ndarray]) -> np.ndarray:
    """Blocks of numbers one after another, (n,) int64; there may be none."""
    return np.concatenate([np.zeros(0, dtype=np.int64), *blocks])
