"""Columns for what a spectrum of few columns misses: small groups of items that are taken together.

A long-tailed catalogue has thousands of them (a series of books, the places of one town). Each becomes a column of its
own, built around a leader; that is what wide sparse tables have room for.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from sparserec.kernels import kernel
from sparserec.nearest import best_of_rows, shared_by_users


def neighbours(matrix: sp.csr_array, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The most similar other items of each item in the graph R~^T R~.

    Args:
        matrix: (n_users, n_items) normalised interactions.
        count: neighbours an item, at most.

    Returns:
        items (n_items, count) int32, -1 where there are fewer, and their similarities (n_items, count) float32, best
        first, the lower index first among equal ones.
    """
    nearest, similarities = [], []
    for item, part in shared_by_users(matrix):
        others = np.where(item == part.indices, 0, part.data).astype(np.float32)
        places = best_of_rows(part.indptr, others, count)
        there = places >= 0
        nearest.append(np.where(there, part.indices[places], -1).astype(np.int32))
        similarities.append(np.where(there, others[places], 0).astype(np.float32))
    return np.concatenate(nearest), np.concatenate(similarities)


def leaders(
    nearest: np.ndarray, similarities: np.ndarray, self_similarities: np.ndarray, degrees: np.ndarray, near: float
) -> np.ndarray:
    """Items that stand for a group: by falling degree, each that is near no leader yet, and has neighbours.

    Source: the leader algorithm of Hartigan, "Clustering algorithms", 1975.

    Args:
        nearest: (n, count) neighbours and
        similarities: (n, count) their similarities.
        self_similarities: (n,) similarity of each item with itself.
        degrees: (n,) interactions of each item; an item of one interaction leads nobody.
        near: cosine of the graph from which an item belongs to a leader's group, in (0, 1].

    Returns:
        (m,) int64, by falling degree.
    """
    root = np.sqrt(np.maximum(self_similarities, 1e-12)).astype(np.float32)
    order = np.argsort(-degrees, kind="stable")
    return _lead(order, nearest, similarities, root, degrees, np.float32(near))


def local_factors(
    matrix: sp.csr_array, degrees: np.ndarray, *, columns: int, count: int = 30, near: float = 0.1
) -> sp.csr_array:
    """A sparse X with X X^T close to the graph R~^T R~ within groups: the Nystrom approximation by leaders.

    A column holds an item's similarity with a leader, divided by the root of the leader's own.

    Source: Williams and Seeger, "Using the Nystrom method to speed up kernel machines", 2001, with leaders so far
    apart that the similarities among them count as none.

    Args:
        matrix: (n_users, n_items) normalised interactions.
        degrees: (n_items,) interactions of each item.
        columns: leaders at most.
        count: neighbours looked at for each item.
        near: see `leaders`.

    Returns:
        (n_items, m) float32 CSR, m <= columns.
    """
    nearest, similarities = neighbours(matrix, count)
    squares = matrix.multiply(matrix)
    self_similarities = np.asarray(squares.sum(axis=0), dtype=np.float32).ravel()
    chosen = leaders(nearest, similarities, self_similarities, degrees, near)[:columns]
    column = np.full(len(self_similarities), -1, dtype=np.int64)
    column[chosen] = np.arange(len(chosen))
    rows, places = np.nonzero((nearest >= 0) & (column[nearest] >= 0))
    entries = np.concatenate([similarities[rows, places], self_similarities[chosen]])
    at = np.concatenate([column[nearest[rows, places]], column[chosen]])
    items = np.concatenate([rows, chosen])
    scaled = entries / np.sqrt(np.maximum(self_similarities[chosen], 1e-12))[at]
    return sp.csr_array((scaled.astype(np.float32), (items, at)), shape=(len(self_similarities), len(chosen)))


@kernel()
def _lead(order, nearest, similarities, root, degrees, near):
    leads = np.zeros(len(order), dtype=np.bool_)
    out = np.empty(len(order), dtype=np.int64)
    count = 0
    for item in order:
        if degrees[item] < 2 or nearest[item, 0] < 0:
            continue
        free = True
        for place in range(nearest.shape[1]):
            neighbour = nearest[item, place]
            if neighbour < 0:
                break
            if leads[neighbour] and similarities[item, place] >= near * root[item] * root[neighbour]:
                free = False
                break
        if free:
            leads[item] = True
            out[count] = item
            count += 1
    return out[:count]
