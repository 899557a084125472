"""Which items are taken by the same users: products of columns of interactions, and the nearest items of each."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import scipy.sparse as sp
from numba import get_num_threads, prange

from sparserec.kernels import kernel
from sparserec.numeric import descending

CELLS = 20_000_000
"""Pairs of items whose products a thread makes at a time."""


def shared_by_users(taken: sp.csr_array) -> Iterator[tuple[np.ndarray, sp.csr_array]]:
    """The products of the columns of interactions with each other, a block of items at a time.

    Args:
        taken: (n_users, n_items) interactions, weighted or not.

    Yields:
        of each block the item of every product (nnz,) and the products (b, n_items), columns ascending.
    """
    by_item = sp.csr_array(taken.T)
    n_items = len(by_item.indptr) - 1
    block = max(1, CELLS // max(n_items, 1))

    def made(first: int) -> tuple[np.ndarray, sp.csr_array]:
        part = sp.csr_array(by_item[first : first + block] @ taken)
        part.sort_indices()
        return first + np.repeat(np.arange(len(part.indptr) - 1), np.diff(part.indptr)), part

    threads = get_num_threads()
    coming: deque[Future[tuple[np.ndarray, sp.csr_array]]] = deque()
    with ThreadPoolExecutor(threads) as pool:  # SciPy's products leave the interpreter to others
        for first in range(0, n_items, block):
            coming.append(pool.submit(made, first))
            if len(coming) == threads:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


@kernel(parallel=True)
def best_of_rows(indptr, scores, count):
    """Where the `count` highest positive scores of each row are.

    Args:
        indptr: (n + 1,) row pointers.
        scores: (nnz,) float32.
        count: at least 1.

    Returns:
        places (n, count) int64 among the scores, the highest first, of equal ones the first first; -1 where there is
        none.
    """
    places = np.full((len(indptr) - 1, count), -1, dtype=np.int64)
    for row in prange(len(indptr) - 1):
        first, last = indptr[row], indptr[row + 1]
        order = descending(scores[first:last].astype(np.float64))
        for rank in range(min(count, last - first)):
            place = first + order[rank]
            if scores[place] <= 0:
                break
            places[row, rank] = place
    return places
