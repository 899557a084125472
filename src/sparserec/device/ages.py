"""What the age of an item in a history does to it."""

from __future__ import annotations

import numpy as np


class Ages:
    """The numbers of a file in which the order of a history counts.

    The age of an item is how many items of the history are newer. What is disliked has the age 0.

    Args:
        decay: (1,) or (2,) float32: to the power of the age, the first is what a row counts, the second, where there is
            one, what is added to the vector at the item's own column.
        n: number of items.
        dim: number of columns; with two numbers the last n are the items' own.
    """

    def __init__(self, decay: np.ndarray, n: int, dim: int):
        self._decays = decay.astype(np.float64).tolist()
        self.ordinary = dim - n if self.item_columns else dim
        """Columns before those of items."""

    @property
    def counts(self) -> bool:
        """Whether age counts for anything: with ones alone, a file has item columns and no order."""
        return any(decay < 1 for decay in self._decays)

    @property
    def item_columns(self) -> bool:
        """Whether each item has a column of its own."""
        return len(self._decays) == 2

    def of_rows(self, count: int, aged: bool = True) -> np.ndarray:
        """What the rows of a history count, oldest first, (count,) float64; ones where they do not age."""
        return _powers(self._decays[0], count)[::-1] if aged else np.ones(count)

    def of_columns(self, count: int, aged: bool = True) -> np.ndarray:
        """The same for what the items add at their own columns."""
        return _powers(self._decays[1], count)[::-1] if aged else np.ones(count)


def _powers(base: float, count: int) -> np.ndarray:
    """The first powers of a number, from that to 0 on, (count,) float64: each is the one before it times the number."""
    powers = np.full(count, base)
    powers[:1] = 1
    return np.multiply.accumulate(powers, out=powers)
