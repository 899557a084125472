"""Numba kernels for the CPU. Each has a plain twin in `reference.py` or in its test.

Every kernel writes one row's results from one thread, in an order fixed by the data, so the result does not depend on
the number of threads.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from sparserec.kernels import kernel


@kernel(parallel=True)
def gather(values, columns, indptr, rows, out):
    """Write the rows (B,) of a sparse table into `out` (B, dim) float32."""
    for b in prange(len(rows)):
        out[b, :] = 0.0
        row = rows[b]
        for slot in range(indptr[row], indptr[row + 1]):
            out[b, columns[slot]] = values[slot]


@kernel(parallel=True)
def multiply(values, columns, indptr, rows, transposed, out):
    """Write the products of sparse rows (B,) with a dense matrix, given as (dim, K), into `out` (B, K) float32."""
    for b in prange(len(rows)):
        out[b, :] = 0.0
        row = rows[b]
        for slot in range(indptr[row], indptr[row + 1]):
            value = values[slot]
            column = transposed[columns[slot]]
            for k in range(len(column)):
                out[b, k] += value * column[k]


@kernel(parallel=True)
def pool(values, columns, indptr, rows, offsets, weights, out):
    """Write weighted sums of sparse rows into `out` (B, dim): bag b sums `weights[e]` times row `rows[e]`."""
    for b in prange(len(offsets) - 1):
        out[b, :] = 0.0
        for e in range(offsets[b], offsets[b + 1]):
            row = rows[e]
            weight = weights[e]
            for slot in range(indptr[row], indptr[row + 1]):
                out[b, columns[slot]] += weight * values[slot]


@kernel(parallel=True)
def pool_back(values, columns, indptr, rows, offsets, gradients, out):
    """Write the gradients of the weights of `pool` into `out` (L,), from those of its sums (B, dim)."""
    for b in prange(len(offsets) - 1):
        gradient = gradients[b]
        for e in range(offsets[b], offsets[b + 1]):
            row = rows[e]
            total = np.float32(0.0)
            for slot in range(indptr[row], indptr[row + 1]):
                total += gradient[columns[slot]] * values[slot]
            out[e] = total


SLICE = 256
"""Columns of the product that one thread works on at a time in `multiply_back`; fixed, so that threads don't matter."""
FEW = 8
"""Numbers of which at most one in so many is not 0 are worked on one by one, others all together."""
LINE = 16
"""Numbers that are passed over together where all are 0."""


@njit(nogil=True)
def _are_few(bits):
    """Whether at most one in FEW numbers, given as integers of their bits, is not 0: counted without branches."""
    count = np.int32(0)
    for k in range(len(bits)):
        count += np.int32(bits[k] != 0)
    return count * FEW <= len(bits)


@njit(nogil=True)
def _places(bits, places):
    """Write the places of numbers other than 0, given as integers of their bits, and return how many there are."""
    count = 0
    for first in range(0, len(bits), LINE):
        last = min(first + LINE, len(bits))
        any_bits = np.int32(0)
        for k in range(first, last):
            any_bits |= bits[k]
        if any_bits != 0:
            for k in range(first, last):
                places[count] = k
                count += bits[k] != 0
    return count


