"""Numba kernels of losses over a whole catalogue, whose scores should pass through the processor once.

Every number is written by one thread, and sums are made in an order fixed by the data, so results do not depend on the
number of threads.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from sparserec.kernels import kernel

ROWS = 256
"""Items whose part of the loss is added up at a time; fixed, so that threads don't matter."""


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
