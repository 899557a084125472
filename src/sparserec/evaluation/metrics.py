"""Ranking metrics on top-k lists. `docs/guide/metrics.md` gives the formulas side by side.

All functions take hits in ranked order and the number of relevant items, and give one value for each user.
"""

from __future__ import annotations

import numpy as np


def recall(hits: np.ndarray, relevant: np.ndarray, k: int) -> np.ndarray:
    """Hits in the first k divided by all relevant items (LightGCN's protocol).

    Args:
        hits: (B, K) bool, K >= k; whether the item at each rank is relevant.
        relevant: (B,) how many relevant items each user has, at least 1.
        k: length of the list.

    Returns:
        (B,) float64.
    """
    return hits[:, :k].sum(axis=1) / relevant


def recall_capped(hits: np.ndarray, relevant: np.ndarray, k: int) -> np.ndarray:
    """Hits in the first k divided by min(relevant, k): what some libraries call recall. Arguments as for `recall`."""
    return hits[:, :k].sum(axis=1) / np.minimum(relevant, k)


def precision(hits: np.ndarray, relevant: np.ndarray, k: int) -> np.ndarray:
    """Hits in the first k divided by k. Arguments as for `recall`."""
    return hits[:, :k].sum(axis=1) / k


def hit_rate(hits: np.ndarray, relevant: np.ndarray, k: int) -> np.ndarray:
    """1 when anything in the first k is relevant, else 0. Arguments as for `recall`."""
    return np.asarray(hits[:, :k].any(axis=1), dtype=np.float64)


def ndcg(hits: np.ndarray, relevant: np.ndarray, k: int) -> np.ndarray:
    """Sum of 1 / log2(rank + 1) over hits in the first k, divided by that of min(relevant, k) hits on top.

    Source: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002,
    with binary gains. Arguments as for `recall`.
    """
    discount = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.cumsum(discount)
    gain = (hits[:, :k] * discount).sum(axis=1)
    return gain / ideal[np.minimum(relevant, k) - 1]


def reciprocal_rank(hits: np.ndarray, relevant: np.ndarray, k: int) -> np.ndarray:
    """1 / rank of the first hit in the first k, 0 when there is none. Arguments as for `recall`."""
    first = hits[:, :k].argmax(axis=1)
    return np.where(hits[:, :k].any(axis=1), 1 / (first + 1), 0.0)


def average_precision(hits: np.ndarray, relevant: np.ndarray, k: int) -> np.ndarray:
    """Precision at each hit's rank, summed over the first k, divided by all relevant; arguments as for `recall`."""
    top = hits[:, :k]
    at_rank = np.cumsum(top, axis=1) / np.arange(1, k + 1)
    return (at_rank * top).sum(axis=1) / relevant


METRICS = {
    "recall": recall,
    "ndcg": ndcg,
    "precision": precision,
    "hit_rate": hit_rate,
    "mrr": reciprocal_rank,
    "map": average_precision,
    "recall_capped": recall_capped,
}
