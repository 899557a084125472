"""Values of a table none of which is negative: Rice-coded magnitudes above a least one, and no signs.

A value v becomes (q + 0.5) * step with q = floor(v / step), or the least magnitude where q is below it. A table cut to
its largest values has next to none that are small; what all magnitudes have in common is so stored once.
"""

from __future__ import annotations

import numpy as np

from sparserec.artefact import coded, rice
from sparserec.errors import SparserecError

NAMES = rice.Names("excess", "magnitude above the least")
KINDS = ("excess_low", "excess_high", "least", "step")
"""The tensors of a side."""
FEWEST = 256
"""Values of a table from which on it is stored so: of fewer, signs take no more than what is stored instead."""
USUAL = 0.02
"""Share of the values that the least magnitude may be above where bytes are scarce, to begin with."""


def suits(values: np.ndarray) -> bool:
    """Whether a table of these values (nnz,) is stored so."""
    return len(values) >= FEWEST and not (values < 0).any()


def whole(values: np.ndarray, step: np.float32) -> int:
    """The largest least magnitude that changes no value."""
    return int(_magnitude(values.min(), step))


def usual(values: np.ndarray, step: np.float32) -> int:
    """A least magnitude that few values are below."""
    place = int(USUAL * len(values))
    return int(_magnitude(np.partition(values, place)[place], step))


def encode(values: np.ndarray, step: np.float32, least: int) -> dict[str, np.ndarray]:
    """Code values (nnz,) float32, none negative, with a step of their table; gives the tensors by `KINDS`."""
    low, high = rice.pack(_excess(values, step, least))
    return {
        "excess_low": low,
        "excess_high": high,
        "least": np.array([least], dtype=np.uint32),
        "step": np.array([step]),
    }


def outline(values: np.ndarray, step: np.float32, least: int) -> dict[str, np.ndarray]:
    """Arrays of the types and shapes that `encode` would give, without content or memory, to add up bytes."""
    sizes = rice.sizes(_excess(values, step, least))
    arrays = (np.uint8(0), sizes.low), (np.uint8(0), sizes.high), (np.uint32(least), 1), (step, 1)
    return {kind: np.broadcast_to(entry, (length,)) for kind, (entry, length) in zip(KINDS, arrays, strict=True)}


def decode(
    low: np.ndarray, high: np.ndarray, least: np.ndarray, step: np.ndarray, nnz: int
) -> tuple[np.ndarray, float]:
    """The inverse of `encode`; takes no memory before the bytes bear out the sizes.

    Args:
        low: (bytes,) uint8.
        high: (bytes,) uint8.
        least: uint32.
        step: float32.
        nnz: number of values, at least 1.

    Returns:
        codes (nnz,), 2 * q + 1 in the narrowest of int8, int16 and int32, and what to multiply them with, half a step.
        Their product is exact in float64, and finite in float32.

    Raises:
        SparserecError: when the bytes are not the code of so many values.
    """
    half = coded.half_step(step)
    if least.shape != (1,) or least[0] > rice.MOST:
        raise SparserecError(f"'least' must be one whole number of {rice.MOST} at most")
    magnitudes = rice.unpack(low, high, nnz, NAMES)
    largest, fewest = int(magnitudes.max()), int(least[0])
    if fewest + largest > rice.MOST:
        raise SparserecError(f"'least' and the largest number above it are {fewest + largest}, above {rice.MOST}")
    codes = magnitudes.astype(coded.narrowest(fewest + largest, half), copy=False)
    codes *= 2
    codes += 2 * fewest + 1
    return codes, half


def _excess(values: np.ndarray, step: np.float32, least: int) -> np.ndarray:
    return np.maximum(coded.magnitudes(values, step) - np.int32(least), 0)


def _magnitude(value: np.float32, step: np.float32) -> np.int32:
    return coded.magnitudes(np.array([value]), step)[0]
