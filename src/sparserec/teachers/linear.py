"""Item-item models: scores of a history are its sum of rows of a sparse matrix."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp


class LinearTeacher:
    """Scores of a history are its sum of rows of a sparse item-item matrix.

    Args:
        weights: (n_items, n_items) float32; row i is what item i of a history gives to other items.
    """

    def __init__(self, weights: sp.csr_array):
        self.weights = weights
        self.n_items = len(weights.indptr) - 1

    def score_histories(self, histories: sp.csr_array) -> np.ndarray:
        """Histories (B, n_items), binary or with what each item counts -> scores of all items (B, n_items) float32."""
        return self.sparse_scores(histories).toarray()

    def sparse_scores(self, histories: sp.csr_array) -> sp.csr_array:
        """The same as far as it is not 0."""
        return sp.csr_array(sp.csr_array(histories, dtype=np.float32) @ self.weights)
