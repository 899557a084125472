"""What several kernels need of NumPy, compiled once: a kernel that calls NumPy itself compiles all of that again.

Numba takes a kernel's machine code for stale where its own file has changed, not where one of these has.
"""

from __future__ import annotations

import numpy as np

from sparserec.kernels import kernel


@kernel()
def solve(matrix, right):
    """`np.linalg.solve` of a matrix (n, n) and a vector (n,), both float64."""
    return np.linalg.solve(matrix, right)


@kernel()
def descending(values):
    """The places of float64 values (n,), the highest first, of equal ones the first first."""
    return np.argsort(-values, kind="mergesort")
