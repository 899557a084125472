"""Reading an artefact: nothing is used before everything has been checked."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sparserec.artefact import coded, gaps, history, rice
from sparserec.artefact.container import open_container, parse
from sparserec.artefact.quantise import from_int8
from sparserec.artefact.schema import CARD_KEY, ITEMS_ONLY, TENSORS, ModelCard, digest, type_name
from sparserec.errors import SparserecError
from sparserec.vocabulary import Vocabulary


@dataclass(frozen=True)
class Rows:
    """The rows of one side, users or items.

    Attributes:
        n: number of rows.
        dim: number of columns.
        values: (nnz,) or, for a dense table, (n, dim); int8 or float16, as in the file. Of coded values, odd numbers
            (nnz,) int8, int16 or int32, decoded, to be multiplied with `half_step`.
        scales: (dim,) float32, one for each column, with int8; else None.
        indptr: (n + 1,) row pointers, decoded from the gaps, int32 up to 2^31 - 1 values, int64 beyond; None for a
            dense table.
        columns: (nnz,) uint8 up to 256 columns, uint16 beyond, decoded likewise; None for a dense table.
        factors: (n,) float16, multiplied into scores; None for ones.
        history_factors: (n,) float32 above 0, decoded, multiplied into rows when a history is summed; None for ones.
        half_step: half the step of coded values; else None.
    """

    n: int
    dim: int
    values: np.ndarray
    scales: np.ndarray | None
    indptr: np.ndarray | None
    columns: np.ndarray | None
    factors: np.ndarray | None
    history_factors: np.ndarray | None
    half_step: float | None = None

    @property
    def dense(self) -> bool:
        """Whether every entry is stored."""
        return self.columns is None

    def dequantised(self) -> np.ndarray:
        """The values as float32, in the shape of `values`."""
        if self.half_step is not None:
            return (self.values * self.half_step).astype(np.float32)
        if self.scales is None:
            return self.values.astype(np.float32)
        if self.columns is None:
            return self.values.astype(np.float32) * self.scales
        return from_int8(self.values, self.columns, self.scales)

    def column_scales(self) -> np.ndarray:
        """What to multiply `values` with, (dim,) float64, one for each column."""
        if self.scales is not None:
            return self.scales.astype(np.float64)
        return np.full(self.dim, 1.0 if self.half_step is None else self.half_step)


@dataclass(frozen=True)
class Artefact:
    """A checked artefact. The tensors are read-only views into the mapped file.

    Attributes:
        card: the model card.
        items: the item rows.
        users: the user rows, or None.
        item_ids: raw ids of the items.
        user_ids: raw ids of the users, or None.
        tensors: every tensor of the file by name; empty when they are not kept.
        header_bytes: bytes before the first tensor.
    """

    card: ModelCard
    items: Rows
    users: Rows | None
    item_ids: Vocabulary
    user_ids: Vocabulary | None
    tensors: dict[str, np.ndarray]
    header_bytes: int


def read(path: str | os.PathLike[str], *, verify_digest: bool = True, keep_tensors: bool = True) -> Artefact:
    """Open an artefact and check it: header, shapes, gaps, scales, ids, card and digest.

    Memory taken is the file itself, mapped tensor by tensor, arrays of its rows, and the column of each value of a
    sparse table, with the value where it is coded; nothing is executed.

    Args:
        path: the file.
        verify_digest: compare the SHA-256 over the tensors with the card's.
        keep_tensors: have all tensors in the artefact, and so all of the file mapped; else those alone of which rows
            and ids are views.

    Raises:
        SparserecError: one sentence that names the file and what is wrong with it.
    """
    file = Path(path)
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
        card = ModelCard.from_json(metadata[CARD_KEY])
        check_names({name: tensor.dtype for name, tensor in tensors.items()})
        if verify_digest and digest(tensors) != card.sha256:
            raise SparserecError("the tensors are not those that were written: their SHA-256 differs from the card's")
        items = _rows("items", tensors, card.dim, card.n_items)
        users = _rows("users", tensors, card.dim, card.n_users) if card.n_users else None
        _check_card(card, items, users, tensors)
        item_ids = _ids("items", tensors, card.n_items)
        user_ids = _ids("users", tensors, card.n_users) if card.n_users else None
    except SparserecError as error:
        raise SparserecError(f"{name}: {error}") from None
    return Artefact(card, items, users, item_ids, user_ids, tensors, header_bytes)


def check_names(types: Mapping[str, np.dtype]) -> None:
    """Raises SparserecError when a tensor has a name or a type that does not belong into an artefact."""
    for name, dtype in types.items():
        side, _, kind = name.partition(".")
        if side not in ("items", "users") or kind not in TENSORS or (kind in ITEMS_ONLY and side == "users"):
            raise SparserecError(f"it holds a tensor that does not belong there: {name[:60]!r}")
        if type_name(dtype) not in TENSORS[kind]:
            raise SparserecError(f"tensor {name!r} is {type_name(dtype)}, not {' or '.join(TENSORS[kind])}")


def _rows(side: str, tensors: dict[str, np.ndarray], dim: int, n: int) -> Rows:
    """Check one side's tensors against each other."""
    if not 1 <= dim <= 65_536 or n < 1:
        raise SparserecError(f"the card's {dim} columns or {n} {side} are out of range")
    found = {kind: tensors[f"{side}.{kind}"] for kind in TENSORS if f"{side}.{kind}" in tensors}
    if any(kind in found for kind in coded.KINDS):
        return _coded_rows(side, found, dim, n)
    values, scales = found.get("values"), found.get("scales")
    if values is None:
        raise SparserecError(f"tensor '{side}.values' is missing")
    if (scales is not None) != (values.dtype == np.int8):
        raise SparserecError(f"'{side}.scales' must be there with int8 values, and only with them")
    if scales is not None and (scales.shape != (dim,) or not np.isfinite(scales).all() or (scales < 0).any()):
        raise SparserecError(f"'{side}.scales' must be {dim} finite numbers, none below 0")
    if values.dtype == np.float16 and not np.isfinite(values).all():
        raise SparserecError(f"'{side}.values' holds values that are not finite numbers")
    factors, history_factors = _factors(side, found, n)
    low, high = found.get("gaps_low"), found.get("gaps_high")
    if low is None and high is None:
        if values.shape != (n, dim):
            raise SparserecError(f"'{side}.values' of a dense table must be of shape {(n, dim)}, not {values.shape}")
        return Rows(n, dim, values, scales, None, None, factors, history_factors)
    if low is None or high is None or not values.ndim == low.ndim == high.ndim == 1:
        raise SparserecError(
            f"'{side}': a sparse table needs values, 'gaps_low' and 'gaps_high', each in one dimension"
        )
    with _naming(side):
        indptr, columns = gaps.decode(low, high, n, dim, len(values))
    return Rows(n, dim, values, scales, indptr, columns, factors, history_factors)


