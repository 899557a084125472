"""Samples of users, where all of them would be more than is needed."""

from __future__ import annotations

import numpy as np


def at_most(users: np.ndarray, most: int, seed: int, stream: int) -> np.ndarray:
    """`most` of the users (n,), drawn at random and ascending, or all of them where they are no more.

    Args:
        users: ascending.
        most: at least 0.
        seed: of the run.
        stream: what the sample is for; samples of different streams are independent.
    """
    if len(users) <= most:
        return users
    return np.sort(np.random.default_rng([seed, stream]).choice(users, most, replace=False))
