"""Titles of items beside their ids."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

TITLES_HELP = "CSV or TSV with a header: a column of item ids and one of titles, such as movies.csv of MovieLens."
TitlesFile = Annotated[Path | None, typer.Option("--titles", help=TITLES_HELP)]

UNDECOMPOSED = str.maketrans(
    {"ø": "o", "đ": "d", "ð": "d", "ł": "l", "\u0131": "i", "æ": "ae", "œ": "oe", "þ": "th", "ħ": "h"}
)
"""Letters that Unicode does not take apart into a plain letter and a mark."""


def titles_of(file: Path | None, items: Callable[[], Sequence[str]]) -> dict[str, str] | None:
    """Titles by raw item id; None without a file.

    Args:
        file: of titles.
        items: gives the ids of a model, of which one at least must have a title.

    Raises:
        SparserecError: when the file cannot be read as titles of these items.
    """
    if file is None:
        return None
    from sparserec.page import check_titles, read_titles

    titles = read_titles(file)
    check_titles(titles, items())
    return {name: title.title for name, title in titles.items()}


def folded(text: str) -> str:
    """A text for comparing: without case, accents and signs, words with one blank between them."""
    apart = unicodedata.normalize("NFKD", text.casefold()).translate(UNDECOMPOSED)
    letters = (sign for sign in apart if not unicodedata.combining(sign))
    return " ".join("".join(sign if sign.isalnum() else " " for sign in letters).split())


def matches(text: str, ranked: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Items whose titles have all words of a text.

    Args:
        text: words, in any order; each may be a part of a word of the title.
        ranked: pairs of raw id and title, the most popular first.

    Returns:
        the pairs that match: titles that are the text, then those that begin with it, then those in which every word
        begins one, then the others; among equals in the order of `ranked`.
    """
    wanted = folded(text)
    words = wanted.split()
    found: list[tuple[int, tuple[str, str]]] = []
    for pair in ranked:
        title = folded(pair[1])
        if not words:  # signs alone, which folding leaves out
            fits, rank = text.strip() != "" and text.casefold() in pair[1].casefold(), 3
        else:
            fits, rank = all(word in title for word in words), _rank(wanted, words, title)
        if fits:
            found.append((rank, pair))
    return [pair for _, pair in sorted(found, key=lambda one: one[0])]


def _rank(wanted: str, words: list[str], title: str) -> int:
    """How well a title fits: 0 best."""
    if title == wanted:
        return 0
    if f"{title} ".startswith(f"{wanted} "):
        return 1
    return 2 if all(f" {word}" in f" {title}" for word in words) else 3
