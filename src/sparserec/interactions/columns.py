"""Which column is the user, the item, the timestamp, the rating."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sparserec.errors import SparserecError

# Compared in lower case and without punctuation, so userId, user_id and "User ID" are one name.
SYNONYMS = {
    "user": ("user", "userid", "uid", "reviewerid", "customerid", "visitorid", "memberid"),
    "item": (
        *(
            "item",
            "itemid",
            "iid",
            "movie",
            "movieid",
            "product",
            "productid",
            "bookid",
            "artistid",
            "trackid",
        ),
        *("songid", "businessid", "articleid", "newsid", "asin", "parentasin"),
    ),
    "timestamp": ("timestamp", "time", "ts", "unixtime", "unixreviewtime", "datetime"),
    "rating": ("rating", "score", "stars", "overall"),
}


@dataclass(frozen=True)
class Columns:
    """The columns the caller asked for by name; None where they are to be found by themselves."""

    user: str | None = None
    item: str | None = None
    timestamp: str | None = None
    rating: str | None = None
    min_rating: float | None = None

    def named(self) -> dict[str, str]:
        """The names given, by role."""
        roles = {role: getattr(self, role) for role in SYNONYMS}
        return {role: name for role, name in roles.items() if name is not None}


def find_columns(present: Sequence[str], columns: Columns, path: object) -> dict[str, int]:
    """Positions of the columns to read, by role; timestamp where there is one, rating where needed.

    Raises:
        SparserecError: a column isn't there, two could be meant, or one is asked for in two roles.
    """
    listing = ", ".join(repr(name) for name in present)
    places: dict[str, int] = {}
    given = columns.named()
    for role, synonyms in SYNONYMS.items():
        if role in given:
            if given[role] not in present:
                raise SparserecError(f"{path}: there is no column {given[role]!r} for {role}; present: {listing}")
            matches = [i for i, name in enumerate(present) if name == given[role]]
        else:
            matches = [i for i, name in enumerate(present) if _plain(name) in synonyms]
            matches = [i for i in matches if present[i] not in given.values()]
        needed = role in ("user", "item") or (role == "rating" and columns.min_rating is not None)
        if role == "rating" and not (needed or role in given):
            continue
        if len(matches) > 1:
            names = " or ".join(repr(present[i]) for i in matches)
            raise SparserecError(f"{path}: the {role} column could be {names}; say which with {role}=")
        if matches:
            places[role] = matches[0]
        elif needed:
            why = f"no column is known to be the {role}"
            if role == "rating":
                why = f"min_rating={columns.min_rating:g} needs a rating column"
            raise SparserecError(f"{path}: {why}; name it with {role}=; present: {listing}")
    if len(set(places.values())) < len(places):
        raise SparserecError(f"{path}: user, item, timestamp and rating must be different columns; got {given}")
    if columns.min_rating is None:
        places.pop("rating", None)  # named, and known to be there, but not needed
    return places


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower())
