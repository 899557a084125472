"""Grow scores: how evidence about the watched rows becomes a score of each coordinate.

They may write over the evidence, which nobody needs afterwards.
"""

from __future__ import annotations

import numpy as np


def by_magnitude(evidence: np.ndarray, rows: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """|G|: coordinates whose gradient would change the loss most."""
    return np.abs(evidence, out=evidence)


def at_random(evidence: np.ndarray, rows: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Uniform in (0, 1): any coordinate of the watched rows."""
    return 1 - generator.random(evidence.shape, dtype=np.float32)
