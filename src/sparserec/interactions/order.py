"""Whether the times of interactions say which are a user's newest, and their order."""

from __future__ import annotations

import numpy as np

from sparserec.interactions.types import Interactions
from sparserec.ties import scattered

DECIDED = 0.5
"""Share of what would be cut off as the newest that times must decide: where ties decide more, the order is chance."""
FEW_MOMENTS = 10
"""Where nearly all interactions share fewer moments than this, and users' own share them too, they are of exports."""
NEARLY_ALL = 0.95


def newest_first(part: Interactions) -> np.ndarray:
    """(nnz,) int64 keys, 0 for the newest of all; those of one time in the order that sequences have too.

    Args:
        part: with timestamps; its seed orders what happened at one time.
    """
    assert part.timestamps is not None  # checked by the caller
    order = np.lexsort((scattered(part.rows(), part.indices, part.seed), part.timestamps))[::-1]
    keys = np.empty(part.nnz, dtype=np.int64)
    keys[order] = np.arange(part.nnz)
    return keys


def share_of(count: np.ndarray, fraction: float) -> np.ndarray:
    """`fraction` of each count, rounded half up, at least 1 and never all of it (0 of 1)."""
    return np.clip((fraction * count + 0.5).astype(np.int64), 1, np.maximum(count - 1, 0))


def says_nothing(part: Interactions, fraction: float) -> str:
    """Why times don't tell which of a user's interactions are the newest, in words; empty where they do.

    Args:
        part: with timestamps.
        fraction: share of each user's interactions that would be cut off as the newest, in (0, 1).
    """
    assert part.timestamps is not None  # checked by the caller
    decided, apart = _decided(part, fraction)
    if decided < DECIDED:
        return f"only {decided:.0%} of what would be a user's newest interactions are newer than the rest"
    moments = _moments(part.timestamps)
    if moments < FEW_MOMENTS and apart < DECIDED:
        shared = "one moment" if moments == 1 else f"{moments} moments"
        return f"{NEARLY_ALL:.0%} of the interactions share {shared}"
    return ""


def _decided(part: Interactions, fraction: float) -> tuple[float, float]:
    """How far times decide, of users with two interactions and more; both 1 where there is no such user.

    Returns:
        the share of interactions cut off as the newest that are newer than what stays, a tie with a part of that
        counting in part; and the share of interactions whose time is not that of the one before.
    """
    times, degrees = part.timestamps, part.user_degrees()
    assert times is not None
    several = degrees >= 2
    if not several.any():
        return 1.0, 1.0
    times = times[np.lexsort((times, part.rows()))]  # of each user, oldest first
    new = np.ones(part.nnz, dtype=bool)
    np.not_equal(times[1:], times[:-1], out=new[1:])
    new[part.indptr[:-1][degrees > 0]] = True
    first = np.flatnonzero(new)
    group = np.cumsum(new) - 1  # of one user and one time
    sizes = np.diff(np.append(first, part.nnz))
    taken = share_of(degrees, fraction)[several]
    boundary = part.indptr[1:][several] - taken  # the oldest that is cut off
    kept_tied = boundary - first[group[boundary]]
    taken_tied = sizes[group[boundary]] - kept_tied
    undecided = taken_tied * (kept_tied / (degrees[several] - taken))
    apart = (np.count_nonzero(new) - np.count_nonzero(degrees)) / (degrees[several] - 1).sum()
    return float(1 - undecided.sum() / taken.sum()), float(apart)


def _moments(times: np.ndarray) -> int:
    """The fewest distinct times that nearly all of (n,) times have; n is at least 1."""
    counts = np.sort(np.unique(times, return_counts=True)[1])[::-1]
    return int(np.searchsorted(np.cumsum(counts), NEARLY_ALL * len(times))) + 1
