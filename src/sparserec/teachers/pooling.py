"""Numba kernels of the trained teacher: cosines of histories from each of which one item is left out.

Such a vector exists for each item of each history of a batch. Here none of them is written down: its numbers are found
again where they are needed. Every number is written by one thread, in an order fixed by the data.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from sparserec.kernels import kernel

SHORTEST = np.float32(1e-12)
"""Length that a vector counts as at least."""


# Reassociation lets the compiler use vector instructions for the sums; their order is the same in each run.
@kernel(parallel=True, fastmath={"reassoc", "contract", "nsz"})
def cosines(pooled, owner, into, known, weights, out, ranked, cosines_of, lengths):
    """Write the cosine of pooled[owner] - weights * into[known] with out[ranked] into `cosines_of`, for each entry.

    Args:
        pooled: (B, dim) float32.
        owner: (N,) int64, rows of `pooled`.
        into: (V, dim) float32.
        known: (N,) int64, rows of `into`.
        weights: (N,) float32.
        out: (R, dim) float32.
        ranked: (N,) int64, rows of `out`.
        cosines_of: (N,) float32.
        lengths: (2, N) float32, of the differences and of the rows of `out`.
    """
    for e in prange(len(owner)):
        whole, known_row, item, weight = pooled[owner[e]], into[known[e]], out[ranked[e]], weights[e]
        product, square, size = np.float32(0.0), np.float32(0.0), np.float32(0.0)
        for k in range(len(whole)):
            rest = whole[k] - weight * known_row[k]
            product += rest * item[k]
            square += rest * rest
            size += item[k] * item[k]
        lengths[0, e] = max(np.sqrt(square), SHORTEST)
        lengths[1, e] = max(np.sqrt(size), SHORTEST)
        cosines_of[e] = product / lengths[0, e] / lengths[1, e]


@kernel(parallel=True, fastmath={"reassoc", "contract", "nsz"})
def cosines_back_to_sums(
    pooled, owner, into, known, weights, out, ranked, cosines_of, lengths, gradients, offsets, of_pooled, of_weights
):
    """Write the gradients of `pooled` and of `weights` from those of the cosines.

    Args:
        pooled: this and all up to `lengths` as `cosines` took and left them.
        gradients: (N,) float32, of the cosines.
        offsets: (B + 1,) int64, where the entries of a sum begin.
        of_pooled: (B, dim) float32.
        of_weights: (N,) float32.
    """
    for b in prange(len(pooled)):
        whole, total = pooled[b], of_pooled[b]
        total[:] = 0.0
        for e in range(offsets[b], offsets[b + 1]):
            known_row, item, weight = into[known[e]], out[ranked[e]], weights[e]
            along = gradients[e] / (lengths[0, e] * lengths[1, e])
            against = gradients[e] * cosines_of[e] / (lengths[0, e] * lengths[0, e])
            lost = np.float32(0.0)
            for k in range(len(whole)):
                part = along * item[k] - against * (whole[k] - weight * known_row[k])
                total[k] += part
                lost += part * known_row[k]
            of_weights[e] = -lost


@kernel(parallel=True, fastmath={"reassoc", "contract", "nsz"})
def cosines_back_to_items(
    pooled, owner, into, known, weights, out, ranked, cosines_of, lengths, gradients, order, bounds, of_into, of_out
):
    """Add the gradients of `into` and of `out` from those of the cosines.

    Args:
        pooled: this and all up to `gradients` as for `cosines_back_to_sums`.
        order: (N,) int64, the entries by their item.
        bounds: (T + 1,) int64, where those of an item begin in `order`: each has a row of `into` and one of `out`.
        of_into: (V, dim) float32 and
        of_out: (R, dim) float32, what is added to.
    """
    for t in prange(len(bounds) - 1):
        first = order[bounds[t]]
        known_row, item = into[known[first]], out[ranked[first]]
        of_own, of_item = of_into[known[first]], of_out[ranked[first]]
        for i in range(bounds[t], bounds[t + 1]):
            e = order[i]
            whole, weight = pooled[owner[e]], weights[e]
            along = gradients[e] / (lengths[0, e] * lengths[1, e])
            against = gradients[e] * cosines_of[e] / (lengths[0, e] * lengths[0, e])
            aside = gradients[e] * cosines_of[e] / (lengths[1, e] * lengths[1, e])
            for k in range(len(whole)):
                rest = whole[k] - weight * known_row[k]
                of_own[k] -= weight * (along * item[k] - against * rest)
                of_item[k] += along * rest - aside * item[k]


BETA1, BETA2, EPSILON = np.float32(0.9), np.float32(0.999), np.float32(1e-8)


@kernel(parallel=True)
def adam(values, gradients, means, squares, lr, corrected1, corrected2):
    """One step of Adam, in place.

    Here because PyTorch's optimisers load its compiler, which takes longer than all their steps on a small catalogue.

    Source: Kingma and Ba, "Adam: a method for stochastic optimization" (arXiv 1412.6980), algorithm 1.

    Args:
        values: (n,) float32; so are the others.
        gradients: of the values.
        means, squares: moving averages of gradients and of their squares, 0 before the first step.
        lr: step size; float32, as are the last two.
        corrected1, corrected2: 1 less a power of each average's decay, as many times as there were steps, this one too.
    """
    one = np.float32(1.0)
    for i in prange(len(values)):
        means[i] += (one - BETA1) * (gradients[i] - means[i])
        squares[i] = BETA2 * squares[i] + (one - BETA2) * gradients[i] * gradients[i]
        values[i] -= lr / corrected1 * means[i] / (np.sqrt(squares[i] / corrected2) + EPSILON)
