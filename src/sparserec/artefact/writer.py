"""Writing an artefact: the same content gives the same bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sparserec.artefact import coded, gaps, history
from sparserec.artefact.quantise import to_float16, to_int8
from sparserec.artefact.schema import CARD_KEY, FORMAT_VERSION, HEADER_ALLOWANCE, ModelCard, digest, type_name
from sparserec.artefact.size import ValueType
from sparserec.artefact.tables import TableData
from sparserec.artefact.thinning import thinned
from sparserec.errors import SparserecError
from sparserec.files import replacing
from sparserec.version import __version__
from sparserec.vocabulary import Vocabulary


@dataclass(frozen=True)
class ByteReport:
    """Where the bytes of a file are; the parts add up to the total."""

    total: int
    header: int
    items: int
    users: int
    ids: int


def write(
    path: Path,
    *,
    items: TableData | np.ndarray,
    item_ids: Vocabulary,
    users: TableData | np.ndarray | None = None,
    user_ids: Vocabulary | None = None,
    item_factors: np.ndarray | None = None,
    history_factors: np.ndarray | None = None,
    recipe: Mapping[str, Any] | None = None,
    data_fingerprint: str = "",
    metrics: Mapping[str, float] | None = None,
    values_dtype: ValueType = "int8",
    budget: int | None = None,
) -> ByteReport:
    """Write one model to one file, atomically.

    Args:
        path: the file.
        items: the item table, sparse or (n_items, dim) float32.
        item_ids: raw ids of the items.
        users: the user table, or None when users are sums of item rows.
        user_ids: raw ids of the users, with a user table.
        item_factors: (n_items,), multiplied into scores.
        history_factors: (n_items,) float32 above 0, multiplied into item rows when a history is summed; stored to
            within 5.2%.
        recipe: the configuration of the training, for the model card.
        data_fingerprint: SHA-256 of the interactions, for the card.
        metrics: for the card.
        values_dtype: "int8" with a scale for each column, "float16", or, for sparse tables, "coded" with one step for
            each table.
        budget: bytes that the file may have with coded values, raw ids apart. The steps are the finest that fit, of
            `coded.GRID` many, and the smallest values are left out where that makes the others so much finer that the
            squared error falls; without a budget, steps are a sixth of the mean absolute value of their table.

    Raises:
        SparserecError: when a table can't be written in this type or budget, or the file can't be written.
    """
    if budget is not None and values_dtype != "coded":
        raise SparserecError(f"only coded values can be written to a budget of bytes, not {values_dtype}")
    n_items, n_users = len(item_ids), len(user_ids) if user_ids is not None else 0
    _check_sides(items, n_items, users, None if user_ids is None else n_users)
    dim = _dim(items)
    others = _ids("items", item_ids)
    for name, factor in (("item_factors", item_factors), ("history_factors", history_factors)):
        if factor is not None and factor.shape != (n_items,):
            raise SparserecError(f"{n_items} items came with {name} of shape {factor.shape}, not one each")
    if item_factors is not None:
        others["items.factors"] = to_float16(item_factors)
    if history_factors is not None:
        others |= _named("items", history.encode(history_factors))
    tables = {"items": items}
    if users is not None and user_ids is not None:
        tables["users"] = users
        others |= _ids("users", user_ids)

    def laid_out(tables: Mapping[str, TableData | np.ndarray]) -> tuple[dict[str, np.ndarray], ModelCard]:
        """All tensors but coded values, and the card without its digest."""
        tensors = dict(others)
        for side, table in tables.items():
            tensors |= _table(side, table, values_dtype)
        nnz = sum(len(_values(table)) for table in tables.values())
        card = ModelCard(
            format_version=FORMAT_VERSION,
            scoring="users" if users is not None else "history",
            dim=dim,
            n_items=n_items,
            n_users=n_users,
            nnz=nnz,
            density=nnz / ((n_items + n_users) * dim),
            recipe=dict(recipe or {}),
            data_fingerprint=data_fingerprint,
            metrics=dict(metrics or {}),
            package_version=__version__,
            sha256="0" * 64,  # takes the place of the digest while bytes are added up
        )
        return tensors, card

    def steps_of(tables: Mapping[str, TableData | np.ndarray]) -> dict[str, np.float32]:
        return _steps({side: _values(table) for side, table in tables.items()}, budget, *laid_out(tables))

    tensors, card = laid_out(tables)
    if values_dtype == "coded":
        sparse = {side: table for side, table in tables.items() if isinstance(table, TableData)}
        if budget is None:
            steps = steps_of(sparse)
        else:
            sparse, steps = thinned(sparse, steps_of)
            tensors, card = laid_out(sparse)
        for side, step in steps.items():
            tensors |= _named(side, coded.encode(_values(sparse[side]), step))
    card = replace(card, sha256=digest(tensors))
    header = _header(tensors, card)
    with replacing(path) as part, part.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for name in _order(tensors):
            file.write(np.ascontiguousarray(tensors[name]).data)
    return report(tensors, 8 + len(header))


def report(tensors: Mapping[str, np.ndarray], header_bytes: int) -> ByteReport:
    """Add up the bytes of each part."""
    parts = {"items": 0, "users": 0, "ids": 0}
    for name, tensor in tensors.items():
        side, _, kind = name.partition(".")
        parts["ids" if kind in ("ids", "id_offsets") else side] += tensor.nbytes
    return ByteReport(total=header_bytes + sum(parts.values()), header=header_bytes, **parts)


def _check_sides(
    items: TableData | np.ndarray, n_items: int, users: TableData | np.ndarray | None, n_users: int | None
) -> None:
    """Refuse tables that don't fit their ids or each other."""
    if (users is None) != (n_users is None):
        raise SparserecError("a user table and the ids of its users belong together")
    for table, n in ((items, n_items), (users, n_users)):
        if table is not None and _count(table) != n:
            raise SparserecError(f"a table of {_count(table)} rows came with {n} ids")
    if users is not None and _dim(users) != _dim(items):
        raise SparserecError(f"a user table of {_dim(users)} columns came with an item table of {_dim(items)}")


