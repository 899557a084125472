"""What a file knows of items by themselves: which ones many took, and which are like one another."""

from __future__ import annotations

import numpy as np

from sparserec.device.matrix import Matrix
from sparserec.device.postings import Postings


def standing(items: Postings | Matrix) -> tuple[np.ndarray, np.ndarray]:
    """What to order items by so that those which many took come first, and the lengths of their rows.

    Training gives an item the smaller a factor in histories the more users took it: on MovieLens the rank correlation
    of the factor with the number of users is -0.98, that of the length of a row 0.75 to 0.89.

    Args:
        items: the item table.

    Returns:
        numbers (n,) float64, largest first: the inverse of the history factor, or the length where there are no
        factors; and the lengths (n,) float64, for those whose numbers are equal.
    """
    lengths = items.lengths()
    factors = items.history_factors
    return (lengths if factors is None else 1 / factors.astype(np.float64)), lengths


def resemblance(items: Postings | Matrix, row: int) -> np.ndarray:
    """How much each item is like one: inner products over the square roots of both lengths, (n,) float64.

    Args:
        items: the item table.
        row: of the one item. Items without length are like none, and have 0.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        products = items.of(items.row(row)).astype(np.float64)
        lengths = items.lengths()
        scale = np.sqrt(lengths) * np.sqrt(lengths[row])
        return np.divide(products, scale, out=np.zeros(len(products)), where=scale > 0)
