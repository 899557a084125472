"""Options whose values are names of kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import typer


def one_of(names: Iterable[str]) -> Callable[[str | None], str | None]:
    """A callback of an option that refuses what is none of these names."""
    known = list(names)

    def check(value: str | None) -> str | None:
        if value is not None and value not in known:
            raise typer.BadParameter(f"{value!r} is not one of {', '.join(repr(name) for name in known)}.")
        return value

    return check


def listed(words: str, names: Iterable[str]) -> str:
    """The help of such an option."""
    return f"{words}: {', '.join(names)}."
