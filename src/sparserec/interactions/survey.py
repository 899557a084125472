"""One look at the bytes of a delimited file: whether Polars reads its quotes and line ends as Python's csv does."""

from __future__ import annotations

from codecs import BOM_UTF8
from dataclasses import dataclass
from typing import IO

import numpy as np

CHUNK = 1 << 22
QUOTE, RETURN, NEWLINE = b'"', b"\r", b"\n"


@dataclass(frozen=True)
class Survey:
    """What stands in the bytes of a file.

    Args:
        quotes: whether there is a quote at all.
        regular: every quote opens a field, closes one, or is doubled within one, and none stays open; so all readers
            agree about them.
        bare_returns: a carriage return stands alone, which ends a line for csv and not for Polars.
    """

    quotes: bool
    regular: bool
    bare_returns: bool


def survey(file: IO[bytes], separator: bytes) -> Survey:
    """Read a file once, in pieces.

    In regular text quotes number 0, 2, 4, ... open a field or are the second of a doubled one, and those between
    close it or are the first of a doubled one; so the bytes beside a quote say whether its number fits.
    """
    quotes, regular, bare_returns = 0, True, False
    before = NEWLINE  # the byte before the piece
    piece = file.read(len(BOM_UTF8)).removeprefix(BOM_UTF8) + file.read(CHUNK)
    while piece:
        following = file.read(CHUNK)
        after = following[:1] or NEWLINE
        if RETURN in piece:
            pairs = piece.count(b"\r\n") + (piece.endswith(RETURN) and after == NEWLINE)
            bare_returns |= piece.count(RETURN) != pairs
        if regular and QUOTE in piece:
            regular, count = _regular(before + piece + after, separator, quotes)
            quotes += count
        elif QUOTE in piece:
            quotes += 1
        before, piece = piece[-1:], following
    return Survey(quotes > 0, regular and quotes % 2 == 0, bool(bare_returns))


def _regular(padded: bytes, separator: bytes, before: int) -> tuple[bool, int]:
    """Whether the quotes of a piece with a byte on both sides fit their numbers, from `before`, and how many it has."""
    data = np.frombuffer(padded, dtype=np.uint8)
    at = np.flatnonzero(data[1:-1] == QUOTE[0]) + 1
    edge = np.zeros(256, dtype=bool)
    edge[np.frombuffer(separator + b'\n\r"', dtype=np.uint8)] = True
    opening, closing = at[before % 2 :: 2], at[1 - before % 2 :: 2]
    # A quote before an opening one is its other half; none stands between two fields.
    return bool(edge[data[opening - 1]].all() and edge[data[closing + 1]].all()), len(at)
