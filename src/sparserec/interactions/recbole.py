"""RecBole's atomic `.inter` files: tab-separated, each name in the header followed by its type."""

from __future__ import annotations

from dataclasses import replace

from sparserec.errors import SparserecError
from sparserec.interactions.coding import Coded, read_scan
from sparserec.interactions.columns import find_columns
from sparserec.interactions.request import Request
from sparserec.interactions.sources import Source
from sparserec.interactions.text import read_header, scan_text

TYPES = ("token", "token_seq", "float", "float_seq")
ROLES = {"user": ("token",), "item": ("token",), "timestamp": ("float", "token"), "rating": ("float",)}


def read_recbole(source: Source, request: Request) -> Coded:
    """Read user_id:token, item_id:token and, where present, timestamp:float and rating:float.

    Columns may be named with or without their type.

    Raises:
        SparserecError: as `read_delimited`; a header without types, or a type that does not fit its role.
    """
    layout = read_header(source, request.separator or "\t")
    names, types = [], []
    for field in layout.names:
        name, _, kind = field.rpartition(":")
        if kind not in TYPES or not name:
            raise SparserecError(
                f"{source.label}:1: the header field {field!r} has no type; RecBole names look like user_id:token, "
                f"the types being {', '.join(TYPES)}"
            )
        names.append(name)
        types.append(kind)
    typed = dict(zip(layout.names, names, strict=True))
    given = {role: typed.get(name, name) if isinstance(name, str) else name for role, name in request.named().items()}
    places = find_columns(names, replace(request, **given), source.label)
    if "rating" in places and request.min_rating is None and types[places["rating"]] not in ROLES["rating"]:
        del places["rating"]
    for role, position in places.items():
        if types[position] not in ROLES[role]:
            allowed = " or ".join(ROLES[role])
            raise SparserecError(
                f"{source.label}:1: column {layout.names[position]!r} cannot be the {role}; its type must be {allowed}"
            )
    return read_scan(scan_text(source, replace(layout, names=names), places, request), request)
