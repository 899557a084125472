"""What an artefact holds, as data: docs/artefact-format.md says the same in words."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

import numpy as np

from sparserec.errors import SparserecError

FORMAT_VERSION = 1
"""The version of a file without parts that a later one brought."""
CARD_KEY = "sparserec"
HEADER_ALLOWANCE = 4096
"""Bytes that the header, with the model card in it, may take at most; a byte budget sets them aside."""
MOST_COLUMNS = 65_536
"""Columns that tables may have; from `WIDE_VERSION` on that many more than there are items."""
WIDE_VERSION = 3
"""The format version whose tables may have more than `MOST_COLUMNS`."""
MOST_CELLS = 2**53
"""Rows times columns of a wider table are below it, so that a browser counts them exactly."""
MAX_NESTING = 32
"""Objects and lists within one another that a model card may have."""

DTYPES: dict[str, np.dtype] = {
    "U8": np.dtype("u1"),
    "I8": np.dtype("i1"),
    "U32": np.dtype("<u4"),
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
}
"""Types of the container that a format-1 file uses, little-endian."""


@dataclass(frozen=True)
class ModelCard:
    """What a file says about itself.

    Attributes:
        format_version: of the file format.
        scoring: "users" when a user table is shipped, "history" when users are sums of item rows.
        dim: columns of the tables.
        n_items: rows of the item table.
        n_users: rows of the user table, 0 without one.
        nnz: values over both tables.
        density: nnz divided by (n_items + n_users) * dim.
        recipe: the configuration of the training.
        data_fingerprint: SHA-256 of the interactions and their split.
        metrics: of the model, on validation.
        package_version: of sparserec.
        sha256: over the tensors, see `digest`.
    """

    format_version: int
    scoring: str
    dim: int
    n_items: int
    n_users: int
    nnz: int
    density: float
    recipe: dict[str, Any]
    data_fingerprint: str
    metrics: dict[str, float]
    package_version: str
    sha256: str

    def as_dict(self) -> dict[str, Any]:
        """The card as plain data."""
        return asdict(self)

    def to_json(self) -> str:
        """The card as JSON with sorted keys and no spaces: the same card, the same text."""
        try:
            return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), allow_nan=False)
        except ValueError:
            raise SparserecError("the model card has a number that is not finite; check its metrics") from None

    @classmethod
    def from_json(cls, text: str, versions: Sequence[int] = (FORMAT_VERSION,)) -> ModelCard:
        """Parse and check a card of one of these format versions.

        Raises:
            SparserecError: what is wrong with it.
        """
        try:
            raw = json.loads(text, parse_constant=no_number, parse_int=_finite_integer)
        except OverflowError:
            raise SparserecError("the model card has a number that is not finite in double precision") from None
        except (ValueError, RecursionError):
            raise SparserecError("the model card is not JSON") from None
        if not isinstance(raw, dict):
            raise SparserecError("the model card is not a JSON object")
        if _deeper(raw, MAX_NESTING):
            raise SparserecError(f"the model card is nested more than {MAX_NESTING} deep")
        if not _finite(raw):
            raise SparserecError("the model card has a number that is not finite in double precision")
        version = raw.get("format_version")
        if version not in versions or isinstance(version, bool):
            *others, last = map(str, versions)
            known = f"{', '.join(others)} or {last}" if others else last
            raise SparserecError(
                f"format version {str(version)[:40]} is not supported; this package reads version {known}"
            )
        kinds: dict[str, tuple[type, ...]] = {
            "format_version": (int,),
            "scoring": (str,),
            "dim": (int,),
            "n_items": (int,),
            "n_users": (int,),
            "nnz": (int,),
            "density": (int, float),
            "recipe": (dict,),
            "data_fingerprint": (str,),
            "metrics": (dict,),
            "package_version": (str,),
            "sha256": (str,),
        }
        for name, kind in kinds.items():
            if not isinstance(raw.get(name), kind) or isinstance(raw.get(name), bool):
                raise SparserecError(f"the model card's {name!r} is missing or of the wrong type")
        return cls(**{name: raw[name] for name in kinds})


def sizes_fit(version: int, dim: int, n_items: int, rows: int) -> bool:
    """Whether a table of a file of this version may have so many columns and rows.

    What a reader sets aside by the column is so bounded by the items, each of which takes bytes of the file.
    """
    if dim <= MOST_COLUMNS:
        return dim >= 1 and rows >= 1
    return version >= WIDE_VERSION and dim <= n_items + MOST_COLUMNS and rows >= 1 and rows * dim < MOST_CELLS


def digest(tensors: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over tensors, in hexadecimal.

    For each name in sorted order: the name, a zero byte, the container's type name, a zero byte, the sizes in decimal
    joined by commas, a zero byte, then the little-endian bytes of the tensor.
    """
    hashed = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        shape = ",".join(map(str, tensor.shape))
        hashed.update(f"{name}\0{type_name(tensor.dtype)}\0{shape}\0".encode())
        hashed.update(np.ascontiguousarray(tensor).data)
    return hashed.hexdigest()


def _deeper(value: object, levels: int) -> bool:
    """Whether plain data has more than `levels` objects and lists within one another."""
    if not isinstance(value, (dict, list)):
        return False
    return levels == 0 or any(
        _deeper(part, levels - 1) for part in (value.values() if isinstance(value, dict) else value)
    )


def no_number(name: str) -> NoReturn:
    """For `json.loads`, which takes NaN and Infinity though JSON has no such numbers."""
    raise ValueError(f"{name} is no number in JSON")


def _finite_integer(digits: str) -> int:
    """A whole number of JSON. Raises OverflowError where double precision has no such number, as browsers do not."""
    if len(digits) > 310:  # before thousands of digits are made a number
        raise OverflowError
    number = int(digits)
    float(number)
    return number


def _finite(value: object) -> bool:
    """Whether all fractions of plain data are finite: one such as 1e999 is not."""
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    return all(map(_finite, value)) if isinstance(value, list) else value not in (math.inf, -math.inf)


def type_name(dtype: np.dtype) -> str:
    """The container's name of a NumPy type, such as "F16"."""
    for name, known in DTYPES.items():
        if known == dtype:
            return name
    raise SparserecError(f"a tensor of type {dtype} does not belong in an artefact")
