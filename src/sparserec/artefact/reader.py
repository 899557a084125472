"""Reading an artefact: nothing is used before everything has been checked."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from sparserec.artefact import codecs
from sparserec.artefact.codecs import Encoder, Side
from sparserec.artefact.container import open_container, parse, path_to_read
from sparserec.artefact.schema import CARD_KEY, ModelCard, digest, sizes_fit, type_name
from sparserec.errors import SparserecError
from sparserec.vocabulary import Ids


@dataclass(frozen=True)
class DecodedTable:
    """The rows of one side, users or items, checked.

    A value is its code in `values`, times the scale of its column, times `unit`.

    Attributes:
        n: number of rows.
        dim: number of columns.
        values: (nnz,) or, for a dense table, (n, dim); int8, int16, int32, float16 or float32, as in the file or
            decoded.
        scales: (dim,) float32, one for each column; None for ones.
        indptr: (n + 1,) row pointers, decoded from the gaps, int32 up to 2^31 - 1 values, int64 beyond; None for a
            dense table.
        columns: (nnz,) uint8 up to 256 columns, uint16 up to 65,536, int32 beyond, decoded likewise; None for a dense
            table.
        factors: (n,) float16, multiplied into scores; None for ones.
        history_factors: (n,) float32 above 0, decoded, multiplied into rows when a history is summed; None for ones.
        unit: what all values are multiplied with; half the step of "coded" values.
        odd: whether all values are odd numbers, as "coded" ones are.
        age_decay: (1,) or (2,) float32, what the age of an item in a history does; None where order does not count.
    """

    n: int
    dim: int
    values: np.ndarray
    scales: np.ndarray | None
    indptr: np.ndarray | None
    columns: np.ndarray | None
    factors: np.ndarray | None
    history_factors: np.ndarray | None
    unit: float = 1.0
    odd: bool = False
    age_decay: np.ndarray | None = None

    @property
    def dense(self) -> bool:
        """Whether every entry is stored."""
        return self.columns is None

    def dequantised(self) -> np.ndarray:
        """The values as float32, in the shape of `values`."""
        numbers = self.values.astype(np.float32) if self.unit == 1 else self.values * np.float64(self.unit)
        if self.scales is not None:
            numbers = numbers * (self.scales if self.columns is None else self.scales[self.columns])
        return numbers.astype(np.float32, copy=False)

    def column_scales(self) -> np.ndarray:
        """What to multiply `values` with, (dim,) float64, one for each column; where all are alike, one in memory."""
        if self.scales is None:
            return np.broadcast_to(np.float64(self.unit), self.dim)
        return self.unit * self.scales.astype(np.float64)


@dataclass(frozen=True)
class Artefact:
    """A checked artefact. The tensors are read-only.

    Attributes:
        card: the model card.
        items: the item table.
        users: the user table, or None.
        item_ids: raw ids of the items.
        user_ids: raw ids of the users, or None.
        tensors: every tensor of the file by name; empty when they are not kept.
        header_bytes: bytes before the first tensor.
        encoder: what makes a vector of a history, None where it is a sum of rows.
    """

    card: ModelCard
    items: DecodedTable
    users: DecodedTable | None
    item_ids: Ids
    user_ids: Ids | None
    tensors: dict[str, np.ndarray]
    header_bytes: int
    encoder: Encoder | None = None


def read(path: str | os.PathLike[str], *, verify_digest: bool = True, keep_tensors: bool = True) -> Artefact:
    """Open an artefact and check it: header, shapes, gaps, scales, ids, card and digest.

    Memory taken is the file itself, arrays of its rows, and the column of each value of a sparse table, with the value
    where it is coded; nothing is executed. Nothing depends on the file afterwards.

    Args:
        path: the file; what comes through a pipe is read to its end.
        verify_digest: compare the SHA-256 over the tensors with the card's.
        keep_tensors: have all tensors in the artefact, and so all of the file in memory; else those alone of which
            rows and ids are views.

    Raises:
        SparserecError: one sentence that names the file and what is wrong with it.
    """
    file = path_to_read(path)
    artefact = _checked(str(file), open_container(file), verify_digest)
    return artefact if keep_tensors else replace(artefact, tensors={})


def read_bytes(data: bytes | np.ndarray, name: str = "the file", *, verify_digest: bool = True) -> Artefact:
    """The same as `read` for the bytes of a file, which messages call `name`."""
    try:
        parsed = parse(np.frombuffer(data, dtype=np.uint8))
    except SparserecError as error:
        raise SparserecError(f"{name}: {error}") from None
    return _checked(name, parsed, verify_digest)


def _checked(name: str, parsed: tuple[dict[str, np.ndarray], dict[str, str], int], verify_digest: bool) -> Artefact:
    """Check what a container holds; messages begin with `name`."""
    tensors, metadata, header_bytes = parsed
    try:
        if CARD_KEY not in metadata:
            raise SparserecError("not exported by sparserec: it has no model card")
        card = ModelCard.from_json(metadata[CARD_KEY], codecs.versions())
        check_names({name: tensor.dtype for name, tensor in tensors.items()}, card.format_version)
        if verify_digest and digest(tensors) != card.sha256:
            raise SparserecError("the tensors are not those that were written: their SHA-256 differs from the card's")
        item_side = _side("items", tensors, card, card.n_items)
        items = _table(item_side)
        user_side = _side("users", tensors, card, card.n_users) if card.n_users else None
        users = _table(user_side) if user_side is not None else None
        encoder = codecs.ENCODER.decode(_of_encoder(tensors), card.dim)
        _check_card(card, items, users, tensors)
        if encoder is not None:
            _check_beside_encoder(items, users)
        item_ids = codecs.decode_ids(item_side, card.format_version)
        user_ids = codecs.decode_ids(user_side, card.format_version) if user_side is not None else None
    except SparserecError as error:
        raise SparserecError(f"{name}: {error}") from None
    return Artefact(card, items, users, item_ids, user_ids, tensors, header_bytes, encoder)


def check_names(types: Mapping[str, np.dtype], version: int) -> None:
    """Raises SparserecError when a name or a type of a tensor does not belong into an artefact of this version."""
    for name, dtype in types.items():
        side, _, kind = name.partition(".")
        known = codecs.types_of(side, kind, version)
        if not known:
            raise SparserecError(f"it holds a tensor that does not belong there: {name[:60]!r}")
        if type_name(dtype) not in known:
            raise SparserecError(f"tensor {name!r} is {type_name(dtype)}, not {' or '.join(known)}")


def _side(name: str, tensors: Mapping[str, np.ndarray], card: ModelCard, n: int) -> Side:
    """The tensors of one side, by kind."""
    if not sizes_fit(card.format_version, card.dim, card.n_items, n):
        raise SparserecError(f"the card's {card.dim} columns or {n} {name} are out of range")
    return Side.of(name, n, card.dim, tensors)


def _table(side: Side) -> DecodedTable:
    """Check the tensors of one side against each other, and decode them."""
    codec = codecs.codec_of(side)
    codec.check(side)
    for other in codecs.CODECS.values():
        for kind in other.tensors:
            if kind in side.tensors and kind not in codec.tensors:
                raise SparserecError(f"'{side.name}.{kind}' does not belong to a table of {codec.name} values")
    factors, history_factors = codecs.FACTORS.decode(side), codecs.HISTORY_FACTORS.decode(side)
    age_decay = codecs.AGE_DECAY.decode(side)
    nnz, indptr, columns = codec.count(side), None, None
    with _naming(side.name):
        codecs.STRUCTURE.check(side)
        if side.sparse:
            indptr, columns = codecs.STRUCTURE.decode(side, nnz)
        decoded = codec.decode(side, nnz)
        codes = decoded.codes
        if codes.shape != ((nnz,) if side.sparse else (side.n, side.dim)):
            raise SparserecError(f"the {codec.name} values are {codes.size}, but there are places for {nnz}")
    return DecodedTable(
        side.n,
        side.dim,
        codes,
        decoded.scales,
        indptr,
        columns,
        factors,
        history_factors,
        decoded.unit,
        decoded.odd,
        age_decay,
    )


def _of_encoder(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The tensors of the encoder, by their names after that."""
    start = f"{codecs.ENCODER_SIDE}."
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}


