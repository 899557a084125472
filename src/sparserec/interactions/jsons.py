"""JSON: a line an object, or one array of objects."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from sparserec.errors import SparserecError, option
from sparserec.interactions.coding import Coded, Scan, read_scan
from sparserec.interactions.columnar import unasked
from sparserec.interactions.columns import find_columns
from sparserec.interactions.conditions import columns_of, condition, numbers_as_such
from sparserec.interactions.records import Gathered
from sparserec.interactions.request import Request
from sparserec.interactions.sources import Source, not_utf8, open_binary

LOOKED_AT = 1000
"""Objects whose keys are the columns."""


def read_json(source: Source, request: Request) -> Coded:
    """Read objects whose keys are the columns; a key that an object does not have is a gap.

    Raises:
        SparserecError: no JSON, something else than objects, or as `read_delimited`; with the line.
    """
    if request.separator is not None or request.header is False:
        asked = option("separator") if request.separator else option("header", False)
        raise SparserecError(f"{source.label}: the columns of JSON are its keys; leave out {asked}")
    names: dict[str, None] = {}
    for number, (_, value) in enumerate(_objects(source)):
        names |= dict.fromkeys(value)
        if number >= LOOKED_AT:
            break
    present = list(names)
    places = find_columns(present, request, source.label)
    asked = columns_of(request.where, present, source.label) if request.where else []
    keys = list(dict.fromkeys([*(present[at] for at in places.values()), *asked]))
    optional = {present[at]: role for role, at in places.items() if role in unasked(request)}
    unread: dict[str, str] = {}
    gathered = Gathered(keys)
    for line, value in _objects(source):
        texts = []
        for key in keys:
            try:
                texts.append(None if key in unread else _text(value.get(key), key, source.label, line))
            except SparserecError as error:
                if key not in optional or key in asked:
                    raise
                unread[key] = str(error)
                texts.append(None)
        gathered.add(line, texts)
    roles = {optional[key]: why for key, why in unread.items()}
    places = {role: at for role, at in places.items() if role not in roles}
    frame, lines = gathered.frame()
    picks = [pl.col(present[at]).alias(role) for role, at in places.items()]
    if request.where:
        frame = numbers_as_such(frame.with_columns(pl.col(key).alias(f"\0{key}") for key in keys), asked)
        picks = [pl.col(f"\0{present[at]}").alias(role) for role, at in places.items()]
        picks.append(condition(frame, request.where).alias("chosen"))
    scan = Scan(
        frame.select(picks),
        {role: present[at] for role, at in places.items()},
        source.label,
        lambda rows: [f"{source.label}:{lines[row]}" for row in rows],
        lambda error: SparserecError(f"{source.label}: cannot be read: {str(error).splitlines()[0]}"),
        hints=(f"{roles['rating']}; the column is not read",) if "rating" in roles else (),
        untimed=roles.get("timestamp", ""),
    )
    return read_scan(scan, request)


def _objects(source: Source) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The objects, each with its line; in an array their numbers stand in the place of lines."""
    with open_binary(source) as file:
        start = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
        file.seek(0)
        if start.startswith(b"["):
            yield from _array(file.read(), source.label)
            return
        for line, raw in enumerate(file, 1):
            text = raw.removeprefix(b"\xef\xbb\xbf") if line == 1 else raw
            if text.strip():
                yield line, _object(_parsed(text, source.label, line), source.label, line)


def _parsed(text: bytes, label: str, line: int) -> Any:
    try:
        return json.loads(text)
    except UnicodeDecodeError:
        raise not_utf8(label, line) from None
    except (ValueError, RecursionError) as error:
        raise SparserecError(
            f"{label}:{line}: is not JSON ({_brief(error)}); a line must hold one object in braces, or the file one "
            "array of objects"
        ) from None


def _array(text: bytes, label: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        values = json.loads(text.removeprefix(b"\xef\xbb\xbf"))
    except UnicodeDecodeError as error:
        raise not_utf8(label, 1 + text.count(b"\n", 0, error.start)) from None
    except json.JSONDecodeError as error:
        raise SparserecError(f"{label}:{error.lineno}: is not JSON ({error.msg})") from None
    except (ValueError, RecursionError) as error:
        raise SparserecError(f"{label}: is not JSON ({_brief(error)})") from None
    for number, value in enumerate(values, 1):
        yield number, _object(value, label, number)


def _object(value: Any, label: str, line: int) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    raise SparserecError(
        f"{label}:{line}: must be an object in braces whose keys are the columns, such as "
        '{"user": 7, "item": 9}, not a ' + type(value).__name__
    )


def _text(value: Any, key: str, label: str, line: int) -> str | None:
    """A value as text."""
    if value is None or (isinstance(value, str) and (value.isascii() or _is_whole(value))):
        return value
    if isinstance(value, str):
        raise SparserecError(f"{label}:{line}: {key!r} holds half of a surrogate pair, which is no character")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    raise SparserecError(f"{label}:{line}: {key!r} holds a {type(value).__name__}; it must be a number or text")


def _is_whole(text: str) -> bool:
    """Whether a text is made of characters alone."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _brief(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:80]
