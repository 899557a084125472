"""Many slices of one array at once."""

from __future__ import annotations

import numpy as np


def spans(first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The numbers of all spans, one span after another.

    Args:
        first: (m,) integers.
        last: (m,) integers, exclusive, none below `first`.

    Returns:
        (sum of last - first,) intp: first[0], first[0] + 1, ..., last[0] - 1, first[1], ...
    """
    lengths = (last - first).astype(np.intp)
    ends = lengths.cumsum()
    moved = first.astype(np.intp)
    moved -= ends
    moved += lengths
    numbers = moved.repeat(lengths)
    numbers += np.arange(len(numbers), dtype=np.intp)
    return numbers
