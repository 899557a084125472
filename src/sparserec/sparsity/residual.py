"""Item-item weights beside a table: what its scores lack of a teacher's, as far as a few weights an item can say it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import scipy.sparse as sp
from numba import prange

from sparserec.kernels import kernel
from sparserec.numeric import solve
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
        score: what the table says: users (B,) int64 -> scores of all items (n_items, B) float32, which may be written
            over.
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
            scores = np.ascontiguousarray(score(lists.users[part]), dtype=np.float32)
            items, asked = lists.items[part].astype(np.int64), lists.scores[part]
            count, length = items.shape
            errors = asked - scores[items, np.arange(count)[:, None]]
            pulls = (errors * (scale[part, None] + more[part])).astype(np.float32).ravel()
            order = np.argsort(items.ravel(), kind="stable")
            bounds = np.concatenate(([0], np.cumsum(np.bincount(items.ravel(), minlength=len(scores)))))
            ends = np.ascontiguousarray(asked[:, -1]), scale[part].astype(np.float32)
            listed = bounds, order // length, pulls[order]
            taken = sp.csr_array(self._rows[part].T)
            _pull(scores, ends, listed, taken.indptr, taken.indices, self._nearest, wanted)
        return wanted

    def _solved(self, keep: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights of the candidates that are kept, and by how much each lowers the error, (n_items, C) float64."""
        found, worth = np.zeros(keep.shape), np.zeros(keep.shape)
        by_item = (self._by_item.indptr, self._by_item.indices)
        by_list = (self._listed, self._listed_by, self._listed_weight)
        _solve(self._nearest, keep, self._wanted, by_item, self._scale, by_list, RIDGE, found, worth)
        return found, worth


def _bounds(history: Histories, users: np.ndarray) -> list[tuple[int, int]]:
    return list(zip(history.indptr[users].tolist(), history.indptr[users + 1].tolist(), strict=True))


@kernel(parallel=True)
def _pull(scores, ends, listed, indptr, indices, nearest, wanted):
    """Add up the errors of each item over the users of a block who took each of its candidates.

    `scores` (n_items, B), which is written over; `ends` are the last score of each user's list and what their errors
    count, `listed` the errors of listed items: pointers by item, users, values; then who took each item.
    """
    last, scale = ends
    listed_ptr, listed_by, pulls = listed
    for item in prange(len(nearest)):
        error = scores[item]
        for user in range(len(error)):
            error[user] = min(last[user] - error[user], np.float32(0)) * scale[user]
        for entry in range(listed_ptr[item], listed_ptr[item + 1]):
            error[listed_by[entry]] = pulls[entry]
        for entry in range(indptr[item], indptr[item + 1]):
            error[indices[entry]] = 0
        for slot in range(nearest.shape[1]):
            other = nearest[item, slot]
            if other < 0:
                break
            total = 0.0
            for entry in range(indptr[other], indptr[other + 1]):
                total += error[indices[entry]]
            wanted[item, slot] += total


@kernel()
def _chains(item, near, item_ptr, users_of, mark, head, after, slot_of, touched):
    """Link the slots that each user has among the candidates of an item, unless they took the item; how many users.

    `touched` gets the users; the chain of one begins at `head` and goes on with `after`, and `mark` is 2 item + 1.
    """
    for entry in range(item_ptr[item], item_ptr[item + 1]):
        mark[users_of[entry]] = 2 * item
    count, end = 0, 0
    for slot in range(len(near)):
        for entry in range(item_ptr[near[slot]], item_ptr[near[slot] + 1]):
            user = users_of[entry]
            if mark[user] == 2 * item:
                continue
            if mark[user] != 2 * item + 1:
                mark[user], head[user] = 2 * item + 1, -1
                touched[count] = user
                count += 1
            after[end], slot_of[end], head[user] = head[user], slot, end
            end += 1
    return count


@kernel()
def _add(system, first, after, slot_of, weight):
    """Add a weight for each pair of slots of a chain."""
    one = first
    while one >= 0:
        other = first
        while other >= 0:
            system[slot_of[one], slot_of[other]] += weight
            other = after[other]
        one = after[one]


@kernel(parallel=True)
def _solve(nearest, keep, wanted, by_item, scale, by_list, ridge, found, worth):
    """Solve the system of each item for the candidates that are kept.

    `by_item` are pointers and indices of the history by item, `by_list` for each item who has it on their list and what
    they count more: pointers, users, weights. Only who took a candidate is looked at, and of their histories nothing
    but the candidates: a few users have most of what all histories have in common.
    """
    n_items, n_users = len(nearest), len(scale)
    (item_ptr, users_of), (listed, listed_by, listed_weight) = by_item, by_list
    for block in prange(BLOCKS):
        mark, head = np.full(n_users, -1), np.empty(n_users, np.int64)
        touched, after, slot_of = np.empty(n_users, np.int64), np.empty(0, np.int64), np.empty(0, np.int64)
        for item in range(block, n_items, BLOCKS):
            chosen = np.flatnonzero(keep[item])
            size = len(chosen)
            if size == 0:
                continue
            near, system, right = nearest[item][chosen], np.zeros((size, size)), wanted[item][chosen]
            links = 0
            for other in near:
                links += item_ptr[other + 1] - item_ptr[other]
            if links > len(after):
                after, slot_of = np.empty(2 * links, np.int64), np.empty(2 * links, np.int64)
            count = _chains(item, near, item_ptr, users_of, mark, head, after, slot_of, touched)
            for user in touched[:count]:
                _add(system, head[user], after, slot_of, scale[user])
            for entry in range(listed[item], listed[item + 1]):
                user = listed_by[entry]
                if mark[user] == 2 * item + 1:
                    _add(system, head[user], after, slot_of, listed_weight[entry])
            for slot in range(size):
                system[slot, slot] = system[slot, slot] * (1 + ridge) + 1e-12
            solution = solve(system, right)
            for slot in range(size):
                found[item, chosen[slot]] = solution[slot]
                worth[item, chosen[slot]] = solution[slot] ** 2 * system[slot, slot]
