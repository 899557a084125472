"""Evidence: the gradients of watched rows, added up over an exploration window."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numba import njit, prange

Accumulation = Literal["signed", "absolute", "decay", "last"]

DECAY = 0.99
"""What a step multiplies older evidence of a touched row with, for "decay"."""


def accumulate(kind: Accumulation, evidence: np.ndarray, positions: np.ndarray, gradients: np.ndarray) -> None:
    """Add one step's gradients to the evidence, in place.

    Args:
        kind: "signed" sums gradients, so that contradicting ones cancel; "absolute" sums their magnitudes; "decay" is a
            signed sum in which older gradients of a row fade by `DECAY` whenever the row is touched; "last" forgets
            all older ones of every row.
        evidence: (S, dim) float32.
        positions: (W,) distinct row numbers of `evidence`.
        gradients: (W, dim) float32.
    """
    if kind == "absolute":
        _add(evidence, positions, np.abs(gradients))
    elif kind == "decay":
        evidence[positions] = DECAY * evidence[positions] + gradients
    elif kind == "last":
        evidence[:] = 0
        evidence[positions] = gradients
    else:
        _add(evidence, positions, gradients)


@njit(parallel=True, cache=True, nogil=True)
def _add(evidence, positions, gradients):
    """Add a step's gradients in place: without the copies that NumPy makes of rows."""
    for w in prange(len(positions)):
        own = evidence[positions[w]]
        for k in range(len(own)):
            own[k] += gradients[w, k]
