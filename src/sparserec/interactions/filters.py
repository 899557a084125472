"""k-core: keep users and items with at least k interactions among those kept."""

from __future__ import annotations

import numpy as np

from sparserec.interactions.types import Interactions
from sparserec.vocabulary import Vocabulary


def kcore(interactions: Interactions, k: int) -> Interactions:
    """Remove users and items with fewer than `k` interactions until none is left; their ids go too.

    The result is the largest part in which every user and every item has at least `k` interactions; it may be
    empty. `k` of 0 changes nothing; `k` of 1 drops ids that have no interaction.
    """
    if k <= 0:
        return interactions
    rows, columns = interactions.rows(), interactions.indices
    keep = np.ones(interactions.nnz, dtype=bool)
    while True:
        users = np.bincount(rows[keep], minlength=interactions.n_users) >= k
        items = np.bincount(columns[keep], minlength=interactions.n_items) >= k
        still = keep & users[rows] & items[columns]
        if still.sum() == keep.sum():
            break
        keep = still
    times = interactions.timestamps
    user_rank, item_rank = np.cumsum(users) - 1, np.cumsum(items) - 1
    core = Interactions.of(
        user_rank[rows[keep]],
        item_rank[columns[keep]],
        _subset(interactions.users, users),
        _subset(interactions.items, items),
        None if times is None else times[keep],
    )
    return Interactions(core.indptr, core.indices, core.users, core.items, core.timestamps, interactions.duplicates)


def _subset(ids: Vocabulary, keep: np.ndarray) -> Vocabulary:
    """The ids marked in `keep` (n,) bool, in their order."""
    lengths = np.diff(ids.offsets)
    offsets = np.concatenate(([0], np.cumsum(lengths[keep])))
    return Vocabulary(ids.blob[np.repeat(keep, lengths)], offsets)
