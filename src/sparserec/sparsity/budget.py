"""Budgets in bytes, as people write them."""

from __future__ import annotations

import re
from fractions import Fraction

from sparserec.errors import SparserecError

_UNITS = {"B": 1, "kB": 1000, "MB": 1_000_000, "GB": 1_000_000_000, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_PATTERN = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*(/\s*item)?\s*$")


def parse_budget(text: str, n_items: int) -> int:
    """Bytes from "16B/item", "500kB" or "2MB": of the whole exported file, or by the item without its list of ids.

    `bounds_whole_file` tells which.

    Raises:
        SparserecError: when the text is none of these.
    """
    match = _PATTERN.match(text)
    units = {name.lower(): size for name, size in _UNITS.items()}
    if match is None or match[2].lower() not in units:
        raise SparserecError(
            f"budget {text!r} can't be read; write for example 16B/item, 500kB or 2MB (units: {', '.join(_UNITS)})"
        )
    size = Fraction(match[1]) * units[match[2].lower()] * (n_items if match[3] else 1)
    return int(size)


def bounds_whole_file(text: str) -> bool:
    """Whether a budget that `parse_budget` reads is one of the whole file, ids and header included."""
    return "/" not in text
