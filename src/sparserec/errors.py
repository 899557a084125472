"""The one error type that a user meets, the one kind of warning, and how sentences name what the caller can give."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_ON_COMMAND_LINE: ContextVar[bool] = ContextVar("on_command_line", default=False)
_UNSET: Any = object()


class SparserecError(Exception):
    """Something the caller can put right: the message says what was wrong, what is allowed and what to do.

    The message is one sentence that names the file, line or argument concerned. The command line prints it
    without a traceback and exits with code 2.
    """

    def __init__(self, *parts: object):
        # A file name that is no UTF-8 has characters that nobody can print: they are shown as escapes.
        super().__init__(*(_printable(part) if isinstance(part, str) else part for part in parts))


class SparserecWarning(RuntimeWarning):
    """Something that was done otherwise than asked: one sentence; the command line prints it as a note."""


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


@contextmanager
def on_command_line() -> Iterator[None]:
    """Within it, sentences name options of the command line instead of arguments."""
    before = _ON_COMMAND_LINE.set(True)
    try:
        yield
    finally:
        _ON_COMMAND_LINE.reset(before)


def option(name: str, value: Any = _UNSET) -> str:
    """An argument in the caller's language, perhaps with a value.

    `option("min_rating", 4)` is "min_rating=4" in Python and "--min-rating 4" on the command line; False, there,
    is "--no-header".
    """
    if not _ON_COMMAND_LINE.get():
        return f"{name}=" if value is _UNSET else f"{name}={value!r}"
    words = name.replace("_", "-")
    if value is False:
        return f"--no-{words}"
    return f"--{words}" if value is _UNSET or value is True else f"--{words} {shlex.quote(str(value))}"
