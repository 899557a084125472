"""A recommender on the device: opens one file, answers by raw id."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import numpy as np

from sparserec.artefact.reader import Artefact, read
from sparserec.artefact.schema import ModelCard
from sparserec.device.postings import Matrix, Postings, Scores, row_vector, sum_of_rows
from sparserec.errors import SparserecError


class Recommender:
    """Recommends from an exported file. Open one with `Recommender.open`; it is safe to share between threads.

    Args:
        artefact: a checked artefact.
    """

    def __init__(self, artefact: Artefact):
        self._artefact = artefact
        self._scores: Scores = Matrix(artefact.items) if artefact.items.dense else Postings(artefact.items)
        factors = artefact.items.factors
        self._factors = None if factors is None else factors.astype(np.float32)

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, verify_digest: bool = True) -> Recommender:
        """Open a file that `sparserec export` wrote; everything in it is checked before use.

        Args:
            path: the file.
            verify_digest: also compare the SHA-256 over the tensors with the one in the model card.

        Raises:
            SparserecError: when the file is missing, cut off, tampered with or of another format version.
        """
        return cls(read(path, verify_digest=verify_digest))

    @property
    def card(self) -> ModelCard:
        """What the file says about itself."""
        return self._artefact.card

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return self._artefact.items.n

    @property
    def n_users(self) -> int:
        """Users with a row of their own; 0 when all users come from histories."""
        return self._artefact.users.n if self._artefact.users is not None else 0

    @property
    def has_users(self) -> bool:
        """Whether the file holds a user table."""
        return self._artefact.users is not None

    @property
    def item_ids(self) -> list[str]:
        """Raw ids of the items in the order of their rows."""
        return self._artefact.item_ids.to_list()

    @property
    def user_ids(self) -> list[str]:
        """Raw ids of the users in the order of their rows; empty without a user table."""
        return self._artefact.user_ids.to_list() if self._artefact.user_ids is not None else []

    @property
    def nbytes(self) -> int:
        """Memory of the scoring structure in bytes, beside the mapped file."""
        return self._scores.nbytes

    def recommend(
        self,
        history: Sequence[str | int] | None = None,
        user: str | int | None = None,
        k: int = 20,
        exclude: Iterable[str | int] = (),
        candidates: Iterable[str | int] | None = None,
    ) -> list[tuple[str, float]]:
        """The k best items, best first; ties go to the item that comes first in the file.

        Args:
            history: raw ids of items the user took; they are never recommended. Without `user` the user's vector is
                made of them.
            user: raw id of a user with a row in the file.
            k: how many items, at least 1; fewer come back when fewer are left.
            exclude: raw ids that are not to be recommended.
            candidates: when given, only these are ranked.

        Returns:
            pairs of raw item id and score.

        Raises:
            SparserecError: for an unknown id, an empty history without a user, or k below 1.
        """
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
            raise SparserecError(f"k must be a whole number of at least 1, not {k!r}")
        taken = self._items(history if history is not None else (), "item in the history")
        scores = self._of(self._vector(taken, history is not None, user))
        if candidates is not None:
            others = np.ones(self.n_items, dtype=bool)
            others[self._items(candidates, "candidate item")] = False
            scores[others] = -np.inf
        scores[taken] = -np.inf
        scores[self._items(exclude, "excluded item")] = -np.inf
        best = _top_k(scores, int(k))
        return [(self._artefact.item_ids[int(item)], float(scores[item])) for item in best]

    def vector(self, history: Sequence[str | int] | None = None, user: str | int | None = None) -> np.ndarray:
        """The vector, (dim,) float64, that `recommend` would score with; arguments as there."""
        taken = self._items(history if history is not None else (), "item in the history")
        return self._vector(taken, history is not None, user)

    def score(
        self,
        items: Sequence[str | int],
        history: Sequence[str | int] | None = None,
        user: str | int | None = None,
    ) -> np.ndarray:
        """Scores of these items, (len(items),) float32; `history` and `user` as for `recommend`."""
        return self._of(self.vector(history, user))[self._rows(items, "item")]

    def score_users(self, users: np.ndarray) -> np.ndarray:
        """Users by row index (B,) -> scores of all items (B, n_items) float32, for evaluation.

        Raises:
            SparserecError: when the file has no user table.
        """
        rows = self._artefact.users
        if rows is None:
            raise SparserecError("this file has no user table; score histories instead")
        out = np.empty((len(users), self.n_items), dtype=np.float32)
        for number, user in enumerate(np.asarray(users).tolist()):
            out[number] = self._of(row_vector(rows, user))
        return out

    def score_histories(self, indptr: np.ndarray, indices: np.ndarray) -> np.ndarray:
        """Histories in CSR, items by row index -> scores of all items (B, n_items) float32, for evaluation.

        Args:
            indptr: (B + 1,) integers.
            indices: (indptr[-1],) integers below n_items. An empty history scores 0 everywhere.
        """
        out = np.empty((len(indptr) - 1, self.n_items), dtype=np.float32)
        for number in range(len(out)):
            out[number] = self._of(sum_of_rows(self._artefact.items, indices[indptr[number] : indptr[number + 1]]))
        return out

    def _of(self, vector: np.ndarray) -> np.ndarray:
        scores = self._scores.of(vector)
        if self._factors is not None:
            scores *= self._factors
        return scores

    def _vector(self, taken: np.ndarray, has_history: bool, user: str | int | None) -> np.ndarray:
        artefact = self._artefact
        if user is not None:
            if artefact.users is None or artefact.user_ids is None:
                raise SparserecError("this file has no user table; give a history of item ids instead of a user")
            return row_vector(artefact.users, artefact.user_ids.index(str(user), "user"))
        if not has_history:
            raise SparserecError("give a history of item ids" + (" or a user" if self.has_users else ""))
        if len(taken) == 0:
            raise SparserecError("the history is empty; give at least one item id")
        return sum_of_rows(artefact.items, taken)

    def _items(self, ids: Iterable[str | int], kind: str) -> np.ndarray:
        """Rows of items, each once."""
        return np.array(list(dict.fromkeys(self._rows(ids, kind).tolist())), dtype=np.int64)

    def _rows(self, ids: Iterable[str | int], kind: str) -> np.ndarray:
        if isinstance(ids, str):
            raise SparserecError(f"ids come as a list, not as one text: [{ids!r}]")
        index = self._artefact.item_ids.index
        return np.array([index(str(name), kind) for name in ids], dtype=np.int64)


def _top_k(scores: np.ndarray, k: int) -> np.ndarray:
    """Indices of the k largest scores above -inf, best first; among equal ones the lowest index first."""
    k = min(k, len(scores))
    bound = np.partition(scores, len(scores) - k)[len(scores) - k]
    near = np.flatnonzero(scores >= bound) if bound > -np.inf else np.flatnonzero(scores > -np.inf)
    return near[np.argsort(-scores[near], kind="stable")][:k]
