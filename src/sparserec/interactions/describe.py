"""What is in a data set, as plain data."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparserec.interactions.types import Dataset, Interactions, overlap


def describe(dataset: Dataset) -> dict[str, Any]:
    """Counts and shares of a data set; only str, int, float, None, lists and dicts of these, ready for JSON.

    Keys: source, users, items, interactions; rows (read, those left out included), left_out (rows by reason);
    density (interactions / (users * items), 0 to 1);
    duplicates_folded; per_user and per_item (min, median, mean, max); top_1_percent_items_share (share of the
    interactions on the most popular 1 % of the items, rounded up, 0 to 1); gini_items (0: all items alike;
    towards 1: all interactions on one item); timestamps (first, last, in the unit of the file) or None; test
    (users, interactions, duplicates_folded, overlap_with_train: pairs that stand in both,
    items_unknown_in_train) or None; notes (sentences on what was left out and what may surprise); fingerprint.
    Ids without an interaction count as users and items.
    """
    data = dataset.interactions
    popularity = np.sort(data.item_degrees())[::-1]
    top = -(-data.n_items // 100)
    times = data.timestamps
    return {
        "source": dataset.source,
        "users": data.n_users,
        "items": data.n_items,
        "interactions": data.nnz,
        "rows": dataset.tally.rows,
        "left_out": dataset.tally.left_out(),
        "density": data.nnz / max(data.n_users * data.n_items, 1),
        "duplicates_folded": data.duplicates,
        "per_user": _summary(data.user_degrees()),
        "per_item": _summary(popularity),
        "top_1_percent_items_share": float(popularity[:top].sum() / max(data.nnz, 1)),
        "gini_items": gini(popularity),
        "timestamps": None if times is None else {"first": int(times.min()), "last": int(times.max())},
        "test": None if dataset.test is None else _about_test(data, dataset.test),
        "notes": list(dataset.notes),
        "fingerprint": data.fingerprint(),
    }


def gini(counts: np.ndarray) -> float:
    """Gini coefficient of non-negative counts (n,): 0 when all are equal, (n - 1) / n when one has all."""
    counts = np.sort(np.asarray(counts, dtype=np.float64))
    n, total = len(counts), counts.sum()
    if total == 0:
        return 0.0
    weights = 2 * np.arange(1, n + 1) - n - 1
    return float((weights * counts).sum() / (n * total))


def _summary(counts: np.ndarray) -> dict[str, float]:
    if not len(counts):
        return {"min": 0, "median": 0.0, "mean": 0.0, "max": 0}
    return {
        "min": int(counts.min()),
        "median": float(np.median(counts)),
        "mean": float(counts.mean()),
        "max": int(counts.max()),
    }


def _about_test(data: Interactions, test: Interactions) -> dict[str, int]:
    rowed = test.item_degrees()[: data.n_items]
    return {
        "users": int((test.user_degrees() > 0).sum()),
        "interactions": test.nnz,
        "duplicates_folded": test.duplicates,
        "overlap_with_train": overlap(data, test),
        "items_unknown_in_train": test.n_items - data.n_items + int(np.count_nonzero(rowed[data.item_degrees() == 0])),
    }
