"""Histories that a device is asked with: of users of a data set, or of items drawn at random."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np


def random_histories(ids: Sequence[str], length: int, count: int, generator: np.random.Generator) -> list[list[str]]:
    """So many histories of items drawn at random, without repetition."""
    drawn = (generator.choice(len(ids), length, replace=False).tolist() for _ in range(count))
    return [[ids[int(item)] for item in items] for items in drawn]


def user_histories(
    data: Path, ids: Sequence[str], least: int, most: int | None, count: int, generator: np.random.Generator
) -> list[list[str]]:
    """So many histories of users drawn at random.

    Args:
        data: the data set.
        ids: items that are known; others are left out.
        least: items that a user has at least.
        most: items of a history at most, the first ones; None for all.
        count: of the histories.
        generator: draws the users.
    """
    from sparserec import load

    facts, known = load(data).interactions, set(ids)
    users = generator.choice(np.flatnonzero(facts.user_degrees() >= least), count)
    every = [[facts.items[i] for i in facts.indices[facts.indptr[u] : facts.indptr[u + 1]]] for u in users.tolist()]
    return [[name for name in history if name in known][:most] for history in every]
