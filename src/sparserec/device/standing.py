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

    With item columns, rows say what leads to an item, and of two items that lead to one another the rows need not be
    alike: what each adds to the score of the other, half and half, is taken instead of the inner product.

    Args:
        items: the item table.
        row: of the one item. Items without length are like none, and have 0.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        products = _exchanged(items, row) if has_item_columns(items) else items.of(items.row(row)).astype(np.float64)
        lengths = items.lengths()
        scale = np.sqrt(lengths) * np.sqrt(lengths[row])
        return np.divide(products, scale, out=np.zeros(len(products)), where=scale > 0)


def has_item_columns(items: Postings | Matrix) -> bool:
    """Whether each item has a column of its own."""
    return items.ages is not None and items.ages.item_columns


def _exchanged(items: Postings | Matrix, row: int) -> np.ndarray:
    """What one item and each other add to the score of one another as the newest of a history, halved: (n,) float64."""
    assert items.ages is not None
    given = items.of(items.vector(np.array([row]))).astype(np.float64)
    own = items.row(row)
    received = own[items.ages.ordinary :].copy()
    own[items.ages.ordinary :] = 0
    products, factors = items.of(own).astype(np.float64), items.history_factors
    received += products if factors is None else products * factors
    return (given + received) / 2