def _check_beside_encoder(items: DecodedTable, users: DecodedTable | None) -> None:
    """Raises SparserecError when a file has both an encoder and what makes users in another way."""
    others = {
        "a user table": users,
        "'items.factors'": items.factors,
        "history factors": items.history_factors,
        "'items.age_decay'": items.age_decay,
    }
    for name, part in others.items():
        if part is not None:
            raise SparserecError(f"a file with an encoder has no {name.removeprefix('a ')}")


@contextmanager
def _naming(side: str) -> Iterator[None]:
    """Put the side before the message of an error."""
    try:
        yield
    except SparserecError as error:
        raise SparserecError(f"'{side}': {error}") from None


def _check_card(
    card: ModelCard, items: DecodedTable, users: DecodedTable | None, tensors: dict[str, np.ndarray]
) -> None:
    nnz = items.values.size + (users.values.size if users is not None else 0)
    if card.nnz != nnz:
        raise SparserecError(f"the card counts {card.nnz} values, the tensors hold {nnz}")
    if card.scoring != ("users" if users is not None else "history"):
        raise SparserecError(f"the card's scoring {card.scoring[:20]!r} does not fit its {card.n_users} users")
    if users is None and any(name.startswith("users.") for name in tensors):
        raise SparserecError("it holds tensors of users, but its card counts none")
