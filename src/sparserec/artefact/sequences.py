"""The tensors of an artefact as sequences of numbers, in which a small change of the model is a small change.

In the file, one more value moves all later bits. As numbers, Rice codes and all else stay as they were around it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from sparserec.artefact import gaps, rice
from sparserec.artefact.schema import DTYPES, type_name
from sparserec.errors import SparserecError

GROUPS = {
    "gaps": ("gaps_low", "gaps_high"),
    "magnitudes": ("magnitudes_low", "magnitudes_high", "signs"),
    "history": ("history_low", "history_high"),
}
"""Sequences that several tensors make together: the kinds of these, after "items." or "users."."""


@dataclass(frozen=True)
class Sizes:
    """What the code of gaps depends on: rows by side, and columns."""

    rows: Mapping[str, int]
    dim: int


def names(tensors: Iterable[str]) -> list[str]:
    """Names of the sequences of a file with these tensors, sorted; of a group only where all of it is there."""
    left, found = set(tensors), []
    for side in ("items", "users"):
        for group, kinds in GROUPS.items():
            parts = {f"{side}.{kind}" for kind in kinds}
            if parts <= left:
                left -= parts
                found.append(f"{side}.{group}")
    return sorted([*left, *found])


def tensors_of(name: str) -> list[str]:
    """Names of the tensors that a sequence makes."""
    side, _, kind = name.partition(".")
    return [f"{side}.{part}" for part in GROUPS.get(kind, (kind,))]


def numbers_of(name: str, tensors: Mapping[str, np.ndarray], sizes: Sizes) -> np.ndarray:
    """A sequence of a checked file, (n,) int64."""
    kind = name.partition(".")[2]
    if name in tensors:
        tensor = np.ascontiguousarray(tensors[name]).reshape(-1)
        numbers = tensor.view(f"<u{tensor.itemsize}").astype(np.int64)
        return np.diff(numbers, prepend=0) if kind == "id_offsets" else numbers
    low, high = tensors[f"{name}_low"], tensors[f"{name}_high"]
    if kind == "gaps":
        nnz = rice.one_bits(high)
        shift = gaps.shift_of(sizes.rows[name.partition(".")[0]] * sizes.dim, nnz)
        return _joined(rice.decode(low, high, shift))
    numbers = _joined(rice.decode(low[1:], high, int(low[0])))
    if kind == "magnitudes":
        signs = tensors[f"{name.partition('.')[0]}.signs"]
        numbers = 2 * numbers + np.unpackbits(signs, count=len(numbers), bitorder="little")
    return np.concatenate(([int(low[0])], numbers))


def tensors_from(
    name: str, numbers: np.ndarray, shapes: Mapping[str, tuple[str, tuple[int, ...]]], sizes: Sizes
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
    if name in shapes:
        kind, shape = shapes[name]
        if name.endswith(".id_offsets"):
            numbers = np.cumsum(numbers)
        dtype = DTYPES[kind]
        if (
            len(numbers) != int(np.prod(shape, dtype=np.int64))
            or ((numbers < 0) | (numbers >> 8 * dtype.itemsize)).any()
        ):
            raise SparserecError(f"the numbers of {name!r} do not fit its type and shape")
        return {name: numbers.astype(f"<u{dtype.itemsize}").view(dtype).reshape(shape)}
    found, signs = {}, name.replace("magnitudes", "signs")
    if signs != name:
        found[signs] = np.packbits((numbers[1:] & 1).astype(np.uint8), bitorder="little")
        numbers = np.concatenate((numbers[:1], numbers[1:] >> 1))
    most_bits = 8 * int(np.prod(shapes[f"{name}_high"][1], dtype=np.int64))
    found[f"{name}_low"], found[f"{name}_high"] = _coded(name, numbers, sizes, most_bits)
    for part, tensor in found.items():
        if shapes[part] != (type_name(tensor.dtype), tensor.shape):
            raise SparserecError(f"the numbers of {name!r} do not fit the shape of its tensors")
    return found


def _coded(name: str, numbers: np.ndarray, sizes: Sizes, most_bits: int) -> tuple[np.ndarray, np.ndarray]:
    side, _, kind = name.partition(".")
    shift = None
    if kind != "gaps":
        if len(numbers) == 0 or not 0 <= int(numbers[0]) <= rice.MOST_SHIFT:
            raise SparserecError(f"the numbers of {name!r} begin with no shift")
        shift, numbers = int(numbers[0]), numbers[1:]
    elif 0 < len(numbers) <= sizes.rows.get(side, 0) * sizes.dim:
        cells = sizes.rows[side] * sizes.dim
        return _rice(name, numbers, gaps.shift_of(cells, len(numbers)), most_bits)
    if shift is None or len(numbers) == 0:
        raise SparserecError(f"there are too few numbers of {name!r}, or too many")
    low, high = _rice(name, numbers, shift, most_bits)
    return np.concatenate((np.array([shift], dtype=np.uint8), low)), high


def _rice(name: str, numbers: np.ndarray, shift: int, most_bits: int) -> tuple[np.ndarray, np.ndarray]:
    # Each is looked at alone before they are added up, so that no sum goes beyond an int64.
    highs = numbers >> shift
    if (numbers < 0).any() or (highs > most_bits).any() or len(numbers) + int(highs.sum()) > most_bits:
        raise SparserecError(f"the numbers of {name!r} do not fit the shape of its tensors")
    blocks = (numbers[first : first + rice.BLOCK] for first in range(0, len(numbers), rice.BLOCK))
    return rice.encode(blocks, len(numbers), shift, int(highs.sum()))


def _joined(blocks: Iterable[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0, dtype=np.int64), *blocks])
