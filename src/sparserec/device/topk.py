"""The largest of many numbers."""

from __future__ import annotations

import numpy as np

LANES = 64
"""Numbers of which only the largest is looked at when a bound is made."""


def kth_largest(scores: np.ndarray, k: int) -> float:
    """A number that at least k scores reach, near the k-th largest of them.

    It is the k-th largest of maxima over sets of `LANES` scores each, which no two share; where there are too few such
    sets, the k-th largest itself. Looking at maxima is several times faster than a partition of all scores, and
    does not slow down when many scores are equal.

    Args:
        scores: (n,) floats, none of them NaN.
        k: 1 to n.
    """
    width = len(scores) // LANES
    if width < 4 * k:
        return float(np.partition(scores, len(scores) - k)[len(scores) - k])
    tops = scores[: width * LANES].reshape(LANES, width).max(axis=0)
    tops.partition(width - k)
    return float(tops[width - k])


def top_k(scores: np.ndarray, k: int) -> np.ndarray:
    """Indices of the k largest scores above -inf, best first; among equal ones the lowest index first.

    Args:
        scores: (n,) floats, none of them NaN.
        k: at least 1; fewer come back when fewer are above -inf.
    """
    k = min(k, len(scores))
    bound = kth_largest(scores, k)
    near = np.flatnonzero(scores >= bound) if bound > -np.inf else np.flatnonzero(scores > -np.inf)
    return near[np.argsort(-scores[near], kind="stable")][:k]
