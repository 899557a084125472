"""Columns for what a spectrum of few columns misses: small groups of items that are taken together.

A long-tailed catalogue has thousands of them (a series of books, the places of one town). Each becomes a column of its
own, built around a leader; that is what wide sparse tables have room for.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numba import njit, prange

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
    found, alike = np.full((n_items, count), -1, dtype=np.int32), np.zeros((n_items, count), dtype=np.float32)
    block = max(1, BLOCK_CELLS // n_items)
    for first in range(0, n_items, block):
        part = sp.csr_array(columns[:, first : first + block].T @ matrix)
        _best(part.indptr, part.indices, part.data, first, found, alike)
    return found, alike


def leaders(found: np.ndarray, alike: np.ndarray, own: np.ndarray, degrees: np.ndarray, near: float) -> np.ndarray:
    """Items that stand for a group: by falling degree, each that is near no leader yet, and has neighbours.

    Source: the leader algorithm of Hartigan, "Clustering algorithms", 1975.

    Args:
        found: (n, count) neighbours and
        alike: (n, count) their similarities.
        own: (n,) similarity of each item with itself.
        degrees: (n,) interactions of each item; an item of one interaction leads nobody.
        near: cosine of the graph from which an item belongs to a leader's group, in (0, 1].

    Returns:
        (m,) int64, by falling degree.
    """
    root = np.sqrt(np.maximum(own, 1e-12)).astype(np.float32)
    order = np.argsort(-degrees, kind="stable")
    return _lead(order, found, alike, root, degrees, np.float32(near))


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
    found, alike = neighbours(matrix, count)
    squares = matrix.multiply(matrix)
    own = np.asarray(squares.sum(axis=0), dtype=np.float32).ravel()
    chosen = leaders(found, alike, own, degrees, near)[:columns]
    column = np.full(len(own), -1, dtype=np.int64)
    column[chosen] = np.arange(len(chosen))
    rows, places = np.nonzero((found >= 0) & (column[found] >= 0))
    entries = np.concatenate([alike[rows, places], own[chosen]])
    at = np.concatenate([column[found[rows, places]], column[chosen]])
    items = np.concatenate([rows, chosen])
    scaled = entries / np.sqrt(np.maximum(own[chosen], 1e-12))[at]
    return sp.csr_array((scaled.astype(np.float32), (items, at)), shape=(len(own), len(chosen)))


@njit(parallel=True, cache=True, nogil=True)
def _best(indptr, indices, data, first, found, alike):
    count = found.shape[1]
    for row in prange(len(indptr) - 1):
        item = first + row
        for e in range(indptr[row], indptr[row + 1]):
            other, value = indices[e], data[e]
            if other == item:
                continue
            last = count - 1
            worse = found[item, last] >= 0 and (
                alike[item, last] > value or (alike[item, last] == value and found[item, last] < other)
            )
            if worse:
                continue
            at = last
            while at > 0 and (
                found[item, at - 1] < 0
                or alike[item, at - 1] < value
                or (alike[item, at - 1] == value and found[item, at - 1] > other)
            ):
                found[item, at] = found[item, at - 1]
                alike[item, at] = alike[item, at - 1]
                at -= 1
            found[item, at] = other
            alike[item, at] = value


@njit(cache=True, nogil=True)
def _lead(order, found, alike, root, degrees, near):
    leads = np.zeros(len(order), dtype=np.bool_)
    out = np.empty(len(order), dtype=np.int64)
    count = 0
    for item in order:
        if degrees[item] < 2 or found[item, 0] < 0:
            continue
        free = True
        for place in range(found.shape[1]):
            other = found[item, place]
            if other < 0:
                break
            if leads[other] and alike[item, place] >= near * root[item] * root[other]:
                free = False
                break
        if free:
            leads[item] = True
            out[count] = item
            count += 1
    return out[:count]
