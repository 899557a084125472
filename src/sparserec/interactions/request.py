"""What a caller of `load` asks for, checked once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any

from sparserec.errors import SparserecError, option

ROLES = ("user", "item", "timestamp", "rating")
MISSING_MODES = ("error", "drop", "text")
_NAMED_SEPARATORS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "space": " ", "bar": "|", "pipe": "|"}


@dataclass(frozen=True)
class Request:
    """The arguments of `load`; None where the caller left one out.

    Args:
        user, item, timestamp, rating: columns by name, or by number from 1.
        header: whether a table begins with a line of column names; None for yes.
        separator: what stands between the fields of a line; None for it to be found.
        encoding: of the text; None for UTF-8, or what a byte order mark says.
        where: a condition in SQL on the columns of the file; rows that do not meet it are left out.
        missing: "error", "drop" or "text": what becomes of ids that are missing.
        timestamps: False leaves them out.
        min_rating: rows rated lower are left out.
        kcore: users and items with fewer interactions are left out.
        format: a name of `sparserec.interactions.formats.READERS`.
    """

    user: str | int | None = None
    item: str | int | None = None
    timestamp: str | int | None = None
    rating: str | int | None = None
    header: bool | None = None
    separator: str | None = None
    encoding: str | None = None
    where: str | None = None
    missing: str | None = None
    timestamps: bool | None = None
    min_rating: float | None = None
    kcore: int = 0
    format: str | None = None

    @classmethod
    def checked(cls, **arguments: Any) -> Request:
        """The arguments as plain Python values. Raises SparserecError for one that is out of range."""
        arguments = {name: _plain(value) for name, value in arguments.items()}
        for role in ROLES:
            arguments[role] = _column(role, arguments.get(role))
        kcore = arguments["kcore"] = 0 if arguments.get("kcore") is None else arguments["kcore"]
        if isinstance(kcore, bool) or not isinstance(kcore, int) or kcore < 0:
            raise SparserecError(f"kcore must be an integer of at least 0, not {kcore!r}")
        rating = arguments.get("min_rating")
        if rating is not None and not _is_finite(rating):
            raise SparserecError(f"min_rating must be a finite number, not {rating!r}")
        for name in ("header", "timestamps"):
            if arguments.get(name) not in (None, True, False):
                raise SparserecError(f"{name} must be True or False, not {arguments[name]!r}")
        for name in ("separator", "encoding", "where", "missing", "format"):
            if arguments.get(name) is not None and not isinstance(arguments[name], str):
                raise SparserecError(f"{name} must be text, not {arguments[name]!r}")
        arguments["separator"] = _separator(arguments.get("separator"))
        if arguments.get("missing") not in (None, *MISSING_MODES):
            raise SparserecError(f"missing must be error, drop or text, not {arguments['missing']!r}")
        _check_encoding(arguments.get("encoding"))
        if arguments.get("timestamps") is False and arguments["timestamp"] is not None:
            raise SparserecError(f"give either {option('timestamp')} or {option('timestamps', False)}, not both")
        return cls(**arguments)

    def named(self) -> dict[str, str | int]:
        """The columns that were named, by role."""
        return {role: getattr(self, role) for role in ROLES if getattr(self, role) is not None}

    def given(self) -> Mapping[str, Any]:
        """The arguments that differ from the defaults, by name."""
        return {
            part.name: getattr(self, part.name)
            for part in fields(self)
            if getattr(self, part.name) not in (None, part.default)
            or (part.name in ("header", "timestamps") and getattr(self, part.name) is False)
        }

    def of_tables(self) -> list[str]:
        """Names of the arguments given that mean something for tables only."""
        asked = [*self.named(), *(name for name in ("separator", "where", "min_rating") if getattr(self, name))]
        asked += [name for name in ("header",) if getattr(self, name) is False]
        return [*asked, *(["min_rating"] if self.min_rating == 0 else [])]


def _plain(value: Any) -> Any:
    """NumPy numbers, booleans and texts as Python's."""
    import numpy as np

    return value.item() if isinstance(value, np.generic) else value


def _column(role: str, value: Any) -> str | int | None:
    if value is None or (isinstance(value, str) and value):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise SparserecError(f"{role} must be the name of a column or its number, from 1, not {value!r}")


def _is_finite(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _separator(text: str | None) -> str | None:
    if text is None:
        return None
    separator = _NAMED_SEPARATORS.get(text, text)
    if not separator or any(mark in separator for mark in '\n\r"'):
        raise SparserecError(f"separator must be a few characters such as ',' or '::', or tab, not {text!r}")
    return separator


def _check_encoding(name: str | None) -> None:
    if name is None:
        return
    try:
        "".encode(name)
    except (LookupError, ValueError):
        raise SparserecError(
            f"encoding {name!r} is not known; give one that Python knows, such as latin-1, cp1252, utf-16 or gb18030"
        ) from None
