"""Evidence: the gradients of watched rows, added up over an exploration window."""

from __future__ import annotations

from typing import Literal

from numba import prange
from torch import Tensor

from sparserec.kernels import kernel

Accumulation = Literal["signed", "absolute", "decay", "last"]

DECAY = 0.99
"""What a step multiplies older evidence of a touched row with, for "decay"."""


def accumulate(kind: Accumulation, evidence: Tensor, positions: Tensor, gradients: Tensor) -> None:
    """Add one step's gradients to the evidence, in place.

    Args:
        kind: "signed" sums gradients, so that contradicting ones cancel; "absolute" sums their magnitudes; "decay" is a
            signed sum in which older gradients of a row fade by `DECAY` whenever the row is touched; "last" forgets
            all older ones of every row.
        evidence: (S, dim) float32.
        positions: (W,) int64, distinct row numbers of `evidence`.
        gradients: (W, dim) float32; all three lie on one device.
    """
    if kind == "absolute":
        _add(evidence, positions, gradients.abs())
    elif kind == "decay":
        evidence[positions] = DECAY * evidence[positions] + gradients
    elif kind == "last":
        evidence.zero_()
        evidence[positions] = gradients
    else:
        _add(evidence, positions, gradients)


def _add(evidence: Tensor, positions: Tensor, gradients: Tensor) -> None:
    if evidence.device.type == "cpu":
        _add_rows(evidence.numpy(), positions.numpy(), gradients.numpy())
    else:
        evidence[positions] += gradients


@kernel(parallel=True)
def _add_rows(evidence, positions, gradients):
    """Add a step's gradients in place: without the copies of rows that an index makes."""
    for w in prange(len(positions)):
        row = evidence[positions[w]]
        for k in range(len(row)):
            row[k] += gradients[w, k]
