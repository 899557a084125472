"""Item-item neighbours: what was taken by those who took what a user took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from sparserec.nearest import best_of_rows, shared_by_users
from sparserec.protocols import Histories


@dataclass(frozen=True)
class NeighbourSettings:
    """Of a neighbour model.

    Attributes:
        neighbours: items whose similarity with an item counts, the most similar ones.
        shrink: added to the denominator of the cosine, so that few common users prove little.
        damping: a user with d items counts d ** -damping: somebody who took much says less of any two of it.
    """

    neighbours: int
    shrink: float
    damping: float


class Neighbours:
    """Scores an item for a user by the similarities of the items of their history that are its neighbours.

    The similarity of two items is the cosine of their columns of users, with shrinkage. Source: Sarwar, Karypis,
    Konstan and Riedl, "Item-based collaborative filtering recommendation algorithms", WWW 2001; shrinkage as in Bell
    and Koren, "Improved neighborhood-based collaborative filtering", KDD Cup 2007.

    Args:
        similarities: (n_items, n_items); row i is what item i of a history gives to each item.
        history: what each user is known to have taken.
    """

    def __init__(self, similarities: sp.csr_array, history: Histories):
        self._similarities, self._history = similarities, history
        self.n_items = len(similarities.indptr) - 1

    def score(self, users: np.ndarray) -> np.ndarray:
        """Users (B,) int64 -> scores of all items (B, n_items) float32."""
        rows = np.asarray(users, dtype=np.int64)
        starts, ends = self._history.indptr[rows], self._history.indptr[rows + 1]
        pieces = [self._history.indices[a:b] for a, b in zip(starts, ends, strict=True)]
        indptr = np.concatenate(([0], np.cumsum(ends - starts)))
        indices = np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.int32)
        taken = sp.csr_array(
            (np.ones(len(indices), dtype=np.float32), indices, indptr), shape=(len(rows), self.n_items)
        )
        scores = sp.csr_array(taken @ self._similarities)
        return scores.toarray().astype(np.float32, copy=False)


def products(history: Histories) -> int:
    """Multiplications that it takes to compare all items: the sum of the squared lengths of histories."""
    return int(np.sum(np.diff(history.indptr).astype(np.int64) ** 2))


def nearest(
    history: Histories, n_items: int, count: int, shrinks: Sequence[float], damping: float
) -> tuple[np.ndarray, np.ndarray]:
    """The most similar items of each item, for several shrinkages at once; of equal ones the lower index.

    Args:
        history: binary interactions.
        n_items: size of the catalogue.
        count: neighbours of an item, at most.
        shrinks: one or more, each as in `NeighbourSettings`.
        damping: as there.

    Returns:
        neighbours (len(shrinks), n_items, count) int32, most similar first, -1 where there are none; and their
        similarities, of the same shape, float32.
    """
    lengths = np.diff(history.indptr)
    weights = np.repeat(np.maximum(lengths, 1).astype(np.float64) ** (-damping / 2), lengths)
    taken = sp.csr_array((weights, history.indices, history.indptr), shape=(len(lengths), n_items))
    sizes = np.sqrt(np.bincount(history.indices, weights * weights, minlength=n_items))
    found = np.full((len(shrinks), n_items, count), -1, dtype=np.int32)
    similarities, first = np.zeros(found.shape, dtype=np.float32), 0
    for item, common in shared_by_users(taken):
        lengths_of_both, rows = sizes[item] * sizes[common.indices], slice(first, first + len(common.indptr) - 1)
        for number, shrink in enumerate(shrinks):
            values = (common.data / (lengths_of_both + shrink)).astype(np.float32)
            values[item == common.indices] = 0
            places = best_of_rows(common.indptr, values, count)
            there = places >= 0
            found[number, rows][there] = common.indices[places[there]]
            similarities[number, rows][there] = values[places[there]]
        first = rows.stop
    return found, similarities


def as_matrix(found: np.ndarray, similarities: np.ndarray, neighbours: int) -> sp.csr_array:
    """The first neighbours of each item as a matrix (n_items, n_items); row i is what item i gives to each item."""
    n_items = len(found)
    kept, values = found[:, :neighbours], similarities[:, :neighbours]
    there = kept >= 0
    indptr = np.concatenate(([0], np.cumsum(there.sum(axis=1))))
    of_targets = sp.csr_array((values[there], kept[there], indptr), shape=(n_items, n_items))
    return sp.csr_array(of_targets.T)
