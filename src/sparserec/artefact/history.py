"""Factors of the items in a history, as Rice-coded steps of their logarithm."""

from __future__ import annotations

import math

import numpy as np

from sparserec.artefact import rice
from sparserec.errors import SparserecError

NAMES = rice.Names("history", "history factor")
KINDS = ("history_low", "history_high", "history_scale")
"""The tensors of the items."""
LOG_STEP = 0.1
"""By how much the logarithms of two neighbouring factors differ: a factor is off by 5.2% at most."""
SMALLEST = 2.0**-126
"""The smallest factor, which is the smallest normal float32."""


def encode(factors: np.ndarray, log_step: float = LOG_STEP) -> dict[str, np.ndarray]:
    """Code positive factors.

    Args:
        factors: (n,) float32, n at least 1.
        log_step: above 0.

    Returns:
        the tensors by `KINDS`. A factor becomes largest * exp(-log_step * c), c the nearest natural number, or the
        largest c for which that is no less than 2**-126.

    Raises:
        SparserecError: when a factor is not finite and above 0, or none is a normal float32.
    """
    numbers = np.asarray(factors, dtype=np.float32).astype(np.float64)
    if not np.isfinite(numbers).all() or (numbers <= 0).any():
        raise SparserecError("history factors must be finite numbers above 0")
    largest, step = float(numbers.max()), float(np.float32(log_step))
    if largest < SMALLEST:
        raise SparserecError(f"history factors of at most {largest:.3g} are too small to be coded")
    most = min(math.floor(math.log(largest / SMALLEST) / step), rice.MOST)
    while largest * math.exp(-step * most) < SMALLEST:  # the logarithm was rounded up
        most -= 1
    codes = np.minimum(np.rint(np.log(largest / numbers) / step), most).astype(np.int32)
    low, high = rice.pack(codes)
    return {"history_low": low, "history_high": high, "history_scale": np.array([largest, step], dtype=np.float32)}


def decode(low: np.ndarray, high: np.ndarray, scale: np.ndarray, n: int) -> np.ndarray:
    """The factors (n,) float32, all positive normal numbers; takes no memory before the bytes bear out the sizes.

    Args:
        low: (bytes,) uint8.
        high: (bytes,) uint8.
        scale: float32, the largest factor and the step of the logarithm.
        n: number of factors, at least 1.

    Raises:
        SparserecError: when the tensors are not the code of so many factors.
    """
    if scale.shape != (2,) or not np.isfinite(scale).all() or (scale <= 0).any():
        raise SparserecError("'history_scale' must be two finite numbers above 0")
    largest, step = (float(number) for number in scale)
    codes = rice.unpack(low, high, n, NAMES)
    smallest = largest * math.exp(-step * int(codes.max()))
    if smallest < SMALLEST:
        raise SparserecError(f"a history factor of {smallest:.3g} is below the smallest normal number, 2^-126")
    return (largest * np.exp(-step * codes)).astype(np.float32)
