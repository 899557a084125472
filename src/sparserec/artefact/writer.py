"""Writing an artefact: the same content gives the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sparserec.artefact import codecs
from sparserec.artefact.codecs import Budget, Side, ValuesCodec
from sparserec.artefact.csr import Table, TableData, column_count, flat_values, row_count
from sparserec.artefact.schema import (
    CARD_KEY,
    HEADER_ALLOWANCE,
    MOST_COLUMNS,
    WIDE_VERSION,
    ModelCard,
    digest,
    sizes_fit,
    type_name,
)
from sparserec.errors import SparserecError
from sparserec.files import replacing
from sparserec.version import __version__
from sparserec.vocabulary import Vocabulary

Tensors = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class ByteReport:
    """Where the bytes of a file are; the parts add up to the total."""

    total: int
    header: int
    items: int
    users: int
    ids: int
    encoder: int = 0


def write(
    path: Path,
    *,
    items: Table,
    item_ids: Vocabulary,
    users: Table | None = None,
    user_ids: Vocabulary | None = None,
    item_factors: np.ndarray | None = None,
    history_factors: np.ndarray | None = None,
    age_decay: Sequence[float] | None = None,
    recipe: Mapping[str, Any] | None = None,
    data_fingerprint: str = "",
    metrics: Mapping[str, float] | None = None,
    values_dtype: str = "int8",
    budget: int | None = None,
    ids: bool = True,
    encoder: tuple[np.ndarray, np.ndarray] | None = None,
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
        age_decay: what the age of an item in a history does to it, each above 0 and up to 1, stored in single
            precision; sparse item tables only. One number: the row of an item of age a counts that number to the power
            a. Two: the last n_items columns of the table are item columns besides, to which item i of a history adds
            the second number to the power a, at column dim - n_items + i. None where the order of a history does not
            count.
        recipe: the configuration of the training, for the model card.
        data_fingerprint: SHA-256 of the interactions, for the card.
        metrics: for the card.
        values_dtype: how values are stored, a name of `codecs.value_types`: "int8" with a scale for each column,
            "float16", or, for sparse tables, "coded" with one step for each table, and without signs where no value is
            negative.
        budget: bytes that the file may have, not counting the raw ids. Of values of other types than "coded" as many
            of the smallest are left out as it takes. With "coded", the steps are the finest that fit, of `coded.GRID`
            many, and the smallest values are left out where that makes the others so much finer that the squared error
            falls; without a budget, steps are a sixth of the mean absolute value of their table.

        ids: whether the file has the raw ids; without them rows are known by their numbers, "0" being the first.
        encoder: matrices and vectors, float32, of a transformer that makes a vector of an ordered history, as of
            `codecs.Encoder`; without users, factors and `age_decay`. None where vectors are sums of rows.

    Raises:
        SparserecError: when a table can't be written in this type or budget, or the file can't be written.
    """
    _check_sides(items, len(item_ids), users, None if user_ids is None else len(user_ids))
    factors = _factors(len(item_ids), item_factors, history_factors)
    order = {} if age_decay is None else _of_sides({"items": codecs.AGE_DECAY.encode(age_decay, items)})
    if encoder is not None:
        if users is not None or factors or order:
            raise SparserecError("a file with an encoder has no user table, no factors and no age_decay")
        order = _of_sides({codecs.ENCODER_SIDE: codecs.ENCODER.encode(*encoder, column_count(items))})
    tables = {"items": items} if users is None else {"items": items, "users": users}
    for side, table in tables.items():
        _check_table(side, table, len(item_ids), values_dtype)
    raw = _ids({"items": item_ids, "users": user_ids}) if ids else {}
    beside = {**raw, **factors, **order}
    about = {"recipe": dict(recipe or {}), "data_fingerprint": data_fingerprint, "metrics": dict(metrics or {})}
    codec = codecs.asked_codec(values_dtype)
    versions = [codec.version, *(_id_version(side, raw) for side in tables)]
    if order:
        versions.append(codecs.ENCODER.version if encoder is not None else codecs.AGE_DECAY.version)
    if column_count(items) > MOST_COLUMNS:
        versions.append(WIDE_VERSION)
    version = max(versions)
    return _Draft(codec, beside, about, version).write(path, tables, budget)


