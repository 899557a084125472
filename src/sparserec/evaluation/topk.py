"""The best k of many scores, exactly and in parallel."""

from __future__ import annotations

import numpy as np
from numba import prange

from sparserec.kernels import kernel


def top_k(scores: np.ndarray, k: int) -> np.ndarray:
    """Item indices of the k best scores in each row, best first; ties go to the lower index.

    Args:
        scores: (B, n) float32; -inf marks items that can't be recommended. Must hold no NaN.
        k: length of the list.

    Returns:
        (B, k) int32; -1 where a row has fewer than k items that can be recommended.
    """
    out = np.empty((len(scores), k), dtype=np.int32)
    _top_k(np.ascontiguousarray(scores, dtype=np.float32), out)
    return out


@kernel(parallel=True)
def _top_k(scores, out):
    k = out.shape[1]
    for b in prange(len(scores)):
        best = np.full(k, -np.inf, dtype=np.float32)
        items = np.full(k, -1, dtype=np.int32)
        for item in range(scores.shape[1]):
            score = scores[b, item]
            # Strictly greater: an equal score of a higher index comes after.
            if score > best[k - 1]:
                at = k - 1
                while at > 0 and best[at - 1] < score:
                    best[at] = best[at - 1]
                    items[at] = items[at - 1]
                    at -= 1
                best[at] = score
                items[at] = item
        out[b, :] = items


@kernel(parallel=True)
def mask_history(scores, indptr, indices, users):
    """Write -inf into scores (B, n) at the history items of users (B,), in place."""
    for b in prange(len(users)):
        for j in range(indptr[users[b]], indptr[users[b] + 1]):
            scores[b, indices[j]] = -np.inf


@kernel(parallel=True)
def mark_hits(ranked, indptr, indices, users, hits):
    """Mark in hits (B, k) which ranked items (B, k) are among the relevant ones of users (B,), ascending in a row."""
    for b in prange(len(users)):
        relevant = indices[indptr[users[b]] : indptr[users[b] + 1]]
        for rank in range(ranked.shape[1]):
            item = ranked[b, rank]
            at = np.searchsorted(relevant, item)
            hits[b, rank] = item >= 0 and at < len(relevant) and relevant[at] == item
