"""What a model has to be better than: popularity, and item-item neighbours tuned on the validation part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sparserec.evaluation.baselines import Popularity
from sparserec.evaluation.evaluate import Metrics, evaluate
from sparserec.evaluation.neighbours import Neighbours, NeighbourSettings, as_matrix, nearest, products
from sparserec.protocols import Histories

SHRINKS = (1.0, 5.0, 20.0)
COUNTS = (50, 100, 200)
"""What is tried on the validation part."""
DAMPING = 0.5
"""Of users with many items; what was best on MovieLens and Gowalla."""
UNTUNED = NeighbourSettings(neighbours=100, shrink=5.0, damping=DAMPING)
"""Where there is no validation part to choose on."""
JUDGES = 500
"""Users at most by whom settings are chosen."""
PRODUCTS = 100_000_000
"""Multiplications that comparing all items may take: seconds. Beyond them, histories of some users are compared."""


@dataclass(frozen=True)
class Sampled:
    """Histories of which some are left out, in CSR."""

    indptr: np.ndarray
    indices: np.ndarray
    users: int
    """Users with a history that is kept."""


def rivals(
    history: Histories,
    relevant: Histories,
    *,
    train: Histories,
    valid: Histories,
    learned: Histories,
    n_items: int,
    ks: Sequence[int] = (20,),
    exclude_history: bool = True,
    limit: int = PRODUCTS,
) -> Mapping[str, Metrics]:
    """Popularity and neighbours, measured as a model is.

    Args:
        history: what each user is known to have taken when they are measured.
        relevant: the held-out items.
        train: what neighbour models learn from while one is chosen.
        valid: what they are chosen by; may hold nothing.
        learned: what both learn from in the end: what the model that they stand beside was trained on.
        n_items: size of the catalogue.
        ks: as for `evaluate`, as is
        exclude_history: this.
        limit: multiplications that a comparison of all items may take.

    Returns:
        metrics by the names "popularity" and "neighbours", each with a note on what it is.
    """
    how = {"ks": ks, "exclude_history": exclude_history}
    popularity = evaluate(Popularity(learned, n_items), history, relevant, **how)
    settings, chosen = _chosen(train, valid, n_items, exclude_history, limit)
    known = within(learned, limit)
    found, values = nearest(known, n_items, settings.neighbours, (settings.shrink,), settings.damping)
    similarities = as_matrix(found[0], values[0], settings.neighbours)
    neighbours = evaluate(Neighbours(similarities, history), history, relevant, **how)
    words = f"cosines of items, {settings.neighbours} neighbours, shrinkage {settings.shrink:g}, {chosen}"
    everybody = int(np.count_nonzero(np.diff(learned.indptr)))
    if known.users < everybody:
        words += f"; of the histories of {known.users:,} of {everybody:,} users, as all would take too long"
    return {
        "popularity": replace(popularity, note="how many users took an item"),
        "neighbours": replace(neighbours, note=words),
    }


def within(history: Histories, limit: int) -> Sampled:
    """Histories of as many users, drawn by chance, as can be compared within a limit of multiplications."""
    lengths = np.diff(history.indptr).astype(np.int64)
    everybody = int(np.count_nonzero(lengths))
    if products(history) <= limit:
        return Sampled(history.indptr, history.indices, everybody)
    order = np.random.default_rng(0).permutation(len(lengths))
    kept = np.zeros(len(lengths), dtype=bool)
    kept[order[np.cumsum(lengths[order] ** 2) <= limit]] = True
    indptr = np.concatenate(([0], np.cumsum(np.where(kept, lengths, 0))))
    indices = history.indices[np.repeat(kept, lengths)]
    return Sampled(indptr, indices, int(np.count_nonzero(lengths[kept])))


def _chosen(
    train: Histories, valid: Histories, n_items: int, exclude_history: bool, limit: int
) -> tuple[NeighbourSettings, str]:
    """The settings with the best NDCG@20 on validation, and in words how they were come by."""
    users = np.flatnonzero(np.diff(valid.indptr))
    if len(users) == 0 or len(train.indices) == 0:
        return UNTUNED, "not tuned, as there is no validation part"
    if len(users) > JUDGES:
        users = np.sort(np.random.default_rng(0).choice(users, JUDGES, replace=False))
    known = within(train, limit)
    found, values = nearest(known, n_items, COUNTS[-1], SHRINKS, DAMPING)
    best, settings = -1.0, UNTUNED
    for number, shrink in enumerate(SHRINKS):
        for count in COUNTS:
            scorer = Neighbours(as_matrix(found[number], values[number], count), train)
            judged = evaluate(scorer, train, valid, users=users, exclude_history=exclude_history)
            if judged["ndcg@20"] > best:
                best, settings = judged["ndcg@20"], NeighbourSettings(count, shrink, DAMPING)
    return settings, "chosen on the validation part"
