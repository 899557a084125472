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


def fading(bounds: np.ndarray, decay: float) -> np.ndarray:
    """decay^age for each place of many slices; the last of each has the age 0, the one before it 1.

    Args:
        bounds: (m + 1,) integers from 0 on, where slices begin and end.
        decay: in (0, 1].

    Returns:
        (bounds[-1],) float32.
    """
    ages = np.repeat(bounds[1:], np.diff(bounds)) - 1 - np.arange(bounds[-1])
    return (decay**ages).astype(np.float32)
