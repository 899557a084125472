"""Scores by which methods drop and grow.

Grow scores are made of the evidence about the watched rows, which they may write over; drop scores of the table.
"""

from __future__ import annotations

import numpy as np

from sparserec.sparsity.seam import Revisable


def by_magnitude(evidence: np.ndarray, rows: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """|G|: coordinates whose gradient would change the loss most."""
    return np.abs(evidence, out=evidence)


def at_random(evidence: np.ndarray, rows: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Uniform in (0, 1): any coordinate of the watched rows."""
    return 1 - generator.random(evidence.shape, dtype=np.float32)


def magnitudes(table: Revisable, interactions: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """|w| of the active parameters, (nnz,) float32: the smallest matter least to the rows as they are."""
    return table.magnitudes()