@dataclass(frozen=True)
class _Draft:
    """A file without its tables.

    Attributes:
        codec: of the values.
        beside: the tensors of ids, of factors, and of what age does or of an encoder.
        about: fields of the model card that tables and tensors do not tell.
        version: of the format, the least that it will have.
    """

    codec: ValuesCodec
    beside: Tensors
    about: Mapping[str, Any]
    version: int

    def write(self, path: Path, tables: Mapping[str, Table], budget: int | None) -> ByteReport:
        """Write it with checked tables by side."""
        limits = None if budget is None else Budget(budget, self.file_bytes)
        fitted, settings = self.codec.fit(tables, limits)
        values = {side: self.codec.encode(table, settings[side]) for side, table in fitted.items()}
        tensors = {**self.beside, **self._structure(fitted), **_of_sides(values)}
        # What a codec leaves to another, that one's tensors tell.
        chosen = [codecs.codec_of(Side.of(side, 0, 0, tensors)).version for side in tables]
        card = replace(self.card(fitted), format_version=max(self.version, *chosen), sha256=digest(tensors))
        header = header_of(tensors, card)
        with replacing(path) as part, part.open("wb") as file:
            file.write(len(header).to_bytes(8, "little") + header)
            for name in _order(tensors):
                file.write(np.ascontiguousarray(tensors[name]).data)
        return report(tensors, 8 + len(header))

    def file_bytes(self, tables: Mapping[str, Table]) -> Callable[[Mapping[str, Tensors]], int]:
        """As for `Budget`."""
        others, card = {**self.beside, **self._structure(tables)}, self.card(tables)

        def with_values(values: Mapping[str, Tensors]) -> int:
            tensors = others | _of_sides(values)
            sizes = report(tensors, 8 + len(header_of(tensors, card)))
            return sizes.total - sizes.ids

        return with_values

    def _structure(self, tables: Mapping[str, Table]) -> dict[str, np.ndarray]:
        """The tensors that say where the values of sparse tables are."""
        rows, dim = row_count(tables["items"]), column_count(tables["items"])
        ordinary = {"items": Side.of("items", rows, dim, self.beside).ordinary}
        sparse = {side: table for side, table in tables.items() if isinstance(table, TableData)}
        encode = codecs.STRUCTURE.encode
        return _of_sides({side: encode(table, ordinary.get(side, 0)) for side, table in sparse.items()})

    def card(self, tables: Mapping[str, Table]) -> ModelCard:
        """The card, without the digest."""
        rows = {side: row_count(table) for side, table in tables.items()}
        nnz = sum(len(flat_values(table)) for table in tables.values())
        dim = column_count(tables["items"])
        return ModelCard(
            format_version=self.version,
            scoring="users" if "users" in tables else "history",
            dim=dim,
            n_items=rows["items"],
            n_users=rows.get("users", 0),
            nnz=nnz,
            density=nnz / (sum(rows.values()) * dim),
            package_version=__version__,
            sha256="0" * 64,  # takes the place of the digest while bytes are added up
            **self.about,
        )


def report(tensors: Tensors, header_bytes: int) -> ByteReport:
    """Add up the bytes of each part."""
    parts = {"items": 0, "users": 0, "ids": 0, codecs.ENCODER_SIDE: 0}
    for name, tensor in tensors.items():
        side, _, kind = name.partition(".")
        parts["ids" if codecs.raw_ids(kind) else side] += tensor.nbytes
    return ByteReport(total=header_bytes + sum(parts.values()), header=header_bytes, **parts)


def _check_sides(items: Table, n_items: int, users: Table | None, n_users: int | None) -> None:
    """Refuse tables that don't fit their ids or each other."""
    if (users is None) != (n_users is None):
        raise SparserecError("a user table and the ids of its users belong together")
    for table, n in ((items, n_items), (users, n_users)):
        if table is not None and row_count(table) != n:
            raise SparserecError(f"a table of {row_count(table)} rows came with {n} ids")
    if users is not None and column_count(users) != column_count(items):
        raise SparserecError(
            f"a user table of {column_count(users)} columns came with an item table of {column_count(items)}"
        )


def _ids(ids: Mapping[str, Vocabulary | None]) -> dict[str, np.ndarray]:
    """The tensors of raw ids."""
    return _of_sides({side: codecs.encode_ids(side, each) for side, each in ids.items() if each is not None})


def _id_version(side: str, raw: Tensors) -> int:
    """The format version that the ids of a side need."""
    return codecs.id_version({name.partition(".")[2] for name in raw if name.startswith(f"{side}.")})


def _factors(n_items: int, item_factors: np.ndarray | None, history_factors: np.ndarray | None) -> Tensors:
    """The tensors of factors."""
    given = {"item_factors": item_factors, "history_factors": history_factors}
    for name, factors in given.items():
        if factors is not None and factors.shape != (n_items,):
            raise SparserecError(f"{n_items} items came with {name} of shape {factors.shape}, not one each")
    tensors: dict[str, np.ndarray] = {}
    for factors, part in ((item_factors, codecs.FACTORS), (history_factors, codecs.HISTORY_FACTORS)):
        if factors is not None:
            tensors |= part.encode(factors)
    return _of_sides({"items": tensors})


def _of_sides(sides: Mapping[str, Tensors]) -> dict[str, np.ndarray]:
    """Tensors by their full names."""
    return {f"{side}.{kind}": tensor for side, tensors in sides.items() for kind, tensor in tensors.items()}


def _check_table(side: str, table: Table, n_items: int, values_dtype: str) -> None:
    """Refuse what the reader would refuse."""
    rows, dim = row_count(table), column_count(table)
    if not sizes_fit(WIDE_VERSION, dim, n_items, rows):
        raise SparserecError(
            f"a table of {rows} rows and {dim} columns can't be written; there must be a row, and from 1 to "
            f"{n_items + MOST_COLUMNS} columns, {MOST_COLUMNS} more than items"
        )
    if isinstance(table, np.ndarray):
        if not codecs.named_codec(values_dtype).dense:
            raise SparserecError(f"the {side} table is dense; only values of sparse tables can be {values_dtype}")
        return
    lengths, columns = np.diff(table.indptr), np.asarray(table.columns)
    if lengths.min() < 1:
        raise SparserecError(f"the {side} table has a row without values")
    if table.indptr[0] != 0 or not table.indptr[-1] == len(columns) == len(table.values):
        raise SparserecError(f"the {side} table's row pointers do not fit its columns and values")
    ascends = columns[1:] > columns[:-1]
    ascends[table.indptr[1:-1] - 1] = True
    if columns.min() < 0 or columns.max() >= table.dim or not ascends.all():
        raise SparserecError(f"the {side} table's columns must ascend within a row, from 0 to {table.dim - 1} at most")


def _order(tensors: Tensors) -> list[str]:
    """Widest types first, then by name: every tensor then starts at a multiple of its type's size."""
    return sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))


def header_of(tensors: Tensors, card: ModelCard) -> bytes:
    """The header of a file, after its length. Raises SparserecError where it is longer than the format allows."""
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