@kernel(parallel=True)
def multiply_back(values, columns, indptr, rows, gradients, out):
    """Write the gradient of the matrix, as (dim, K), into `out`, from the gradients (B, K) of `multiply`'s products."""
    width, bits = gradients.shape[1], gradients.view(np.int32)
    for part in prange((width + SLICE - 1) // SLICE):
        first, last = part * SLICE, min((part + 1) * SLICE, width)
        out[:, first:last] = 0.0
        places = np.empty(SLICE, dtype=np.int64)
        for b in range(len(rows)):
            row = rows[b]
            gradient = gradients[b, first:last]
            if not _are_few(bits[b, first:last]):
                for slot in range(indptr[row], indptr[row + 1]):
                    value = values[slot]
                    target = out[columns[slot], first:last]
                    for k in range(len(gradient)):
                        target[k] += value * gradient[k]
                continue
            count = _places(bits[b, first:last], places)
            if count > 0:
                for slot in range(indptr[row], indptr[row + 1]):
                    value = values[slot]
                    target = out[columns[slot], first:last]
                    for i in range(count):
                        target[places[i]] += value * gradient[places[i]]


@kernel(parallel=True)
def multiply_few(factors, matrix, out):
    """Write the product of `factors` (W, K), mostly 0, with a matrix (K, C) into `out` (W, C)."""
    bits = factors.view(np.int32)
    for w in prange(len(factors)):
        places = np.empty(factors.shape[1], dtype=np.int64)
        out[w, :] = 0.0
        for i in range(_places(bits[w], places)):
            factor, row = factors[w, places[i]], matrix[places[i]]
            for c in range(len(row)):
                out[w, c] += factor * row[c]


@kernel(parallel=True)
def read_columns(values, columns, indptr, first, out):
    """Write the columns from number `first` on of every row of a sparse table into `out` (n_rows, w) float32."""
    width = out.shape[1]
    for row in prange(len(indptr) - 1):
        out[row, :] = 0.0
        for slot in range(indptr[row], indptr[row + 1]):
            column = np.int64(columns[slot]) - first
            if 0 <= column < width:
                out[row, column] = values[slot]


@kernel(parallel=True)
def add_columns(columns, indptr, first, gradients, out):
    """Add the gradients (n_rows, w) of the columns from number `first` on to those of the active ones, `out` (nnz,)."""
    width = gradients.shape[1]
    for row in prange(len(indptr) - 1):
        for slot in range(indptr[row], indptr[row + 1]):
            column = np.int64(columns[slot]) - first
            if 0 <= column < width:
                out[slot] += gradients[row, column]


# Reassociation lets the compiler use vector instructions for the inner products; their order is the same in each run.
@kernel(parallel=True, fastmath={"reassoc", "contract", "nsz"})
def reduce_active(
    gradients, sources, weights, products, transposed, order, bounds, touched, columns, indptr, offsets, out
):
    """Sum gradients by touched row, at its active coordinates only, into `out` (offsets[-1],).

    Entry b of the batch is `weights[b]` times row `sources[b]` of the dense `gradients` (G, dim) below A, the length of
    both; from there on it is row b - A of `products` (P, K), gradients of products with a matrix given as (dim, K).
    """
    dense, bits = len(sources), products.view(np.int32)
    for t in prange(len(touched)):
        places = np.empty(products.shape[1], dtype=np.int64)
        first = indptr[touched[t]]
        base = offsets[t]
        length = offsets[t + 1] - base
        for k in range(length):
            out[base + k] = 0.0
        for i in range(bounds[t], bounds[t + 1]):
            b = order[i]
            if b < dense:
                weight = weights[b]
                gradient = gradients[sources[b]]
                for k in range(length):
                    out[base + k] += weight * gradient[columns[first + k]]
            else:
                back = products[b - dense]
                few = _are_few(bits[b - dense])
                count = _places(bits[b - dense], places) if few else 0
                for k in range(length):
                    column = transposed[columns[first + k]]
                    total = np.float32(0.0)
                    if not few:
                        for j in range(len(back)):
                            total += back[j] * column[j]
                    else:
                        for n in range(count):
                            total += back[places[n]] * column[places[n]]
                    out[base + k] += total


@kernel(parallel=True)
def add_full(gradients, sources, weights, first, order, bounds, groups, out):
    """Add by row the `gradients` (G, C) of the touched rows number `groups` (W,), all C of each, to `out` (W, C).

    Entry `first + b` of the batch is `weights[b]` times row `sources[b]` of `gradients`; other entries are passed over.
    """
    for w in prange(len(groups)):
        t = groups[w]
        for i in range(bounds[t], bounds[t + 1]):
            b = order[i] - first
            if 0 <= b < len(sources):
                weight = weights[b]
                gradient = gradients[sources[b]]
                for c in range(len(gradient)):
                    out[w, c] += weight * gradient[c]


@kernel(parallel=True)
def adam(
    values, mean, square, age, first_slot, offsets, gradients, correct, lr, beta1, beta2, epsilon, decay, relative
):
    """One lazy Adam step on the slots of the touched rows; see `optimizer.RowAdam`.

    `correct` (2, A) float32 holds 1 / (1 - beta ** a) at index a; ages saturate at A - 1. With `relative` above 0, a
    row's step is multiplied by its root mean square, at least `relative`.
    """
    oldest = correct.shape[1] - 1
    for t in prange(len(first_slot)):
        step = lr
        if relative > 0:
            total = np.float32(0.0)
            for k in range(offsets[t], offsets[t + 1]):
                value = values[first_slot[t] + k - offsets[t]]
                total += value * value
            step *= max(np.sqrt(total / np.float32(offsets[t + 1] - offsets[t])), relative)
        for k in range(offsets[t], offsets[t + 1]):
            slot = first_slot[t] + k - offsets[t]
            g = gradients[k] + decay * values[slot]
            m = beta1 * mean[slot] + (np.float32(1.0) - beta1) * g
            s = beta2 * square[slot] + (np.float32(1.0) - beta2) * g * g
            a = age[slot]
            if a < oldest:
                a += 1
            mean[slot] = m
            square[slot] = s
            age[slot] = a
            values[slot] -= step * m * correct[0, a] / (np.sqrt(s * correct[1, a]) + epsilon)


@kernel(parallel=True)
def merge_sources(keep, columns, indptr, grow_indptr, grow_columns, new_indptr, new_columns, source):
    """Merge kept and grown coordinates row by row, columns ascending.

    Writes `new_columns` and `source`: the old slot of each new one, or -1 for a grown coordinate. Returns nothing; the
    caller has checked that no grown coordinate is active.
    """
    for row in prange(len(indptr) - 1):
        out = new_indptr[row]
        g = grow_indptr[row]
        g_end = grow_indptr[row + 1]
        for slot in range(indptr[row], indptr[row + 1]):
            if not keep[slot]:
                continue
            while g < g_end and grow_columns[g] < columns[slot]:
                new_columns[out] = grow_columns[g]
                source[out] = -1
                out += 1
                g += 1
            new_columns[out] = columns[slot]
            source[out] = slot
            out += 1
        while g < g_end:
            new_columns[out] = grow_columns[g]
            source[out] = -1
            out += 1
            g += 1


@kernel(parallel=True)
def move(old, source, out):
    """`out[i] = old[source[i]]`, or 0 where the source is -1."""
    for i in prange(len(source)):
        if source[i] >= 0:
            out[i] = old[source[i]]
        else:
            out[i] = 0
