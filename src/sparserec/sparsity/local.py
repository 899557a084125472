"""Columns for what a spectrum of few columns misses: small groups of items that are taken together.

A long-tailed catalogue has thousands of them (a series of books, the places of one town). Each becomes a column of its
own, built around a leader; that is what wide sparse tables have room for.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numba import prange

from sparserec.kernels import kernel

BLOCK_CELLS = 20_000_000
"""Similarities that are held at a time while neighbours are found."""


def neighbours(matrix: sp.csr_array, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The most similar other items of each item in the graph R~^T R~.

    Args:
        matrix: (n_users, n_items) normalised interactions.
        count: neighbours an item, at most.

    Returns:
        items (n_items, count) int32, -1 where there are fewer, and their similarities (n_items, count) float32, best
        first, the lower index first among equal ones.
    """
    columns = sp.csc_array(matrix)
    n_items = len(columns.indptr) - 1
    nearest, similarities = np.full((n_items, count), -1, dtype=np.int32), np.zeros((n_items, count), dtype=np.float32)
    block = max(1, BLOCK_CELLS // n_items)
    for first in range(0, n_items, block):
        part = sp.csr_array(columns[:, first : first + block].T @ matrix)
        _best(part.indptr, part.indices, part.data, first, nearest, similarities)
    return nearest, similarities


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


@kernel(parallel=True)
def _best(indptr, indices, data, first, nearest, similarities):
    count = nearest.shape[1]
    for row in prange(len(indptr) - 1):
        item = first + row
        for e in range(indptr[row], indptr[row + 1]):
            neighbour, value = indices[e], data[e]
            if neighbour == item:
                continue
            last = count - 1
            worse = nearest[item, last] >= 0 and (
                similarities[item, last] > value
                or (similarities[item, last] == value and nearest[item, last] < neighbour)
            )
            if worse:
                continue
            at = last
            while at > 0 and (
                nearest[item, at - 1] < 0
                or similarities[item, at - 1] < value
                or (similarities[item, at - 1] == value and nearest[item, at - 1] > neighbour)
            ):
                nearest[item, at] = nearest[item, at - 1]
                similarities[item, at] = similarities[item, at - 1]
                at -= 1
            nearest[item, at] = neighbour
            similarities[item, at] = value


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
