"""What a recommender makes of a history or a user: the vector that items are scored with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sparserec.device.contents import Contents
from sparserec.device.encoder import HistoryEncoder, encoded, encoded_one
from sparserec.device.ids import Id, ItemIds, Unknown, checked_unknown, listed, text_of
from sparserec.device.matrix import Matrix, row_vector
from sparserec.device.postings import Postings
from sparserec.errors import SparserecError


@dataclass(frozen=True)
class Taste:
    """Whose taste is asked about, as rows; `history` and `dislikes` have none in common.

    Attributes:
        vector: (dim,) float64.
        history: (h,) intp, rows of what the user took, oldest first.
        dislikes: (d,) intp, rows of what they do not like.
    """

    vector: np.ndarray
    history: np.ndarray
    dislikes: np.ndarray


class Tastes:
    """Makes vectors of what is known of somebody.

    Args:
        contents: of the file.
        asked: its item ids.
        items: its item table, ready to score.
        encoder: its transformer, or None.
    """

    def __init__(self, contents: Contents, asked: ItemIds, items: Postings | Matrix, encoder: HistoryEncoder | None):
        self._asked, self._items, self._encoder = asked, items, encoder
        self._users, self._user_ids = contents.users, contents.user_ids

    @property
    def ordered(self) -> bool:
        """Whether the order of a history counts."""
        ages = self._items.ages
        return (ages is not None and ages.counts) or self._encoder is not None

    def of_histories(self, indptr: np.ndarray, indices: np.ndarray) -> Iterator[np.ndarray]:
        """The vector (dim,) float64 of each history in CSR, items by row, oldest first where order counts."""
        if self._encoder is not None:
            return encoded(self._encoder, self._items, indptr, indices)
        return (self._items.vector(indices[a:b]) for a, b in pairwise(indptr.tolist()))

    def of(
        self, history: Iterable[Id] | None, user: Id | None, dislikes: Iterable[Id] | None, unknown: Unknown
    ) -> Taste:
        """The vector of a user or of a history, less that of dislikes, with what it is made of."""
        checked_unknown(unknown)
        given = None if history is None else list(listed(history, "history"))
        taken = self._asked.distinct(given, "history", "item in the history", unknown, last=self.ordered)
        disliked = self._asked.distinct(dislikes, "dislikes", "disliked item", unknown)
        if len(disliked):
            taken = taken[~np.isin(taken, disliked)]
        if self._encoder is not None:
            self._check_encodable(user, given, taken, disliked)
            return Taste(encoded_one(self._encoder, self._items, taken), taken, disliked)
        if user is None:
            self._check_history(given, len(taken) + len(disliked))
            vector = self._items.vector(taken)
        elif self._users is None or self._user_ids is None:
            raise SparserecError("this file has no user table; give a history of item ids instead of a user")
        else:
            vector = row_vector(self._users, self._user_ids.index(text_of(user, "user"), "user"))
        if len(disliked):
            with np.errstate(over="ignore", invalid="ignore"):
                vector = vector - self._items.vector(disliked, aged=False)
        return Taste(vector, taken, disliked)

    def _check_encodable(
        self, user: Id | None, given: list[str] | None, taken: np.ndarray, disliked: np.ndarray
    ) -> None:
        """Raises SparserecError where a transformer has nothing to make a vector of."""
        if user is not None:
            raise SparserecError("this file has no user table; give a history of item ids instead of a user")
        if len(disliked) and not len(taken):
            raise SparserecError(
                "this file makes tastes with a transformer, of what was taken alone: give a history with an id that is "
                "not disliked"
            )
        self._check_history(given, len(taken))

    def _check_history(self, given: list[str] | None, known: int) -> None:
        """Raises SparserecError where nothing is known of a user but the ids `given`, of which `known` have rows."""
        if known:
            return
        if given is None:
            raise SparserecError("give a history of item ids" + (" or a user" if self._users is not None else ""))
        if not given:
            raise SparserecError("the history is empty; give at least one item id, or ask popular() for no history")
        raise SparserecError(
            f"none of the {len(given)} ids of the history is among the {self._items.n} known; "
            "popular() needs no history"
        )
