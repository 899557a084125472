"""The best items of a sparse table without scoring all of it; the answer is that of scoring all of it.

Few columns carry most of a user's vector, and few items are long enough as vectors to score high. So the posting lists
of the heaviest columns are summed first, over the longest items. What the other columns can still add to an item is at
most the length of the vector's rest times the length of the item (Cauchy and Schwarz). The items that reach the top as
it then stands, with that added, are scored in full. Where item columns stand beside ordinary ones, lengths are those in
the ordinary ones, and all that an item of the history leads to is scored in full. The idea of skipping what an upper
bound rules out is that of H. Turtle and J. Flood, "Query evaluation: strategies and optimizations", Information
Processing & Management 31 (1995).
"""

from __future__ import annotations

import math

import numpy as np

from sparserec.device.lists import counts
from sparserec.device.postings import LONGEST, Postings
from sparserec.device.topk import LANES, kth_largest

LEFT = 0.01
"""Share of the squared length of a vector that the columns not summed at first may have: what was fastest."""
FRONT = 0.8
"""Share of the values that the items summed at first have."""
SMALL = 4096
"""Items below which scoring all is as fast."""
LEAST = 1
"""Values an item, in the columns that a vector has, below which scoring all is as fast."""
MOST = 1
"""Values of items to be scored in full, for each that scoring all looks at, above which scoring all is faster."""
SLACK = 1e-9
"""What bounds are widened by, relative to the largest they can be: far more than rounding in float64 can do."""


class Shortlist:
    """Finds the best items of a table.

    Args:
        postings: the table.
    """

    def __init__(self, postings: Postings):
        self._postings = postings
        starts = postings.rows.starts
        front = int(starts.searchsorted(starts.dtype.type(math.ceil(FRONT * int(starts[-1])))))
        self._front = min(-(-front // LANES) * LANES, postings.n)
        """Items that are summed at first."""
        in_front = counts(postings.rows, self._front, postings.dim)
        self._middle = postings.columns.starts[:-1] + in_front
        """Where the front ends in each posting list."""

    def best(self, vector: np.ndarray, k: int, left_out: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """The k best items.

        Args:
            vector: (dim,) float64.
            k: at least 1.
            left_out: (m,) integers, rows that are not wanted.

        Returns:
            rows (k,) and their scores (k,) float32, descending, equal scores by row; None where scoring all is the
            better way: in small tables, for large k, where the columns of the vector have few values, and where no
            bound can be had, or none that rules out enough.
        """
        postings, front = self._postings, self._front
        if postings.n < SMALL or front < 2 * LANES * k:
            return None
        weights = postings.weights(vector)
        there = weights[: postings.bounded].nonzero()[0]  # few where there are as many columns as items
        squares = np.square(weights.take(there))
        starts = postings.columns.starts
        values = int((starts.take(there + 1) - starts.take(there)).sum())
        if not values or values < LEAST * postings.n:
            return None
        order = (-squares).argsort()
        heaviest, squares = there.take(order), squares.take(order)
        sums = squares.cumsum()
        total = float(sums[-1])
        if not 1e-200 < total < math.inf:
            return None
        count = int(sums.searchsorted(total * (1 - LEFT))) + 1
        used, length = heaviest[:count], math.sqrt(total)
        rest = math.sqrt(float(squares[count:].sum())) + SLACK * length
        out = postings.places(left_out)
        scored = []
        if postings.bounded < postings.dim:
            led = postings.beyond(weights)
            led, numbers = self._scored(weights, led[np.isin(led, out, invert=True)])
            if np.isnan(numbers).any():
                return None
            scored.append((led, numbers))
            out = np.concatenate((out, led))

        sums = self._sums(weights, used, 0, front)
        sums[out[out < front]] = -np.inf
        reached = kth_largest(sums, k)
        seeds = (sums >= reached).nonzero()[0]
        if reached == -math.inf or len(seeds) > LANES * k:
            return None
        scored.append((seeds, postings.of_places(weights, seeds)))
        exact = np.concatenate([numbers for _, numbers in scored])
        bound = _below(float(np.partition(exact, len(exact) - k)[len(exact) - k]))
        if not math.isfinite(bound):
            return None
        self._add_bounds(sums, 0, rest)
        sums[seeds] = -np.inf
        near = (sums >= bound).nonzero()[0]
        if len(near) * (int(starts[-1]) / postings.n) > MOST * values:
            return None
        scored.append(self._scored(weights, near))
        if front < postings.n and (bound <= 0 or length * (1 + SLACK) * float(postings.norms[front // LANES]) >= bound):
            sums = self._sums(weights, used, front, postings.n)
            sums[out[out >= front] - front] = -np.inf
            self._add_bounds(sums, front, rest)
            scored.append(self._scored(weights, (sums >= bound).nonzero()[0] + front))
        rows = postings.order.take(np.concatenate([places for places, _ in scored])).astype(np.intp)
        scores = np.concatenate([numbers for _, numbers in scored])
        chosen = np.lexsort((rows, -scores))[:k]
        return rows[chosen], scores[chosen]

    def _sums(self, weights: np.ndarray, used: np.ndarray, first: int, last: int) -> np.ndarray:
        """Sums over columns `used`, (last - first,) float64, for the front or what is behind it."""
        columns, middle = self._postings.columns, self._middle
        begin = columns.starts.take(used) if first == 0 else middle.take(used)
        end = middle.take(used) if first == 0 else columns.starts.take(used + 1)
        places, codes = columns.stored(begin, end)
        if first:
            places = places - places.dtype.type(first)
        products = weights.take(used).repeat(end - begin)
        columns.multiply(products, codes, begin, end)
        return np.bincount(places, products, minlength=last - first)

    def _add_bounds(self, sums: np.ndarray, first: int, rest: float) -> None:
        """Add to sums (m,) of the places from `first`, a multiple of `LANES`, on what the rest can add to each."""
        if first == 0:
            longest = self._postings.longest[: len(sums)]
            sums[: len(longest)] += np.multiply(longest, rest, dtype=np.float64)
            first, sums = LONGEST, sums[LONGEST:]
        bounds = self._postings.norms[first // LANES :].astype(np.float64)
        bounds *= rest
        whole = len(sums) // LANES
        lanes = sums[: whole * LANES].reshape(whole, LANES)
        lanes += bounds[:whole, None]
        sums[whole * LANES :] += bounds[whole : whole + 1]

    def _scored(self, weights: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return places, self._postings.of_places(weights, places)


def _below(score: float) -> float:
    """A bound that everything which rounds to `score` or more in float32 reaches."""
    return score - 1e-6 * abs(score) - 1e-44
