"""A made-up catalogue with structure worth learning: for demonstrations and tests, no file needed."""

from __future__ import annotations

import numpy as np

from sparserec.errors import SparserecError
from sparserec.interactions.types import Dataset, Interactions
from sparserec.vocabulary import Vocabulary

_ADJECTIVES = (
    "Quiet Silver Hidden Broken Golden Restless Crimson Distant Hollow Gentle Frozen Burning Secret "
    "Last Endless Paper Glass Velvet Wandering Forgotten Midnight Iron Little Great Lonely Painted "
    "Salt Stolen Patient Wild Northern Southern Early Late Bright Pale Second Seventh Sleeping "
    "Laughing Bitter Honest Crooked Borrowed Floating Sunken Narrow Open Winter Summer Electric "
    "Faithful Reluctant Drifting Scarlet Amber Ivory Tender Brave Curious Careful Ordinary Perfect "
    "Sudden Slow Green Blue Red Black White"
)
ADJECTIVES = tuple(_ADJECTIVES.split())
_NOUNS = (
    "Harbour Garden Station Detective Orchestra Mountain Kitchen Comet Lighthouse Circus River "
    "Library Engine Forest Island Letter Market Bridge Castle Desert Theatre Clockmaker Voyage Meadow "
    "Sailor Rose Railway Witness Piano Glacier Baker Rocket Keeper Acrobat Ferry Archive Machine Wolf "
    "Lagoon Postman Bazaar Tunnel Queen Oasis Actor Pendulum Pilgrim Orchard Anchor Vineyard Platform "
    "Alibi Violin Summit Recipe Galaxy Beacon Magician Current Scholar Factory Owl Reef Diary "
    "Merchant Crossing Knight Caravan Stage Hourglass Compass Harvest"
)
NOUNS = tuple(_NOUNS.split())
START, SPAN = 1_577_836_800, 2 * 365 * 86_400  # seconds: two years from the beginning of 2020
BLOCK = 512  # users at a time, so that nothing users x items is held


def synthetic(
    n_users: int = 2000,
    n_items: int = 1500,
    interactions_per_user: int = 30,
    n_clusters: int = 24,
    seed: int = 0,
) -> tuple[Dataset, list[str]]:
    """Draw a data set in which tastes come in overlapping clusters and popularity follows a power law.

    Every item belongs mainly to one cluster, and a third of them to a second one; every user likes two to
    four clusters, in shares of their own. A user picks distinct items with a probability that grows with the
    item's popularity, (rank + 5) ** -0.8, and with how well its clusters match; a small part of the picks
    follows popularity alone. The number of interactions of a user varies around the mean (geometric, at
    least 5).

    Args:
        n_users: at least 1.
        n_items: at least 10.
        interactions_per_user: mean, from 5 to half of `n_items`.
        n_clusters: at least 1.
        seed: at least 0; the same seed gives the same data on every machine with the same NumPy.

    Returns:
        The data set (users u0000 and so on, items i0000 and so on, timestamps in seconds since 1970) and
        (n_items,) titles, all different, by item index.

    Raises:
        SparserecError: an argument out of its range.
    """
    limits = {
        "n_users": (n_users, 1, None),
        "n_items": (n_items, 10, None),
        "interactions_per_user": (interactions_per_user, 5, n_items // 2),
        "n_clusters": (n_clusters, 1, None),
        "seed": (seed, 0, None),
    }
    for name, (value, low, high) in limits.items():
        if value < low or (high is not None and value > high):
            upper = "" if high is None else f" and at most {high}"
            raise SparserecError(f"{name} must be at least {low}{upper}, not {value}")
    rng = np.random.Generator(np.random.PCG64(seed))
    popularity = (rng.permutation(n_items) + 5.0) ** -0.8
    main = rng.integers(n_clusters, size=n_items)
    membership = np.zeros((n_items, n_clusters))
    membership[np.arange(n_items), main] = 1.0
    second = np.flatnonzero(rng.random(n_items) < 1 / 3)
    membership[second, rng.integers(n_clusters, size=len(second))] = 0.7
    users, items = _draw(rng, popularity, membership, n_users, interactions_per_user)

    began = START + rng.integers(SPAN, size=n_users)
    timestamps = began[users] + rng.exponential(30 * 86_400, size=len(users)).astype(np.int64)
    width_u, width_i = max(4, len(str(n_users - 1))), max(4, len(str(n_items - 1)))
    data = Interactions.of(
        users,
        items,
        Vocabulary.of(f"u{i:0{width_u}d}" for i in range(n_users)),
        Vocabulary.of(f"i{i:0{width_i}d}" for i in range(n_items)),
        timestamps,
    )
    return Dataset(data, None, f"synthetic catalogue (seed {seed})", True), _titles(rng, main)


def _draw(
    rng: np.random.Generator, popularity: np.ndarray, membership: np.ndarray, n_users: int, mean: int
) -> tuple[np.ndarray, np.ndarray]:
    """User and item indices of all picks; a user's picks are distinct (Gumbel top-k sampling)."""
    n_items, n_clusters = membership.shape
    counts = np.minimum(4 + rng.geometric(1 / (mean - 4), size=n_users), n_items // 2)
    liked = rng.integers(2, 5, size=n_users)
    log_popularity = np.log(popularity)
    users, items = [], []
    for first in range(0, n_users, BLOCK):
        block = np.arange(first, min(first + BLOCK, n_users))
        order = rng.random((len(block), n_clusters)).argsort(axis=1).argsort(axis=1)
        taste = rng.gamma(1.5, size=order.shape) * (order < liked[block, None])
        taste /= taste.sum(axis=1, keepdims=True)
        scores = np.log(taste @ membership.T + 0.05 / n_clusters)
        scores += log_popularity
        scores += rng.gumbel(size=scores.shape)
        top = int(counts[block].max())
        best = np.argpartition(scores, -top, axis=1)[:, -top:]
        best = np.take_along_axis(best, np.take_along_axis(scores, best, axis=1).argsort(axis=1)[:, ::-1], axis=1)
        taken = np.arange(top) < counts[block, None]
        users.append(np.repeat(block, counts[block]))
        items.append(best[taken])
    return np.concatenate(users), np.concatenate(items)


def _titles(rng: np.random.Generator, cluster: np.ndarray) -> list[str]:
    """A title for each item, such as "The Quiet Harbour (2004)"; items of one cluster share a few nouns."""
    adjectives = rng.permutation(len(ADJECTIVES))
    years = rng.integers(1950, 2025, size=len(cluster))
    n_clusters = int(cluster.max()) + 1
    per_cluster = max(1, len(NOUNS) // n_clusters)
    used: dict[int, int] = {}
    titles = []
    for item, group in enumerate(cluster.tolist()):
        # Clusters beyond the number of nouns share nouns, and with them the counter that keeps titles apart.
        theme = group % (len(NOUNS) // per_cluster)
        number = used.get(theme, 0)
        used[theme] = number + 1
        noun = NOUNS[theme + number % per_cluster * (len(NOUNS) // per_cluster)]
        step = number // per_cluster
        adjective = ADJECTIVES[adjectives[(step + 7 * theme) % len(ADJECTIVES)]]
        sequel = step // len(ADJECTIVES)
        name = f"The {adjective} {noun}" + (f" {sequel + 1}" if sequel else "")
        titles.append(f"{name} ({years[item]})")
    return titles
