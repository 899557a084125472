"""What the browser runtime computes, done plainly with dense tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sparserec.artefact import read


def shares(model: Path, history: list[str], item: str) -> list[tuple[str, float]]:
    """What each item of a history adds to the score of an item, largest first; equal ones as in the history."""
    artefact = read(model)
    rows, index = artefact.items, artefact.item_ids.index
    table = np.zeros((rows.n, rows.dim))
    if rows.columns is None:
        table[:] = rows.values
    else:
        table[np.repeat(np.arange(rows.n), np.diff(rows.indptr)), rows.columns] = rows.values
    table *= rows.column_scales()
    target = table[index(item)] * (1 if rows.factors is None else float(rows.factors[index(item)]))
    assert rows.age_decay is None
    weight = np.ones(rows.n) if rows.history_factors is None else rows.history_factors.astype(float)
    pairs = [(name, weight[index(name)] * float(table[index(name)] @ target)) for name in dict.fromkeys(history)]
    return sorted(pairs, key=lambda pair: -pair[1])