def _coded_rows(side: str, found: dict[str, np.ndarray], dim: int, n: int) -> Rows:
    """Check the tensors of a side whose values are coded; how many they are, only the gaps tell."""
    needed = (*coded.KINDS, "gaps_low", "gaps_high")
    if "values" in found or "scales" in found or not all(kind in found and found[kind].ndim == 1 for kind in needed):
        raise SparserecError(
            f"'{side}': a table of coded values needs {', '.join(map(repr, needed))}, each in one dimension, "
            "and neither 'values' nor 'scales'"
        )
    signs, magnitudes_low, magnitudes_high, step, low, high = (found[kind] for kind in needed)
    factors, history_factors = _factors(side, found, n)
    with _naming(side):
        nnz = rice.one_bits(high)
        indptr, columns = gaps.decode(low, high, n, dim, nnz)
        values, half_step = coded.decode(signs, magnitudes_low, magnitudes_high, step, nnz)
    return Rows(n, dim, values, None, indptr, columns, factors, history_factors, half_step)


def _factors(side: str, found: dict[str, np.ndarray], n: int) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Factors (n,) float16 and history factors (n,) float32 of a side, each None when the file has none."""
    factors = found.get("factors")
    if factors is not None and (factors.shape != (n,) or not np.isfinite(factors).all()):
        raise SparserecError(f"'{side}.factors' must be {n} finite numbers, one a row")
    if not any(kind in found for kind in history.KINDS):
        return factors, None
    if not all(kind in found for kind in history.KINDS):
        raise SparserecError(f"'{side}': {', '.join(map(repr, history.KINDS))} belong together")
    low, high, scale = (found[kind] for kind in history.KINDS)
    with _naming(side):
        return factors, history.decode(low, high, scale, n)


@contextmanager
def _naming(side: str) -> Iterator[None]:
    """Put the side before the message of an error."""
    try:
        yield
    except SparserecError as error:
        raise SparserecError(f"'{side}': {error}") from None


def _check_card(card: ModelCard, items: Rows, users: Rows | None, tensors: dict[str, np.ndarray]) -> None:
    nnz = items.values.size + (users.values.size if users is not None else 0)
    if card.nnz != nnz:
        raise SparserecError(f"the card counts {card.nnz} values, the tensors hold {nnz}")
    if card.scoring != ("users" if users is not None else "history"):
        raise SparserecError(f"the card's scoring {card.scoring[:20]!r} does not fit its {card.n_users} users")
    if users is None and any(name.startswith("users.") for name in tensors):
        raise SparserecError("it holds tensors of users, but its card counts none")


def _ids(side: str, tensors: dict[str, np.ndarray], n: int) -> Vocabulary:
    blob, offsets = tensors.get(f"{side}.ids"), tensors.get(f"{side}.id_offsets")
    if blob is None or offsets is None or blob.ndim != 1 or offsets.shape != (n + 1,):
        raise SparserecError(f"'{side}.ids' and {n + 1} '{side}.id_offsets' must be there")
    if offsets[0] != 0 or offsets[-1] != len(blob) or (offsets[1:] < offsets[:-1]).any():
        raise SparserecError(f"'{side}.id_offsets' must ascend from 0 to the length of '{side}.ids'")
    ids = Vocabulary(blob, offsets)
    try:
        twice = ids.has_duplicates()
    except UnicodeDecodeError:
        raise SparserecError(f"'{side}.ids' holds an id that is not UTF-8") from None
    if twice:
        raise SparserecError(f"'{side}.ids' holds an id twice")
    return ids
