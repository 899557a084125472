"""Item-item weights beside a table: what its scores lack of a teacher's, as far as a few weights an item can say it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import scipy.sparse as sp
from numba import prange

from sparserec.kernels import kernel
from sparserec.protocols import Histories

RIDGE = 0.1
"""Share of its diagonal that is added to each system: few users speak for a pair of items."""
BLOCK = 512
"""Users whose scores are there at a time."""
BLOCKS = 64
"""Parts of the catalogue that are solved side by side."""


class Lists(Protocol):
    """What a teacher says of users, as `teachers.TeacherLists` has it.

    Attributes:
        users: (m,) int64, rows of the history.
        items: (m, length) int32, best first, none of the user's history among them.
        scores: (m, length) float32, descending.
    """

    @property
    def users(self) -> np.ndarray: ...  # noqa: D102
    @property
    def items(self) -> np.ndarray: ...  # noqa: D102
    @property
    def scores(self) -> np.ndarray: ...  # noqa: D102


class Residual:
    """The systems of equations of weights that bring a table's scores nearer to those of a teacher.

    What a weight (i, j) adds to the score of j for all who took i is to make up, in least squares, for what the score
    lacks: of listed items the difference to the teacher's, of others what lies above the end of the list. Each item is
    a system of its own, of its nearest items.

    Args:
        history: of every user.
        nearest: (n_items, C) int32, candidates of each item, -1 where there are fewer.
        lists: the teacher's.
        score: what the table says: users (B,) int64 -> scores of all items (B, n_items) float32.
        emphasis: how much more the head of a list counts than its end.
        relative_to: a user's errors count relative to the mean of so many of the best scores on their list.
    """

    def __init__(
        self,
        history: Histories,
        nearest: np.ndarray,
        lists: Lists,
        score: Callable[[np.ndarray], np.ndarray],
        *,
        emphasis: float,
        relative_to: int,
    ):
        self._nearest = nearest
        known = lists.scores[:, :relative_to].mean(axis=1, dtype=np.float64)
        scale = 1 / np.maximum(known, 1e-12) ** 2
        # As large as the lists, so in single precision.
        more = (emphasis * scale / np.maximum(lists.scores[:, 0], 1e-12)).astype(np.float32)[:, None] * lists.scores
        lengths = np.diff(history.indptr)[lists.users]
        starts = np.concatenate(([0], np.cumsum(lengths)))
        taken = np.concatenate([history.indices[a:b] for a, b in _bounds(history, lists.users)] or [np.zeros(0, int)])
        n_items = len(nearest)
        self._rows = sp.csr_array((np.ones(len(taken), np.float32), taken, starts), (len(lengths), n_items))
        self._by_item = sp.csr_array(self._rows.T)
        self._scale, length = scale, lists.items.shape[1]
        listed = np.argsort(lists.items.ravel(), kind="stable")
        self._listed_by = (listed // length).astype(np.int32)
        self._listed_weight = more.ravel()[listed]
        del listed
        counts = np.bincount(lists.items.ravel(), minlength=n_items)
        self._listed = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
        self._wanted = self._right_sides(lists, scale, more, score)

    def weights(self, count: int) -> sp.csr_array:
        """The `count` weights (n_items, n_items) that gain most, at most all; row j has what leads to item j.

        A weight that the smaller system of those that stay would give next to nothing may still be among them.
        """
        nearest = self._nearest
        found, worth = self._solved(nearest >= 0)
        order = np.argsort(-np.where(nearest >= 0, worth, -1).ravel(), kind="stable")[:count]
        keep = np.zeros(nearest.size, dtype=np.bool_)
        keep[order] = True
        keep = keep.reshape(nearest.shape) & (nearest >= 0) & (found != 0)
        found, _ = self._solved(keep)
        rows, slots = np.nonzero(keep)
        entries = (found[rows, slots].astype(np.float32), (rows, nearest[rows, slots]))
        weights = sp.csr_array(sp.coo_array(entries, shape=(len(nearest), len(nearest))))
        weights.sort_indices()
        return weights

    def _right_sides(
        self, lists: Lists, scale: np.ndarray, more: np.ndarray, score: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        """For each candidate what a weight of its own would be drawn by, (n_items, C) float64."""
        wanted = np.zeros(self._nearest.shape)
        for first in range(0, len(lists.users), BLOCK):
            part = slice(first, first + BLOCK)
            scores = np.asarray(score(lists.users[part]), dtype=np.float32)
            items, asked = lists.items[part].astype(np.int64), lists.scores[part]
            who = np.arange(len(scores))[:, None]
            error = np.minimum(asked[:, -1:] - scores, 0)
            error *= scale[part, None].astype(np.float32)
            pull = (asked - scores[who, items]) * (scale[part, None] + more[part])
            error[who, items] = pull
            rows = self._rows[part]
            error[np.repeat(np.arange(len(scores)), np.diff(rows.indptr)), rows.indices] = 0
            block = sp.csr_array(rows.T)
            _pull(block.indptr, block.indices, np.ascontiguousarray(error.T), self._nearest, wanted)
        return wanted

    def _solved(self, keep: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights of the candidates that are kept, and by how much each lowers the error, (n_items, C) float64."""
        found, worth = np.zeros(keep.shape), np.zeros(keep.shape)
        by_item, by_user = ((part.indptr, part.indices) for part in (self._by_item, self._rows))
        by_list = (self._listed, self._listed_by, self._listed_weight)
        _solve(self._nearest, keep, self._wanted, by_item, by_user, self._scale, by_list, RIDGE, found, worth)
        return found, worth


