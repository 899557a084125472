"""From a trained model to the file that a device loads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from sparserec.artefact import ByteReport, TableData, write
from sparserec.axes import EXPLORERS, TABLES
from sparserec.protocols import EmbeddingRows
from sparserec.recommenders import Served
from sparserec.settings import RunConfig
from sparserec.sparsity import made_sparse
from sparserec.starts import bytes_beside_ids
from sparserec.tables import DenseTable, SparseTable
from sparserec.vocabulary import Vocabulary


def write_artefact(
    path: Path,
    served: Served,
    users: Vocabulary,
    items: Vocabulary,
    config: RunConfig,
    fingerprint: str,
    metrics: dict[str, float],
    parameters: int,
    degrees: np.ndarray | None = None,
) -> ByteReport:
    """Write a model as one artefact; scales are multiplied into the rows first. Same model, same bytes.

    Args:
        path: the file to write.
        served: the tables and their row scales. Rows that are no table, such as those a graph makes, are made one:
            dense where the method trains dense tables, else sparse with as many values as the model's tables have
            parameters.
        users: raw ids of the users.
        items: raw ids of the items.
        config: goes into the model card.
        fingerprint: of the data, goes into the model card.
        metrics: validation metrics of the model, go into the card; anything that depends on the clock is left out.
        parameters: active parameters of the model's tables.
        degrees: (n_items,) how many users took each item, to leave a user table out; None to write it.
    """
    whole = TABLES[EXPLORERS[config.method].table].of_matrix is not None
    served = _as_tables(served, None if whole else parameters, config.seed)
    if degrees is not None:
        served = without_users(served, degrees)
    return write(
        path,
        items=table_data(served.items, served.item_scale),
        users=table_data(served.users, served.user_scale) if served.users is not None else None,
        item_ids=items,
        user_ids=users if served.users is not None else None,
        recipe=config.as_recipe(),
        data_fingerprint=fingerprint,
        metrics={f"valid.{name}": value for name, value in sorted(metrics.items()) if name not in ("seconds", "epoch")},
        values_dtype=config.values,
        history_factors=served.history_weights,
        age_decay=served.age_decay,
        encoder=served.encoder,
        budget=bytes_beside_ids(config, items, users if served.users is not None else None),
        ids=config.ids != "none",
    )


def without_users(served: Served, degrees: np.ndarray) -> Served:
    """A model without its user table: users are weighted sums of the item rows of their histories.

    An item that d users took counts d ** -0.5 of its row, as in LightGCN's propagation: what everybody took says little
    of anybody. Models whose users are sums of histories anyway stay as they are.
    """
    if served.users is None:
        return served
    weights = np.maximum(degrees, 1).astype(np.float32) ** np.float32(-0.5)
    return replace(served, users=None, user_scale=None, history_weights=weights)


def _as_tables(served: Served, budget: int | None, seed: int) -> Served:
    """Rows that are no tables as tables: sparse ones of `budget` values together, dense ones when it is None."""
    parts = [part for part in (served.users, served.items) if part is not None]
    if all(isinstance(part, SparseTable | DenseTable) for part in parts):
        return served
    if budget is None:
        tables = [DenseTable(part.lookup(torch.arange(part.n_rows)).numpy()) for part in parts]
    else:
        masks = made_sparse(parts, budget, seed=seed)
        tables = [SparseTable(mask.indptr, mask.columns, mask.values, parts[0].dim) for mask in masks]
    return replace(served, items=tables[-1], users=tables[0] if len(tables) > 1 else None)


def table_data(table: EmbeddingRows, scale: np.ndarray | None) -> TableData | np.ndarray:
    """A table as arrays, its rows multiplied by `scale` (n_rows,); in CSR when it is sparse, else (n_rows, dim)."""
    assert isinstance(table, SparseTable | DenseTable)
    values = table.values.numpy()
    if isinstance(table, DenseTable):
        matrix = values.reshape(table.n_rows, table.dim)
        return matrix if scale is None else matrix * scale[:, None]
    indptr, columns = table.structure()
    if scale is not None:
        values = values * np.repeat(scale, np.diff(indptr))
    return TableData(indptr=indptr, columns=columns, values=values, dim=table.dim)
