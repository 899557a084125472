"""Raw ids as callers give them, checked and made rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np

from sparserec.errors import SparserecError
from sparserec.vocabulary import Ids

Id = str | int
"""A raw id; a number stands for its digits."""
Unknown = Literal["error", "ignore"]
"""What becomes of ids that a file does not have."""


class ItemIds:
    """The ids of a file's items, as callers ask for them.

    Args:
        ids: the raw ids in the order of their rows.
    """

    def __init__(self, ids: Ids):
        self._ids = ids

    def has(self, name: Id) -> bool:
        """Whether an item is in the file."""
        return self._ids.get(str(name)) is not None

    def lacking(self, ids: Iterable[Id] | None) -> list[str]:
        """Those of ids that the file does not have, each once, in their order."""
        return [name for name in dict.fromkeys(listed(ids, "ids")) if self._ids.get(name) is None]

    def rows(self, ids: Iterable[Id] | None, kind: str) -> np.ndarray:
        """Rows (m,) intp of ids, as often as they occur; messages call an id `kind`."""
        return self._of(listed(ids, f"{kind} ids"), kind)

    def distinct(
        self, ids: Iterable[Id] | None, argument: str, kind: str, unknown: Unknown = "error", *, last: bool = False
    ) -> np.ndarray:
        """Rows (m,) intp of ids, each once.

        Args:
            ids: raw ids; None for none.
            argument: what messages call them all.
            kind: what messages call one of them.
            unknown: what becomes of those that the file does not have.
            last: whether an id that is there twice is where it stands last; else where it stands first.

        Raises:
            SparserecError: when they are no list, or one is unknown and that is an error.
        """
        given = listed(ids, argument)
        names = list(dict.fromkeys(reversed(given)))[::-1] if last else list(dict.fromkeys(given))
        if unknown == "ignore":
            names = [name for name in names if self._ids.get(name) is not None]
        return self._of(names, kind)

    def names(self, rows: np.ndarray) -> list[str]:
        """The ids of rows (m,)."""
        return self._ids.names(rows)

    def _of(self, names: list[str], kind: str) -> np.ndarray:
        return self._ids.rows(names, kind) if names else np.zeros(0, dtype=np.intp)


def listed(ids: Iterable[Id] | None, argument: str) -> list[str]:
    """Ids as texts. Raises SparserecError, naming the argument, when they come as anything but a list."""
    if ids is None:
        return []
    if isinstance(ids, str):
        raise SparserecError(f"{argument}: ids come as a list, not as one text: [{ids!r}]")
    try:
        if isinstance(ids, (bytes, bytearray, memoryview)):
            raise TypeError
        return [str(name) for name in ids]
    except TypeError:
        raise SparserecError(f"{argument}: ids come as a list, such as [{ids!r}], not as {ids!r}") from None


def checked_unknown(unknown: Unknown) -> Unknown:
    """The same. Raises SparserecError when it is neither "error" nor "ignore"."""
    if unknown not in ("error", "ignore"):
        raise SparserecError(f"unknown must be 'error' or 'ignore', not {unknown!r}")
    return unknown


def checked_count(k: int) -> int:
    """How many items are wanted. Raises SparserecError when it is no whole number of at least 1."""
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise SparserecError(f"k must be a whole number of at least 1, not {k!r}")
    return int(k)
