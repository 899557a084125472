"""Means over seeds, and whether two groups of seeds are clearly apart."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CLEAR = 4.303
"""Standard errors between two means that count as clear: the two-sided 5 % point of Student's t at 2 degrees of
freedom, the fewest that Welch's formula gives for three seeds a side."""


@dataclass(frozen=True)
class Difference:
    """Of one group of seeds from another.

    Attributes:
        percent: of the other's mean, between the means.
        errors: the same in standard errors of the difference (Welch); infinite when nothing varies.
        worst: the worst seed of the one less the best one of the other, in per cent of the other's mean.
        clear: 1 or -1 when every seed lies on one side of every seed of the other and the means are at least `CLEAR`
            standard errors apart, else 0.
    """

    percent: float
    errors: float
    worst: float
    clear: int


def difference(ours: Sequence[float], theirs: Sequence[float]) -> Difference:
    """Compare two groups of two seeds or more each."""
    mean = statistics.mean(theirs)
    gap = statistics.mean(ours) - mean
    spread = (statistics.variance(ours) / len(ours) + statistics.variance(theirs) / len(theirs)) ** 0.5
    errors = gap / spread if spread else (float("inf") if gap > 0 else -float("inf") if gap < 0 else 0.0)
    ahead = min(ours) > max(theirs) and errors >= CLEAR
    behind = max(ours) < min(theirs) and errors <= -CLEAR
    return Difference(100 * gap / mean, errors, 100 * (min(ours) - max(theirs)) / mean, ahead - behind)


def spread(values: Sequence[float], digits: int = 4) -> str:
    """Mean, and the standard deviation where there are several values: 0.1234 ± 0.0005."""
    mean = f"{statistics.mean(values):.{digits}f}"
    return mean if len(values) < 2 else f"{mean} ± {statistics.stdev(values):.{digits}f}"


def beside(figures: Any, published: Mapping[str, float], whose: str, short: str) -> dict[str, float | str]:
    """Test metrics, those that others published, and by how much ours differ.

    Args:
        figures: metrics by name.
        published: theirs.
        whose: in words: "test ndcg@20, WHOSE" is theirs.
        short: the same: "test ndcg@20, against SHORT" is the difference.
    """
    rows: dict[str, float | str] = {}
    for name, theirs in published.items():
        rows |= {f"test {name}": round(figures[name], 4), f"test {name}, {whose}": theirs}
        rows[f"test {name}, against {short}"] = f"{figures[name] / theirs - 1:+.1%}"
    return rows
