"""Which column is the user, the item, the timestamp, the rating."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sparserec.errors import SparserecError, option
from sparserec.interactions.request import Request

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
# Looked for only where none of the above is there.
RARER = {
    "user": ("userno", "clientid", "accountid", "customer", "sessionid"),
    "item": ("stockcode", "isbn", "sku", "itemno", "productcode"),
    "timestamp": ("invoicedate", "eventtime", "createdat", "date"),
    "rating": ("bookrating", "reviewscore"),
}


def find_columns(present: Sequence[str], request: Request, label: str) -> dict[str, int]:
    """Positions of the columns to read, by role: user, item; timestamp and rating where there is one.

    Args:
        present: names of the columns in their order; of a table without a header their numbers, from "1".
        request: columns named there are taken by name, else by number.
        label: the file, for messages.

    Raises:
        SparserecError: a column isn't there, two could be meant, or one is asked for in two roles.
    """
    places: dict[str, int] = {}
    given = {role: _given(role, wanted, present, label) for role, wanted in request.named().items()}
    for role in SYNONYMS:
        if role == "timestamp" and request.timestamps is False:
            continue
        matches = [given[role]] if role in given else _usual(role, present, set(given.values()))
        needed = role in ("user", "item") or (role == "rating" and request.min_rating is not None)
        if len(matches) > 1 and (needed or role == "timestamp"):
            names = " or ".join(repr(present[i]) for i in matches)
            instead = f" ({option('timestamps', False)} for none)" if role == "timestamp" else ""
            raise SparserecError(f"{label}: the {role} column could be {names}; say which with {option(role)}{instead}")
        if len(matches) == 1:
            places[role] = matches[0]
        elif needed:
            why = f"no column is known to be the {role}"
            if role == "rating":
                why = f"{option('min_rating', request.min_rating)} needs a rating column"
            raise SparserecError(f"{label}: {why}; name it with {option(role)}; present: {_listing(present)}")
    if len(set(places.values())) < len(places):
        asked = ", ".join(f"{role} {request.named()[role]!r}" for role in given)
        raise SparserecError(f"{label}: user, item, timestamp and rating must be different columns; got {asked}")
    return places


def is_usual(name: str) -> bool:
    """Whether a word is a usual name of one of the columns."""
    return any(plain_name(name) in names for known in (SYNONYMS, RARER) for names in known.values())


def plain_name(name: str) -> str:
    """A name in lower case, without punctuation."""
    return re.sub(r"[\W_]", "", name.lower())


def _given(role: str, wanted: str | int, present: Sequence[str], label: str) -> int:
    """Position of a column that was named, or numbered from 1."""
    matches = [i for i, name in enumerate(present) if name == wanted]
    if not matches and (isinstance(wanted, int) or (wanted.isascii() and wanted.isdigit())):
        number = int(wanted)
        if not 1 <= number <= len(present):
            raise SparserecError(f"{label}: there is no column {number} for {role}; there are {len(present)}")
        return number - 1
    if not matches:
        raise SparserecError(f"{label}: there is no column {wanted!r} for {role}; present: {_listing(present)}")
    if len(matches) > 1:
        names = " or ".join(f"number {i + 1}" for i in matches)
        raise SparserecError(
            f"{label}: the {role} column could be {wanted!r} or {wanted!r} ({names}); say which by its number"
        )
    return matches[0]


def _usual(role: str, present: Sequence[str], taken: set[int]) -> list[int]:
    """Positions of the columns with a usual name of a role."""
    for known in (SYNONYMS, RARER):
        matches = [i for i, name in enumerate(present) if plain_name(name) in known[role] and i not in taken]
        if matches:
            return matches
    return []


def _listing(present: Sequence[str]) -> str:
    names = ", ".join(repr(name) for name in present[:30])
    return names if len(present) <= 30 else f"{names} and {len(present) - 30} more"
