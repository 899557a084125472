"""Settings whose values are names of kinds."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic_core import PydanticCustomError


def unknown(names: Iterable[str]) -> PydanticCustomError:
    """What a validator raises for a value that is none of these names, in the words that pydantic has for literals."""
    *others, last = (f"'{name}'" for name in names)
    text = f"{', '.join(others)} or {last}" if others else last
    return PydanticCustomError("unknown_name", "Input should be {names}", {"names": text})
