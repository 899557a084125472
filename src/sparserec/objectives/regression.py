"""Numba kernels of losses over a whole catalogue, whose scores should pass through the processor once.

Every number is written by one thread, and sums are made in an order fixed by the data, so results do not depend on the
number of threads.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from sparserec.kernels import kernel

ROWS = 256
"""Items whose part of the loss is added up at a time; fixed, so that threads don't matter."""
WORD = 8
"""Users whose marks are read as one number, to pass over those whom an item costs nothing."""


@kernel(parallel=True)
def above_floor(scores, floor, scale, out, losses):
    """Write `max(scores - floor, 0) * scale` into `out`, and the squares of the first factor by block and user.

    Args:
        scores: (n_items, B) float32.
        floor: (B,) float32, below which a score costs nothing.
        scale: (B,) float32.
        out: (n_items, B) float32.
        losses: (ceil(n_items / ROWS), B) float32, all 0; gets the sums of squares.
    """
    n_items, count = scores.shape
    for block in prange(len(losses)):
        total = losses[block]
        for item in range(block * ROWS, min((block + 1) * ROWS, n_items)):
            for b in range(count):
                over = max(scores[item, b] - floor[b], np.float32(0.0))
                total[b] += over * over
                out[item, b] = over * scale[b]


@kernel(parallel=True)
def of_products(
    values, columns, indptr, transposed, floor, scale, weight, target, listed, taken, errors, losses, places, slopes
):
    """The loss of products of sparse rows with users' vectors, and its slope where that isn't 0: scores are not kept.

    Args:
        values, columns, indptr: the sparse rows of the items.
        transposed: (dim, B) float32, the vectors of the users.
        floor, scale: (B,) float32, as in `above_floor`.
        weight, target: (N,) float32, of every listed item: what its error counts, and the score it should have.
        listed: pointers (n_items + 1,), users (N,) and numbers (N,) of the listed items by item, users ascending.
        taken: pointers (n_items + 1,) and users (H,) of the items of the histories by item.
        errors: (N,) float32, gets scores of listed items less their targets.
        losses: (ceil(n_items / ROWS), B) float32, all 0; gets the sums of squares above the floor.
        places, slopes: (ceil(n_items / ROWS), room) int32 and float32, get users and slopes of each block, items and
            users ascending, as far as there is room.

    Returns:
        counts (n_items,) int64, how many slopes of each item are not 0; some are not written where those of a block
        are more than there is room for.
    """
    n_items, users = len(indptr) - 1, transposed.shape[1]
    listed_at, listed_users, numbers = listed
    taken_at, taken_users = taken
    counts = np.zeros(n_items, dtype=np.int64)
    for block in prange(len(losses)):
        scores, above, used = np.empty(users, dtype=np.float32), np.zeros(-(-users // WORD) * WORD, dtype=np.uint8), 0
        for item in range(block * ROWS, min((block + 1) * ROWS, n_items)):
            scores[:] = 0.0
            for slot in range(indptr[item], indptr[item + 1]):
                value, column = values[slot], transposed[columns[slot]]
                for b in range(users):
                    scores[b] += value * column[b]
            here = slice(listed_at[item], listed_at[item + 1])
            of_list, asked = listed_users[here], numbers[here]
            for e in range(len(asked)):
                errors[asked[e]] = scores[of_list[e]] - target[asked[e]]
            for e in range(taken_at[item], taken_at[item + 1]):
                scores[taken_users[e]] = -np.inf
            for b in of_list:  # found again as what is above the floor, whatever it is
                scores[b] = np.inf
            for b in range(users):
                above[b] = scores[b] > floor[b]
            terms = scores, floor, scale, weight, errors
            counts[item] = _cost(terms, above, of_list, asked, used, losses[block], places[block], slopes[block])
            used += counts[item]
    return counts


@njit(nogil=True)
def _cost(terms, above, of_list, asked, used, total, places, slopes):
    """Write what an item costs each user whose mark is set, after `used` others; how many these are."""
    scores, floor, scale, weight, errors = terms
    words, near, before = above.view(np.uint64), 0, used
    for word in range(len(words)):
        if words[word] == 0:
            continue
        for b in range(word * WORD, (word + 1) * WORD):
            if above[b] == 0:
                continue
            if near < len(of_list) and of_list[near] == b:
                slope = weight[asked[near]] * errors[asked[near]] * scale[b]
                near += 1
            else:
                over = scores[b] - floor[b]
                total[b] += over * over
                slope = over * scale[b]
            if used < len(places):
                places[used] = b
                slopes[used] = slope
            used += 1
    return used - before


@kernel()
def by_item(items, users, n_items):
    """Pairs of users and items (N,) by item, of one item in the order given.

    Returns:
        pointers (n_items + 1,), users (N,), and the number of each pair (N,), all int64.
    """
    pointers = np.zeros(n_items + 1, dtype=np.int64)
    for item in items:
        pointers[item + 1] += 1
    for item in range(n_items):
        pointers[item + 1] += pointers[item]
    free, of_users, numbers = pointers[:-1].copy(), np.empty(len(items), np.int64), np.empty(len(items), np.int64)
    for number in range(len(items)):
        place = free[items[number]]
        of_users[place], numbers[place] = users[number], number
        free[items[number]] += 1
    return pointers, of_users, numbers
