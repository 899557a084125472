"""Values of a table in one byte each, with a scale for each column."""

from __future__ import annotations

import numpy as np

from sparserec.errors import SparserecError


def to_int8(values: np.ndarray, columns: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric int8 with one scale a column, rounding half to even.

    Args:
        values: (nnz,) float32.
        columns: (nnz,) the column of each value.
        dim: number of columns.

    Returns:
        codes (nnz,) int8 in [-127, 127] and scales (dim,) float32; a value is code * scale of its column, and differs
        from the original by at most half a scale. A column without values has scale 0.
    """
    check_finite(values)
    largest = np.zeros(dim, dtype=np.float32)
    np.maximum.at(largest, columns, np.abs(values))
    scales = (largest / np.float32(127)).astype(np.float32)
    step = scales[columns]
    codes = np.divide(values, step, out=np.zeros_like(values), where=step > 0)
    return np.clip(np.rint(codes), -127, 127).astype(np.int8), scales


def from_int8(codes: np.ndarray, columns: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """The inverse of `to_int8`: (nnz,) float32."""
    return codes.astype(np.float32) * scales[columns]


def to_float16(values: np.ndarray) -> np.ndarray:
    """Half precision. Raises SparserecError when a value is too large for it (65,504) or is not a number."""
    check_finite(values)
    if len(values) and np.abs(values).max() > 65_504:
        raise SparserecError(
            f"a value of {np.abs(values).max():.3g} does not fit float16, which ends at 65504; export as int8"
        )
    return values.astype(np.float16)


def check_finite(values: np.ndarray) -> None:
    """Refuse values that are not finite, before any are written."""
    if not np.isfinite(values).all():
        raise SparserecError("the table holds values that are not finite numbers; the training has diverged")
