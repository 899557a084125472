"""The options that say how interactions are read, the same for every verb that reads some."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

import typer

_COLUMN = "The {} column, by name or by number from 1."
OPTIONS: dict[str, tuple[Any, list[str], str]] = {
    "user": (str | None, ["--user"], _COLUMN.format("user")),
    "item": (str | None, ["--item"], _COLUMN.format("item")),
    "timestamp": (str | None, ["--timestamp"], _COLUMN.format("time stamp")),
    "rating": (str | None, ["--rating"], _COLUMN.format("rating")),
    "header": (
        bool | None,
        ["--header/--no-header"],
        "Whether the first line names the columns, as it usually does; without, they are given by number.",
    ),
    "separator": (str | None, ["--separator"], "What stands between fields, such as '::' or tab."),
    "encoding": (str | None, ["--encoding"], "Of text, such as latin-1; UTF-8 when not given."),
    "where": (str | None, ["--where"], "A condition in SQL on the columns, such as \"event = 'buy'\"."),
    "missing": (
        str | None,
        ["--missing"],
        "Rows without an id: error, drop, or text, which takes words such as NA for ids.",
    ),
    "no_timestamps": (bool, ["--no-timestamps"], "Leave time stamps out."),
    "min_rating": (float | None, ["--min-rating"], "Leave out lower ratings."),
    "kcore": (int | None, ["--kcore"], "Leave out users and items with fewer interactions, repeatedly."),
    "format": (
        str | None,
        ["--format"],
        "lightgcn, delimited, recbole, parquet, json, mtx or npz, where the name does not tell.",
    ),
}
"""Name, type, spelling and help of each option."""


def reads(**spelling: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A decorator: the verb gets the options, and their values as `reading`, arguments of `sparserec.load`.

    Args:
        **spelling: another spelling of an option, where the verb has one of that name: `format="--read-as"`.
    """

    def decorate(verb: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(verb, include_extras=True)
        own = [
            part.replace(annotation=hints[name])
            for name, part in inspect.signature(verb).parameters.items()
            if name != "reading"
        ]
        added = []
        for name, (kind, names, words) in OPTIONS.items():
            declared = typer.Option(*([spelling[name]] if name in spelling else names), help=words)
            default = False if kind is bool else None
            added.append(
                inspect.Parameter(
                    f"reading_{name}",
                    inspect.Parameter.KEYWORD_ONLY,
                    default=default,
                    annotation=Annotated[kind, declared],
                )
            )

        @functools.wraps(verb)
        def run(**values: Any) -> None:
            given = {name: values.pop(f"reading_{name}") for name in OPTIONS}
            verb(**values, reading=_arguments(given))

        run.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]  # which typer reads
        run.__annotations__ = {part.name: part.annotation for part in (*own, *added)}
        return run

    return decorate


def _arguments(given: dict[str, Any]) -> dict[str, Any]:
    """Options as arguments of `load`, those that were given."""
    values = {name: value for name, value in given.items() if not name.startswith("no_") and value is not None}
    off = {name.removeprefix("no_"): False for name, value in given.items() if name.startswith("no_") and value}
    return {**values, **off}
