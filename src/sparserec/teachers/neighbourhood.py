"""The item-item graph of a filter, as sums over who took what."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numba import get_num_threads, prange

from sparserec.kernels import kernel


class Neighbourhood:
    """The item-item graph of interactions, which is never written down.

    Args:
        matrix: (n_users, n_items) float32, normalised interactions, all above 0.
    """

    def __init__(self, matrix: sp.csr_array):
        self._rows, self._takers = matrix, sp.csr_array(matrix.T)

    def add(self, known: sp.csr_array, weight: np.float32, scores: np.ndarray) -> None:
        """Add weight * known @ matrix.T @ matrix to `scores`. Each row is summed by one thread, in one order.

        Args:
            known: (B, n_items) float32, scaled histories, none below 0.
            weight: of what is added.
            scores: (B, n_items) float32, C-contiguous.
        """
        alike = np.zeros((get_num_threads(), len(self._rows.indptr) - 1), dtype=np.float32)
        met = np.empty(alike.shape, dtype=np.int32)
        of_known, of_takers, of_rows = (
            (one.indptr, one.indices, one.data) for one in (known, self._takers, self._rows)
        )
        _add_neighbourhood(*of_known, *of_takers, *of_rows, weight, alike, met, scores)


@kernel(parallel=True)
def _add_neighbourhood(
    starts,
    items,
    values,
    taker_starts,
    takers,
    taker_values,
    row_starts,
    row_items,
    row_values,
    weight,
    alike,
    met,
    out,
):
    threads = len(alike)
    for thread in prange(threads):
        similar, touched = alike[thread], met[thread]
        for b in range(thread, len(starts) - 1, threads):
            count = 0
            for e in range(starts[b], starts[b + 1]):
                item, value = items[e], values[e]
                if value == 0:
                    continue
                for t in range(taker_starts[item], taker_starts[item + 1]):
                    user = takers[t]
                    if similar[user] == 0:
                        touched[count] = user
                        count += 1
                    similar[user] += value * taker_values[t]
            row = out[b]
            for place in range(count):
                user = touched[place]
                share = weight * similar[user]
                similar[user] = 0
                for t in range(row_starts[user], row_starts[user + 1]):
                    row[row_items[t]] += share * row_values[t]
