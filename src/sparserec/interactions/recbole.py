"""RecBole's atomic `.inter` files: tab-separated, each name in the header followed by its type."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sparserec.errors import SparserecError
from sparserec.interactions.coding import Coded, read_scan
from sparserec.interactions.columns import Columns, find_columns
from sparserec.interactions.text import read_header, scan_text

TYPES = ("token", "token_seq", "float", "float_seq")
ROLES = {"user": ("token",), "item": ("token",), "timestamp": ("float", "token"), "rating": ("float",)}


def read_recbole(path: Path, columns: Columns) -> Coded:
    """Read user_id:token, item_id:token and, where present, timestamp:float and rating:float.

    Columns may be named with or without their type.

    Raises:
        SparserecError: as `read_delimited`; a header without types, or a type that does not fit its role.
    """
    header, separator = read_header(path, "\t")
    names, types = [], []
    for field in header:
        name, _, kind = field.rpartition(":")
        if kind not in TYPES or not name:
            raise SparserecError(
                f"{path}:1: the header field {field!r} has no type; RecBole names look like user_id:token, "
                f"the types being {', '.join(TYPES)}"
            )
        names.append(name)
        types.append(kind)
    typed = dict(zip(header, names, strict=True))
    given = {role: typed.get(name, name) for role, name in columns.named().items()}
    places = find_columns(names, replace(columns, **given), path)
    for role, position in places.items():
        if types[position] not in ROLES[role]:
            allowed = " or ".join(ROLES[role])
            raise SparserecError(
                f"{path}:1: column {header[position]!r} cannot be the {role}; its type must be {allowed}"
            )
    return read_scan(scan_text(path, names, separator, places), columns.min_rating)
