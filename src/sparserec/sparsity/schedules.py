"""When exploration happens, and how much of the mask it moves."""

from __future__ import annotations

import math


def drop_fraction(step: int, end: int, initial: float) -> float:
    """Share of the active parameters to move at a step: `initial` at step 0, decaying to 0 at `end` as a cosine.

    Source: Dettmers and Zettlemoyer, "Sparse networks from scratch" (arXiv 1907.04840); used by RigL.
    """
    if step >= end:
        return 0.0
    return initial * 0.5 * (1 + math.cos(math.pi * step / end))


def is_due(step: int, interval: int, end: int) -> bool:
    """Whether the mask is to be revised after `step` steps: every `interval` steps, before `end`."""
    return 0 < step < end and step % interval == 0
