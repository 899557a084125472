"""How the values of a table are coded: its step, and whether it has signs; both as a budget of bytes allows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from sparserec.artefact import coded, positive, rice


@dataclass(frozen=True)
class Code:
    """How the values of a table are coded.

    Attributes:
        step: width of an interval, above 0.
        least: the least magnitude of values without signs; None where values have signs.
    """

    step: np.float32
    least: int | None = None

    def encode(self, values: np.ndarray) -> dict[str, np.ndarray]:
        """The tensors of values (nnz,) float32, by their names after that of the side."""
        if self.least is None:
            return coded.encode(values, self.step)
        return positive.encode(values, self.step, self.least)

    def outline(self, values: np.ndarray) -> dict[str, np.ndarray]:
        """Arrays of the types and shapes of these tensors, without content or memory."""
        if self.least is None:
            return coded.outline(values, self.step)
        return positive.outline(values, self.step, self.least)

    def middle(self, values: np.ndarray) -> np.ndarray:
        """The absolute values (nnz,) float64 that come back."""
        return coded.middle(values, self.step, self.least or 0)


def usual(values: Mapping[str, np.ndarray]) -> dict[str, Code]:
    """The code of each side when no budget is given; no value is off by more than half a step.

    Raises:
        SparserecError: when a value can't be coded.
    """
    steps = coded.Steps(values).usual()
    return {
        side: Code(steps[side], positive.whole(numbers, steps[side]) if positive.suits(numbers) else None)
        for side, numbers in values.items()
    }


def finest(
    values: Mapping[str, np.ndarray], bytes_with: Callable[[Mapping[str, Code]], int], budget: int
) -> dict[str, Code]:
    """The code of each side with the finest steps whose file is within the budget.

    The larger the least magnitude of a table, the fewer bytes its codes take, and the finer its step may be; but the
    more of its values are below. So one after the other is tried as long as the squared error falls, every table
    counting relative to its sum of squares.

    Args:
        values: of each side, (nnz,) float32, at least one each.
        bytes_with: codes by side -> the bytes of a file.
        budget: bytes.

    Raises:
        SparserecError: when a value can't be coded, or no step keeps the budget.
    """
    steps = coded.Steps(values)

    def within(least: Mapping[str, int | None]) -> dict[str, Code]:
        def codes_at(index: int) -> dict[str, Code]:
            return {side: Code(step, least[side]) for side, step in steps.at(index).items()}

        return codes_at(coded.finest(lambda index: bytes_with(codes_at(index)), budget))

    codes = within({side: 0 if positive.suits(numbers) else None for side, numbers in values.items()})
    if all(code.least is None for code in codes.values()):
        return codes
    lost = _lost(values, codes)
    while True:
        others = within({side: _larger(code, values[side]) for side, code in codes.items()})
        others_lost = _lost(values, others)
        if others_lost >= lost:
            return codes
        codes, lost = others, others_lost


def _larger(code: Code, values: np.ndarray) -> int | None:
    """A larger least magnitude than that of a code: the usual one of its step, or the next."""
    if code.least is None:
        return None
    return min(max(code.least + 1, positive.usual(values, code.step)), rice.MOST)


def _lost(values: Mapping[str, np.ndarray], codes: Mapping[str, Code]) -> float:
    """Squared error of all sides."""
    errors = {
        side: np.abs(numbers).astype(np.float64) - codes[side].middle(numbers) for side, numbers in values.items()
    }
    return sum(relative_error(numbers, errors[side]) for side, numbers in values.items())


def relative_error(values: np.ndarray, errors: np.ndarray) -> float:
    """Squared errors (nnz,) float64 relative to the squares of the values (nnz,) float32.

    A sum that does not depend on how NumPy adds up.
    """
    exact = values.astype(np.float64)
    return math.fsum((errors * errors).tolist()) / max(math.fsum((exact * exact).tolist()), 1e-300)
