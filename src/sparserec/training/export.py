"""From a trained model to the file that a device loads."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sparserec.artefact import ByteReport, TableData, write
from sparserec.recommenders import Served
from sparserec.sparsity import parse_budget
from sparserec.tables import SparseTable, Table
from sparserec.training.config import RunConfig
from sparserec.vocabulary import Vocabulary


def write_artefact(
    path: Path,
    served: Served,
    users: Vocabulary,
    items: Vocabulary,
    config: RunConfig,
    fingerprint: str,
    metrics: dict[str, float],
) -> ByteReport:
    """Write a model as one artefact; scales are multiplied into the rows first. Same model, same bytes.

    Args:
        path: the file to write.
        served: the tables and their row scales.
        users: raw ids of the users.
        items: raw ids of the items.
        config: goes into the model card.
        fingerprint: of the data, goes into the model card.
        metrics: validation metrics of the model, go into the card; anything that depends on the clock is left out.
    """
    return write(
        path,
        items=table_data(served.items, served.item_scale),
        users=table_data(served.users, served.user_scale) if served.users is not None else None,
        item_ids=items,
        user_ids=users if served.users is not None else None,
        recipe=config.model_dump(exclude_none=True),
        data_fingerprint=fingerprint,
        metrics={f"valid.{name}": value for name, value in sorted(metrics.items()) if name not in ("seconds", "epoch")},
        values_dtype=config.values,
        history_factors=served.history_weights,
        budget=parse_budget(config.budget, len(items)) if config.budget and config.values == "coded" else None,
    )


def table_data(table: Table, scale: np.ndarray | None) -> TableData | np.ndarray:
    """A table as arrays, its rows multiplied by `scale` (n_rows,); in CSR when it is sparse, else (n_rows, dim)."""
    values = table.values.numpy()
    if not isinstance(table, SparseTable):
        matrix = values.reshape(table.n_rows, table.dim)
        return matrix if scale is None else matrix * scale[:, None]
    indptr, columns = table.structure()
    if scale is not None:
        values = values * np.repeat(scale, np.diff(indptr))
    return TableData(indptr=indptr, columns=columns, values=values, dim=table.dim)
