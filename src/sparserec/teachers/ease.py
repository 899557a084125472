"""EASE: a linear model of full rank in closed form, for catalogues whose items x items numbers fit into memory."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch

from sparserec.errors import SparserecError

FEW = 2
"""Items for each user from which on users are few."""
SMALLEST = 1e-6
"""Part of an item, of 1, that the regularisation leaves unexplained at least, as float32 can tell."""


class EaseTeacher:
    """Scores of a history are its sum of rows of an item-item matrix with an empty diagonal.

    Source: Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019.

    Args:
        weights: (n_items, n_items) float32; row i is what item i of a history gives to each item.
        regularisation: with which it was found.
    """

    def __init__(self, weights: np.ndarray, regularisation: float):
        self.weights, self.regularisation = weights, regularisation
        self.n_items = len(weights)

    def score_histories(self, histories: sp.csr_array) -> np.ndarray:
        """Binary histories (B, n_items) -> scores of all items (B, n_items) float32."""
        return np.asarray(sp.csr_array(histories, dtype=np.float32) @ self.weights)


def ease(history: sp.csr_array, regularisation: float) -> EaseTeacher:
    """The matrix B with diagonal 0 that minimises |X - X B|^2 + regularisation |B|^2 for interactions X.

    With P the inverse of X^T X + regularisation I, B_ij is -P_ij / P_jj beside the diagonal. By Cholesky, in float32:
    two matrices of items x items exist at a time. Of users who are few beside the items, by Woodbury's identity: with
    S = X^T (X X^T + regularisation I)^-1 X, P is a multiple of I - S, so that a matrix of users x users is all that is
    factorised.

    Args:
        history: (n_users, n_items) binary.
        regularisation: > 0.

    Raises:
        SparserecError: when the matrix is not positive definite in float32: the regularisation is too small.
    """
    known = sp.csr_array(history, dtype=np.float32)
    n_users, n_items = (int(side) for side in known.shape or ())
    if FEW * n_users <= n_items:
        return EaseTeacher(_of_few_users(known, regularisation), regularisation)
    gram = torch.from_numpy((known.T @ known).toarray())
    gram.diagonal().add_(regularisation)
    factor, failed = torch.linalg.cholesky_ex(gram)
    if failed:
        raise _too_little(regularisation)
    weights = torch.cholesky_inverse(factor, out=gram)
    weights /= -weights.diagonal().clone()
    weights.fill_diagonal_(0)
    return EaseTeacher(np.ascontiguousarray(weights.numpy()), regularisation)


def _of_few_users(known: sp.csr_array, regularisation: float) -> np.ndarray:
    """The matrix (n_items, n_items) of `ease` by way of one of users x users."""
    shared = torch.from_numpy((known @ known.T).toarray()).double()
    shared.diagonal().add_(regularisation)
    factor, failed = torch.linalg.cholesky_ex(shared)
    if failed:
        raise _too_little(regularisation)
    half = torch.linalg.solve_triangular(factor.float(), torch.from_numpy(known.toarray()), upper=False)
    weights = half.T @ half
    left = 1 - weights.diagonal().clone()
    if float(left.min()) < SMALLEST:
        raise _too_little(regularisation)
    weights /= left
    weights.fill_diagonal_(0)
    return weights.numpy()


def _too_little(regularisation: float) -> SparserecError:
    return SparserecError(f"EASE needs a larger regularisation than {regularisation:g} for these interactions")
