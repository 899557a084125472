"""Raw ids as callers give them, checked and made rows."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np

from sparserec.errors import SparserecError
from sparserec.vocabulary import Ids

Id = str | int
"""A raw id; a whole number stands for its digits, also one that is a float, as in columns of frames."""
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
        return self._ids.get(text_of(name)) is not None

    def row(self, name: Id, argument: str) -> np.ndarray:
        """The row (1,) intp of one id, which messages call `argument`."""
        return self._of([text_of(name, argument)], argument)

    def lacking(self, ids: Iterable[Id] | None) -> list[str]:
        """Those of ids that the file does not have, each once, in their order."""
        return [name for name in dict.fromkeys(listed(ids, "ids")) if self._ids.get(name) is None]

    def rows(self, ids: Iterable[Id] | None, argument: str, kind: str) -> np.ndarray:
        """Rows (m,) intp of ids, as often as they occur; messages call them `argument`, and one of them `kind`."""
        return self._of(listed(ids, argument), kind)

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
            SparserecError: when they are no list, one is no id, or one is unknown and that is an error.
        """
        checked_unknown(unknown)
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
    """Ids as texts. Raises SparserecError, naming the argument, for anything but a list of ids."""
    if ids is None:
        return []
    if isinstance(ids, str):
        raise SparserecError(f"{argument}: ids come as a list, not as one text: [{ids!r}]")
    try:
        if isinstance(ids, (bytes, bytearray, memoryview)):
            raise TypeError
        given = list(ids)
    except TypeError:
        one = shown(ids)
        raise SparserecError(f"{argument}: ids come as a list, such as [{one}], not as {one}") from None
    return [name if type(name) is str else text_of(name, argument) for name in given]


def text_of(name: Id, argument: str | None = None) -> str:
    """An id as text.

    Raises SparserecError, naming the argument, for what is neither text nor a whole number, as missing values of frames
    are not, and for a float so large that it may have been another number before it was one.
    """
    plain, at = _plain(name), "" if argument is None else f"{argument}: "
    if isinstance(plain, str):
        return str.__str__(plain)  # of an enumeration its value, and not its name
    if isinstance(plain, (float, np.floating)) and math.isfinite(plain) and int(plain) == plain:
        bits = np.finfo(type(plain) if isinstance(plain, np.floating) else float).nmant + 1
        if abs(plain) >= 1 << bits:
            number = str(plain).removesuffix(".0")
            raise SparserecError(
                f"{at}the id {number} is beyond 2^{bits}, where floats lose digits; give it as text or as an int"
            )
        return str(int(plain))
    if isinstance(plain, (int, np.integer)) and not isinstance(plain, (bool, np.timedelta64)):
        try:
            return str(int(plain))
        except ValueError:
            raise SparserecError(
                f"{at}an id is a number of more digits than Python writes out; give it as text"
            ) from None
    raise SparserecError(f"{at}an id is a text or a whole number, not {shown(plain)}")


def shown(value: object, most: int = 60) -> str:
    """A value as a message shows it: in one line, cut to `most` characters."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # a number of more digits than Python writes out
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= most else f"{text[:most]}..."


def checked_unknown(unknown: Unknown) -> Unknown:
    """The same. Raises SparserecError when it is neither "error" nor "ignore"."""
    if not isinstance(unknown, str) or unknown not in ("error", "ignore"):
        raise SparserecError(f"unknown must be 'error' or 'ignore', not {shown(unknown)}")
    return unknown


def checked_count(k: int) -> int:
    """How many items are wanted. Raises SparserecError when it is no whole number of at least 1."""
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise SparserecError(f"k must be a whole number of at least 1, not {shown(k)}")
    return int(k)


def _plain(name: Any) -> Any:
    """What there is in an array of no dimension or in a scalar of Arrow; all else as it is."""
    if isinstance(name, np.ndarray) and name.ndim == 0:
        return name[()]
    as_py = getattr(name, "as_py", None)
    return name if as_py is None else as_py()
