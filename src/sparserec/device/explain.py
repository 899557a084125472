"""Why an item is recommended: what each item of the history adds to its score."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recommendation:
    """An item that is recommended, with its reasons.

    Attributes:
        item: raw id.
        score: as `recommend` gives it.
        because: each item of the history with what it adds to the score, largest first, of equal ones in the order of
            the history. They add up to the score, up to rounding in single precision.
    """

    item: str
    score: float
    because: tuple[tuple[str, float], ...]
