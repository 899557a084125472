"""The graph of users and items, and propagation over it, a block of columns at a time."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sparserec.protocols import Histories
from sparserec.tables import sum_bags


class Graph:
    """D^-1/2 A D^-1/2 of the bipartite graph of interactions: rows of users first, then those of items.

    The operator is symmetric, linear, and acts on every column by itself. Kept are the neighbours of each row, 4 bytes
    an interaction and direction, and the degrees; weights of edges follow from these. A row's sum over its neighbours
    has the same order on any number of threads.

    Args:
        history: the interactions.
        n_items: columns of the interactions.
        device: where the columns to propagate lie.
    """

    def __init__(self, history: Histories, n_items: int, device: torch.device | str = "cpu"):
        n_users, count = len(history.indptr) - 1, len(history.indices)
        users = np.repeat(np.arange(n_users, dtype=np.int32), np.diff(history.indptr))
        by_item = np.argsort(history.indices, kind="stable")
        degrees = np.bincount(history.indices, minlength=n_items)
        indptr = np.concatenate([history.indptr, count + np.cumsum(degrees)])
        small = np.int32 if indptr[-1] <= np.iinfo(np.int32).max else np.int64  # both arrays need the same type
        indices = np.concatenate([history.indices.astype(np.int32) + np.int32(n_users), users[by_item]])
        self.n_users, self.n_items, self.n_rows = n_users, n_items, n_users + n_items
        self._indptr = torch.from_numpy(indptr.astype(small)).to(device)
        self._indices = torch.from_numpy(indices.astype(small, copy=False)).to(device)
        degree = torch.from_numpy(np.maximum(np.diff(indptr), 1).astype(np.float32)).to(device)[:, None]
        self._root, self._inverse = degree.rsqrt(), degree.reciprocal()

    def mean_of_layers(self, block: Tensor, layers: int) -> Tensor:
        """The mean of the columns (n_rows, w) after 0, 1, ..., `layers` propagations.

        Source: He et al., "LightGCN: simplifying and powering graph convolution network for recommendation" (arXiv
        2002.02126). Three arrays of the size of the block exist at a time, the given one among them, which is written
        over.
        """
        if layers:
            scaled = block * self._root
            for number in range(1, layers + 1):
                current = sum_bags(scaled, self._indices, self._indptr)
                block.addcmul_(current, self._root)
                # Between two propagations the roots of the degrees multiply, and are applied as one.
                scaled = current.mul_(self._inverse) if number < layers else current
        return block.div_(layers + 1)
