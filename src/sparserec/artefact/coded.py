"""Values of a sparse table as signs and Rice-coded magnitudes, with one step for the whole table.

A value v becomes sign(v) * (q + 0.5) * step with q = floor(|v| / step): the middle of its interval, so it is off by
half a step at most. There is no interval around 0: values that are worth less than their place are left out of the
table before (`thinning`), and the others are kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from sparserec.artefact import rice
from sparserec.errors import SparserecError

NAMES = rice.Names("magnitudes", "magnitude")
KINDS = ("signs", "magnitudes_low", "magnitudes_high", "step")
"""The tensors of a side."""
SMALLEST = 2.0**-126
"""The smallest step, which is the smallest normal float32."""
LARGEST = 2.0**126
"""The largest absolute value that is coded: twice it is still a float32, as the coarsest step must be."""
USUAL = 1 / 6
"""The step without a byte budget, in mean absolute values of the table: about 5 bits a value."""
FINEST = 1 / 256
"""The finest step that a byte budget may lead to, in mean absolute values of the table."""
GRID = 1 << 20
"""Steps between the finest and the coarsest one that a byte budget chooses from."""


class Steps:
    """The steps to choose from, the same in relation to the mean absolute value of each table.

    Args:
        values: of each side, (nnz,) float32, at least one each.

    Raises:
        SparserecError: when a value is not finite or above 2**126.
    """

    def __init__(self, values: Mapping[str, np.ndarray]):
        for side, numbers in values.items():
            if not np.isfinite(numbers).all():
                raise SparserecError(
                    f"the {side} table holds values that are not finite numbers; the training has diverged"
                )
            if np.abs(numbers).max() > LARGEST:
                raise SparserecError(f"a value of {np.abs(numbers).max():.3g} is too large to be coded")
        self._largest = {side: float(np.abs(numbers).max()) for side, numbers in values.items()}
        # A sum that does not depend on how NumPy adds up: same content, same bytes.
        self._mean = {
            side: math.fsum(np.abs(numbers).astype(np.float64).tolist()) / len(numbers)
            for side, numbers in values.items()
        }
        self._coarsest = max((2 * self._largest[side] / mean for side, mean in self._mean.items() if mean), default=2.0)

    def usual(self) -> dict[str, np.float32]:
        """The step of each side when no budget is given."""
        return self._of(USUAL)

    def at(self, index: int) -> dict[str, np.float32]:
        """The step of each side at a place of the grid, from 0, the finest, to GRID, where every magnitude is 0."""
        return self._of(FINEST * (self._coarsest / FINEST) ** (index / GRID))

    def _of(self, share: float) -> dict[str, np.float32]:
        steps = {}
        for side, mean in self._mean.items():
            # No finer than the largest magnitude allows, and no coarser than makes all of this side's magnitudes 0.
            largest = self._largest[side]
            steps[side] = np.float32(max(min(share * mean, 2 * largest), largest / rice.MOST, SMALLEST))
        return steps


def finest(bytes_at: Callable[[int], int], budget: int) -> int:
    """The place of the grid with the finest step whose file is within the budget.

    Magnitudes never grow with the step, so neither do their codes. The header's numbers may make it 8 bytes longer
    from one step to a coarser one; what is found fits all the same, and the next finer step does not.

    Args:
        bytes_at: the bytes of a file, for a place of the grid.
        budget: bytes.

    Raises:
        SparserecError: when not even the coarsest step fits.
    """
    least = bytes_at(GRID)
    if least > budget:
        raise SparserecError(
            f"a budget of {budget:,} bytes is {least - budget:,} too small: "
            f"even with the coarsest step the file takes {least:,} bytes, raw ids apart"
        )
    if bytes_at(0) <= budget:
        return 0
    too_fine, fits = 0, GRID
    while fits - too_fine > 1:
        middle = (too_fine + fits) // 2
        if bytes_at(middle) <= budget:
            fits = middle
        else:
            too_fine = middle
    return fits


def middle(values: np.ndarray, step: np.float32, least: int = 0) -> np.ndarray:
    """The absolute values (nnz,) float64 that the codes of `values` stand for, where none has less than a magnitude."""
    return (np.maximum(magnitudes(values, step), least) + 0.5) * float(step)


def encode(values: np.ndarray, step: np.float32) -> dict[str, np.ndarray]:
    """Code values (nnz,) float32 with one of the `Steps` of their table; gives the tensors by `KINDS`."""
    low, high = rice.pack(magnitudes(values, step))
    signs = np.packbits(values < 0, bitorder="little")
    return {"signs": signs, "magnitudes_low": low, "magnitudes_high": high, "step": np.array([step])}


def outline(values: np.ndarray, step: np.float32) -> dict[str, np.ndarray]:
    """Arrays of the types and shapes that `encode` would give, without content or memory, to add up bytes."""
    sizes = rice.sizes(magnitudes(values, step))
    lengths = (rice.bytes_of(len(values)), sizes.low, sizes.high)
    arrays = {kind: np.broadcast_to(np.uint8(0), (length,)) for kind, length in zip(KINDS[:3], lengths, strict=True)}
    return arrays | {"step": np.broadcast_to(step, (1,))}


def decode(
    signs: np.ndarray, low: np.ndarray, high: np.ndarray, step: np.ndarray, nnz: int
) -> tuple[np.ndarray, float]:
    """The inverse of `encode`, up to half a step; takes no memory before the bytes bear out the sizes.

    Args:
        signs: (bytes,) uint8.
        low: (bytes,) uint8.
        high: (bytes,) uint8.
        step: float32.
        nnz: number of values, at least 1.

    Returns:
        codes (nnz,), sign * (2 * q + 1) in the narrowest of int8, int16 and int32, and what to multiply them with,
        half a step. Their product is exact in float64, and finite in float32.

    Raises:
        SparserecError: when the bytes are not the code of so many values.
    """
    half = half_step(step)
    if signs.shape != (rice.bytes_of(nnz),):
        raise SparserecError(f"'signs' must have {rice.bytes_of(nnz)} bytes, one bit for each of {nnz} values")
    if nnz % 8 and int(signs[-1]) >> nnz % 8:
        raise SparserecError("'signs' has bits set after the last value")
    numbers = rice.unpack(low, high, nnz, NAMES)
    codes = numbers.astype(narrowest(int(numbers.max()), half), copy=False)
    codes *= 2
    codes += 1
    for first in range(0, nnz, rice.BLOCK):  # a multiple of 8
        part = codes[first : first + rice.BLOCK]
        bits = signs[first // 8 : (first + rice.BLOCK) // 8]
        np.negative(part, out=part, where=np.unpackbits(bits, count=len(part), bitorder="little").view(bool))
    return codes, half


def half_step(step: np.ndarray) -> float:
    """Half of a step as it is in a file. Raises SparserecError where it is none."""
    if step.shape != (1,) or not np.isfinite(step[0]) or step[0] < SMALLEST:
        raise SparserecError("'step' must be one finite number above 0, and not subnormal")
    return float(step[0]) / 2


def narrowest(largest: int, half: float) -> type[np.signedinteger]:
    """The type that codes 2 * q + 1 take where the largest magnitude q is this.

    Raises:
        SparserecError: when it is too large for that half of a step.
    """
    most = 2 * largest + 1
    if most * half > float(np.finfo(np.float32).max):
        raise SparserecError("the largest magnitude times 'step' is not a finite number in single precision")
    return np.int8 if most < 1 << 7 else np.int16 if most < 1 << 15 else np.int32


def magnitudes(values: np.ndarray, step: np.float32) -> np.ndarray:
    """The magnitudes (nnz,) int32 of values of a table with this step."""
    return np.floor(np.abs(values).astype(np.float64) / float(step)).astype(np.int32)