def _bounds(history: Histories, users: np.ndarray) -> list[tuple[int, int]]:
    return list(zip(history.indptr[users].tolist(), history.indptr[users + 1].tolist(), strict=True))


@kernel(parallel=True)
def _pull(indptr, indices, error, nearest, wanted):
    """Add up the errors (n_items, B) of each item over the users of a block who took each of its candidates."""
    for item in prange(len(nearest)):
        for slot in range(nearest.shape[1]):
            other = nearest[item, slot]
            if other < 0:
                break
            total = 0.0
            for place in range(indptr[other], indptr[other + 1]):
                total += error[item, indices[place]]
            wanted[item, slot] += total


@kernel()
def _together(indptr, indices, row, place, out):
    """Write the slots that the items of a row have; how many."""
    count = 0
    for entry in range(indptr[row], indptr[row + 1]):
        slot = place[indices[entry]]
        if slot >= 0:
            out[count] = slot
            count += 1
    return count


@kernel()
def _add_all(item, near, item_ptr, users_of, row_ptr, items_of, scale, place, seen, slots, system):
    """Add what the candidates of an item have in common, over all who did not take the item."""
    for entry in range(item_ptr[item], item_ptr[item + 1]):
        seen[users_of[entry]] = item
    for other in near:
        for entry in range(item_ptr[other], item_ptr[other + 1]):
            user = users_of[entry]
            if seen[user] != item:
                seen[user] = item
                count = _together(row_ptr, items_of, user, place, slots)
                _add(system, slots, count, scale[user])


@kernel()
def _add(system, slots, count, weight):
    for one in range(count):
        for other in range(count):
            system[slots[one], slots[other]] += weight


@kernel(parallel=True)
def _solve(nearest, keep, wanted, by_item, by_user, scale, by_list, ridge, found, worth):
    """Solve the system of each item for the candidates that are kept.

    `by_item` and `by_user` are pointers and indices of the history, `by_list` for each item who has it on their list
    and what they count more: pointers, users, weights.
    """
    n_items, n_users = len(nearest), len(scale)
    (item_ptr, users_of), (row_ptr, items_of), (listed, listed_by, listed_weight) = by_item, by_user, by_list
    for block in prange(BLOCKS):
        place, seen = np.full(n_items, -1), np.full(n_users, -1)
        slots = np.empty(nearest.shape[1], np.int64)
        for item in range(block, n_items, BLOCKS):
            chosen = np.flatnonzero(keep[item])
            size = len(chosen)
            if size == 0:
                continue
            near, system, right = nearest[item][chosen], np.zeros((size, size)), wanted[item][chosen]
            place[near] = np.arange(size)
            _add_all(item, near, item_ptr, users_of, row_ptr, items_of, scale, place, seen, slots, system)
            for entry in range(listed[item], listed[item + 1]):
                count = _together(row_ptr, items_of, listed_by[entry], place, slots)
                _add(system, slots, count, listed_weight[entry])
            for slot in range(size):
                system[slot, slot] = system[slot, slot] * (1 + ridge) + 1e-12
            solution = np.linalg.solve(system, right)
            for slot in range(size):
                found[item, chosen[slot]] = solution[slot]
                worth[item, chosen[slot]] = solution[slot] ** 2 * system[slot, slot]
            place[near] = -1
