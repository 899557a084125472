"""Titles and tags of items, from a table with a header."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from sparserec.errors import SparserecError

NOUNS = {
    "movieid": "films",
    "itemid": "items",
    "item": "items",
    "productid": "products",
    "asin": "products",
    "bookid": "books",
    "isbn": "books",
    "artistid": "artists",
    "trackid": "tracks",
    "songid": "songs",
    "gameid": "games",
    "appid": "apps",
    "recipeid": "recipes",
    "businessid": "places",
    "id": "items",
}
"""What the items of a table are called by the name of its column of ids."""
ID_COLUMNS = tuple(NOUNS)
TITLE_COLUMNS = ("title", "itemtitle", "name", "itemname", "movietitle", "productname")
TAG_COLUMNS = ("genres", "genre", "tags", "categories", "category")
"""Names of columns, lower case and without signs; the first that is there counts."""
NO_TAGS = "(no genres listed)"
"""What MovieLens writes for no genres."""


@dataclass(frozen=True)
class Title:
    """What an item is called.

    Attributes:
        title: its title, not empty.
        tags: its tags or genres, separated by commas; may be empty.
    """

    title: str
    tags: str


def read_titles(path: Path) -> dict[str, Title]:
    """Titles by raw item id; see `read_named_titles`."""
    return read_named_titles(path)[0]


def read_named_titles(path: Path) -> tuple[dict[str, Title], str]:
    """Titles by raw item id, and what items are called, in the plural; from CSV, or TSV where the header has tabs.

    The header names a column of ids and one of titles, and perhaps one of tags, as movies.csv of MovieLens does; items
    are "films" where that of ids is movieId. Rows without a title are left out; of several rows with one id the first
    counts.

    Raises:
        SparserecError: when the file cannot be read as such a table.
    """
    with _opened(path) as (file, separator):
        return _titles(file, separator, path)


def check_titles(titles: Mapping[str, Title], items: Sequence[str]) -> None:
    """Raise SparserecError where there are titles and none is of an item of a model, whose ids `items` are."""
    if titles and not any(name in titles for name in items):
        raise SparserecError(
            f"none of the {len(titles):,} titles belongs to an item of the model, whose ids are like {items[0]!r}"
        )


@contextmanager
def _opened(path: Path) -> Iterator[tuple[TextIO, str]]:
    """The file at its beginning, and what separates its columns."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # whole, as a pipe can't be read twice
            text = io.StringIO(file.read(), newline="")
        first = text.readline()
        text.seek(0)
        yield text, "\t" if "\t" in first else ","
    except FileNotFoundError:
        raise SparserecError(f"{path}: no such file") from None
    except OSError as error:
        raise SparserecError(f"{path}: cannot be read ({error.strerror or error})") from None
    except UnicodeDecodeError:
        raise SparserecError(f"{path}: not text in UTF-8") from None
    except csv.Error as error:
        raise SparserecError(f"{path}: not a table of CSV or TSV ({error})") from None


def _titles(file: TextIO, separator: str, path: Path) -> tuple[dict[str, Title], str]:
    rows = csv.reader(file, delimiter=separator, strict=True)
    header = _header(rows)
    names, titles, tags = (_column(header, known) for known in (ID_COLUMNS, TITLE_COLUMNS, TAG_COLUMNS))
    if names is None or titles is None:
        raise SparserecError(
            f"{path}: its header has no column of {'ids' if names is None else 'titles'}; "
            f"ids are in one of {', '.join(ID_COLUMNS)}, titles in one of {', '.join(TITLE_COLUMNS)}"
        )
    titles_by_id: dict[str, Title] = {}
    padded: dict[str, Title] = {}  # blanks around an id belong to it where there is one with them
    for row in rows:
        if not row:
            continue
        if len(row) != len(header):
            raise SparserecError(
                f"{path}, line {rows.line_num}: {len(row)} columns, but the header has {len(header)}; "
                "put texts with the separator in double quotes"
            )
        if row[titles].strip():
            tag = "" if tags is None or row[tags] == NO_TAGS else row[tags].replace("|", ", ")
            title = Title(row[titles].strip(), tag)
            titles_by_id.setdefault(row[names], title)
            padded.setdefault(row[names].strip(), title)
    return {**padded, **titles_by_id}, NOUNS[header[names]]


def _header(rows: Iterator[list[str]]) -> list[str]:
    """Names of the columns in lower case and without signs."""
    return ["".join(sign for sign in name.lower() if sign.isalnum()) for name in next(rows, [])]


def _column(header: list[str], known: tuple[str, ...]) -> int | None:
    """Place of the first of the known names that the header has."""
    return next((header.index(name) for name in known if name in header), None)
