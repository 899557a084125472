"""The graph of users and items, and propagation over it, a block of columns at a time."""

from __future__ import annotations

import numpy as np
import torch
from numba import njit, prange
from torch import Tensor

from sparserec.recommenders.base import History


class Graph:
    """D^-1/2 A D^-1/2 of the bipartite graph of interactions: rows of users first, then those of items.

    The operator is symmetric, linear, and acts on every column by itself. Kept are the neighbours of each row, 4 bytes
    an interaction and direction, and the roots of the degrees; weights of edges follow from these.

    Args:
        history: the interactions.
        n_items: columns of the interactions.
    """

    def __init__(self, history: History, n_items: int):
        n_users, count = len(history.indptr) - 1, len(history.indices)
        users = np.repeat(np.arange(n_users, dtype=np.int32), np.diff(history.indptr))
        by_item = np.argsort(history.indices, kind="stable")
        degrees = np.bincount(history.indices, minlength=n_items)
        self.n_users, self.n_items, self.n_rows = n_users, n_items, n_users + n_items
        self._indptr = np.concatenate([history.indptr, count + np.cumsum(degrees)])
        self._indices = np.concatenate([history.indices.astype(np.int32) + np.int32(n_users), users[by_item]])
        self._scale = (1 / np.sqrt(np.maximum(np.diff(self._indptr), 1))).astype(np.float32)

    def step(self, block: np.ndarray) -> np.ndarray:
        """One propagation of columns (n_rows, w) float32; a new array."""
        return self._sum(block * self._scale[:, None])

    def mean_of_layers(self, block: Tensor, layers: int) -> Tensor:
        """The mean of the columns (n_rows, w) after 0, 1, ..., `layers` propagations.

        Source: He et al., "LightGCN: simplifying and powering graph convolution network for recommendation" (arXiv
        2002.02126). Three arrays of the size of the block exist at a time, the given one among them, which is written
        over.
        """
        total, scale = block.numpy(), self._scale[:, None]
        scaled = total * scale if layers else total
        for number in range(1, layers + 1):
            current = self._sum(scaled)
            total += current
            if number < layers:
                scaled = np.multiply(current, scale, out=current)
        return torch.from_numpy(total).div_(layers + 1)

    def _sum(self, scaled: np.ndarray) -> np.ndarray:
        """Sums over the neighbours of rows that are divided by the root of their degree, divided by that of the sum's
        row; a new array."""
        out = np.empty_like(scaled)
        _sum_neighbours(self._indptr, self._indices, self._scale, scaled, out)
        return out


@njit(parallel=True, cache=True, nogil=True)
def _sum_neighbours(indptr, indices, scale, rows, out):
    """Write the sum of a row's neighbours, times its scale, into `out`: eight at a time, to write less often."""
    width = rows.shape[1]
    for row in prange(len(indptr) - 1):
        own = out[row]
        own[:] = 0.0
        e, end = indptr[row], indptr[row + 1]
        while e + 8 <= end:
            a, b, c, d = rows[indices[e]], rows[indices[e + 1]], rows[indices[e + 2]], rows[indices[e + 3]]
            f, g, h, i = rows[indices[e + 4]], rows[indices[e + 5]], rows[indices[e + 6]], rows[indices[e + 7]]
            for k in range(width):
                own[k] += ((a[k] + b[k]) + (c[k] + d[k])) + ((f[k] + g[k]) + (h[k] + i[k]))
            e += 8
        while e < end:
            other = rows[indices[e]]
            for k in range(width):
                own[k] += other[k]
            e += 1
        for k in range(width):
            own[k] *= scale[row]