def _table(side: str, table: TableData | np.ndarray, values_dtype: ValueType) -> dict[str, np.ndarray]:
    """The tensors of a table, apart from coded values."""
    dim = _dim(table)
    if not 1 <= dim <= 65_536 or _count(table) < 1:
        raise SparserecError(f"a table of {_count(table)} rows and {dim} columns can't be written")
    if isinstance(table, np.ndarray):
        if values_dtype == "coded":
            raise SparserecError(f"the {side} table is dense; only values of sparse tables can be coded")
        columns = np.tile(np.arange(dim), len(table))
    else:
        columns = np.asarray(table.columns)
        _check_rows(side, table)
    flat = _values(table)
    out: dict[str, np.ndarray] = {}
    if values_dtype == "int8":
        out[f"{side}.values"], out[f"{side}.scales"] = to_int8(flat, columns, dim)
    elif values_dtype == "float16":
        out[f"{side}.values"] = to_float16(flat)
    elif values_dtype != "coded":
        raise SparserecError(f"values can be written as int8, float16 or coded, not {values_dtype!r}")
    if isinstance(table, np.ndarray):
        out[f"{side}.values"] = out[f"{side}.values"].reshape(table.shape)
        return out
    out[f"{side}.gaps_low"], out[f"{side}.gaps_high"] = gaps.encode(table.indptr, columns, dim)
    return out


def _steps(
    values: Mapping[str, np.ndarray], budget: int | None, others: Mapping[str, np.ndarray], card: ModelCard
) -> dict[str, np.float32]:
    """The step of each side's coded values, which with the other tensors and the card keep the budget."""
    steps = coded.Steps(values)

    def bytes_at(index: int) -> int:
        chosen = steps.at(index)
        tensors = dict(others)
        for side, numbers in values.items():
            tensors |= _named(side, coded.outline(numbers, chosen[side]))
        sizes = report(tensors, 8 + len(_header(tensors, card)))
        return sizes.total - sizes.ids

    return steps.usual() if budget is None else steps.at(coded.finest(bytes_at, budget))


def _named(side: str, parts: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{side}.{kind}": tensor for kind, tensor in parts.items()}


def _values(table: TableData | np.ndarray) -> np.ndarray:
    """The values of a table, row by row, (nnz,) float32."""
    return np.asarray(table if isinstance(table, np.ndarray) else table.values, dtype=np.float32).reshape(-1)


def _ids(side: str, ids: Vocabulary) -> dict[str, np.ndarray]:
    if len(ids.blob) >= 2**32:
        raise SparserecError(f"the raw ids of {side} take {len(ids.blob):,} bytes; at most 4 GiB fit a file")
    return {f"{side}.ids": ids.blob, f"{side}.id_offsets": ids.offsets.astype(np.uint32)}


def _check_rows(side: str, table: TableData) -> None:
    """Refuse what the reader would refuse."""
    lengths, columns = np.diff(table.indptr), np.asarray(table.columns)
    if lengths.min() < 1:
        raise SparserecError(f"the {side} table has a row without values")
    if table.indptr[0] != 0 or not table.indptr[-1] == len(columns) == len(table.values):
        raise SparserecError(f"the {side} table's row pointers do not fit its columns and values")
    ascends = columns[1:] > columns[:-1]
    ascends[table.indptr[1:-1] - 1] = True
    if columns.min() < 0 or columns.max() >= table.dim or not ascends.all():
        raise SparserecError(f"the {side} table's columns must ascend within a row, from 0 to {table.dim - 1} at most")


def _dim(table: TableData | np.ndarray) -> int:
    return table.shape[1] if isinstance(table, np.ndarray) else table.dim


def _count(table: TableData | np.ndarray) -> int:
    return len(table) if isinstance(table, np.ndarray) else len(table.indptr) - 1


def _order(tensors: Mapping[str, np.ndarray]) -> list[str]:
    """Widest types first, then by name: every tensor then starts at a multiple of its type's size."""
    return sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))


def _header(tensors: Mapping[str, np.ndarray], card: ModelCard) -> bytes:
    entries: dict[str, Any] = {"__metadata__": {CARD_KEY: card.to_json()}}
    first = 0
    for name in _order(tensors):
        tensor = tensors[name]
        last = first + tensor.nbytes
        entries[name] = {"dtype": type_name(tensor.dtype), "shape": list(tensor.shape), "data_offsets": [first, last]}
        first = last
    text = json.dumps(entries, separators=(",", ":")).encode()
    header = text + b" " * (-len(text) % 8)
    if 8 + len(header) > HEADER_ALLOWANCE:
        raise SparserecError(
            f"the model card makes a header of {len(header):,} bytes; at most {HEADER_ALLOWANCE - 8:,} are allowed"
        )
    return header
