"""A recommender on the device: opens one file, answers by raw id."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, overload

import numpy as np

from sparserec.artefact import patch as patches
from sparserec.artefact.reader import Artefact, DecodedTable, read
from sparserec.artefact.reader import read_bytes as artefact_of
from sparserec.artefact.schema import ModelCard
from sparserec.device.explain import Recommendation
from sparserec.device.matrix import Matrix, row_vector
from sparserec.device.postings import ByRow, Postings
from sparserec.device.shortlist import Shortlist
from sparserec.device.topk import top_k
from sparserec.errors import SparserecError
from sparserec.files import read_bytes, write_bytes
from sparserec.vocabulary import Ids

Id = str | int
"""A raw id; a number stands for its digits."""


@dataclass(frozen=True)
class Contents:
    """What a recommender keeps of an artefact, whose decoded item rows can then go.

    Attributes:
        card: the model card.
        items: the item table, by row when it is sparse.
        factors: of the items, or None.
        users: the user rows, or None.
        item_ids: raw ids of the items.
        user_ids: raw ids of the users, or None.
    """

    card: ModelCard
    items: ByRow | DecodedTable
    factors: np.ndarray | None
    users: DecodedTable | None
    item_ids: Ids
    user_ids: Ids | None

    @classmethod
    def of(cls, artefact: Artefact, *, reuse: bool = False) -> Contents:
        """Take from a checked artefact what is needed; with `reuse`, its item rows can't be used afterwards."""
        rows = artefact.items
        items = rows if rows.dense else ByRow(rows, reuse=reuse)
        return cls(artefact.card, items, rows.factors, artefact.users, artefact.item_ids, artefact.user_ids)


class Recommender:
    """Recommends from an exported file. Open one with `Recommender.open`; it is safe to share between threads.

    Args:
        source: a checked artefact, or what is kept of one.
        path: of its file, which `apply` reads again.
    """

    def __init__(self, source: Artefact | Contents, path: Path | None = None):
        contents = Contents.of(source) if isinstance(source, Artefact) else source
        self._path = path
        self._card, self._users = contents.card, contents.users
        self._item_ids, self._user_ids = contents.item_ids, contents.user_ids
        self._items = Postings(contents.items) if isinstance(contents.items, ByRow) else Matrix(contents.items)
        self._factors = None if contents.factors is None else contents.factors.astype(np.float32)
        self._shortlist = None
        if isinstance(self._items, Postings) and self._factors is None:
            self._shortlist = Shortlist(self._items)

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, verify_digest: bool = True) -> Recommender:
        """Open a file that `sparserec export` wrote; everything in it is checked before use.

        Args:
            path: the file.
            verify_digest: also compare the SHA-256 over the tensors with the one in the model card.

        Raises:
            SparserecError: when the file is missing, cut off, tampered with or of another format version.
        """
        contents = Contents.of(read(path, verify_digest=verify_digest, keep_tensors=False), reuse=True)
        return cls(contents, Path(path))

    @property
    def card(self) -> ModelCard:
        """What the file says about itself."""
        return self._card

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return self._card.n_items

    @property
    def n_users(self) -> int:
        """Users with a row of their own; 0 when all users come from histories."""
        return self._card.n_users

    @property
    def has_users(self) -> bool:
        """Whether the file holds a user table."""
        return self._users is not None

    @property
    def item_ids(self) -> list[str]:
        """Raw ids of the items in the order of their rows."""
        return self._item_ids.to_list()

    @property
    def user_ids(self) -> list[str]:
        """Raw ids of the users in the order of their rows; empty without a user table."""
        return self._user_ids.to_list() if self._user_ids is not None else []

    @property
    def nbytes(self) -> int:
        """Memory of the scoring structure in bytes, beside the ids."""
        return self._items.nbytes

    @overload
    def recommend(
        self,
        history: Sequence[Id] | None = None,
        user: Id | None = None,
        k: int = 20,
        exclude: Iterable[Id] = (),
        candidates: Iterable[Id] | None = None,
        explain: Literal[False] = False,
    ) -> list[tuple[str, float]]: ...

    @overload
    def recommend(
        self,
        history: Sequence[Id] | None = None,
        user: Id | None = None,
        k: int = 20,
        exclude: Iterable[Id] = (),
        candidates: Iterable[Id] | None = None,
        *,
        explain: Literal[True],
    ) -> list[Recommendation]: ...

    def recommend(
        self,
        history: Sequence[Id] | None = None,
        user: Id | None = None,
        k: int = 20,
        exclude: Iterable[Id] = (),
        candidates: Iterable[Id] | None = None,
        explain: bool = False,
    ) -> list[tuple[str, float]] | list[Recommendation]:
        """The k best items, best first; ties go to the item that comes first in the file.

        Args:
            history: raw ids of items the user took; they are never recommended. Without `user` the user's vector is
                made of them.
            user: raw id of a user with a row in the file.
            k: how many items, at least 1; fewer come back when fewer are left.
            exclude: raw ids that are not to be recommended.
            candidates: when given, only these are ranked.
            explain: say what each item of the history adds to each score. Only where the vector is made of the history.

        Returns:
            pairs of raw item id and score; with `explain`, `Recommendation`s.

        Raises:
            SparserecError: for an unknown id, an empty history without a user, k below 1, or `explain` with a user.
        """
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
            raise SparserecError(f"k must be a whole number of at least 1, not {k!r}")
        if explain and user is not None:
            raise SparserecError("a user's own row has no reasons; give a history alone to have it explained")
        taken = self._distinct(history if history is not None else (), "item in the history")
        vector = self._vector(taken, history is not None, user)
        left_out = self._distinct(exclude, "excluded item")
        left_out = np.concatenate((taken, left_out)) if len(left_out) else taken
        chosen = None if candidates is None else self._distinct(candidates, "candidate item")
        rows, scores = self._best(vector, int(k), left_out, chosen)
        names, numbers = self._item_ids.names(rows), scores.tolist()
        if not explain:
            return list(zip(names, numbers, strict=True))
        reasons = [self._reasons(taken, row) for row in rows.tolist()]
        return [Recommendation(*row) for row in zip(names, numbers, reasons, strict=True)]

    def apply(self, patch: str | os.PathLike[str], out: str | os.PathLike[str] | None = None) -> Recommender:
        """The recommender of the next file, which a patch makes of the file that this one was opened from.

        This recommender goes on as it is.

        Args:
            patch: a file that `sparserec delta` wrote.
            out: where to write the next file, atomically; may be the file of this recommender. Without it the next file
                is made in memory, and not kept.

        Raises:
            SparserecError: when the patch is for another file, cut off, damaged or of another version; then nothing is
                written.
        """
        if self._path is None:
            raise SparserecError("this recommender was not opened from a file, so there is nothing to patch")
        old = read_bytes(self._path)
        try:
            new = patches.apply(old, read_bytes(Path(patch)))
            artefact = artefact_of(new, "the file that the patch makes")
        except SparserecError as error:
            raise SparserecError(f"{os.fspath(patch)}: {error}") from None
        if out is None:
            return Recommender(artefact)
        write_bytes(Path(out), new)
        return Recommender.open(out)

    def vector(self, history: Sequence[Id] | None = None, user: Id | None = None) -> np.ndarray:
        """The vector, (dim,) float64, that `recommend` would score with; arguments as there."""
        taken = self._distinct(history if history is not None else (), "item in the history")
        return self._vector(taken, history is not None, user)

    def score(self, items: Sequence[Id], history: Sequence[Id] | None = None, user: Id | None = None) -> np.ndarray:
        """Scores of these items, (len(items),) float32; `history` and `user` as for `recommend`."""
        vector, rows = self.vector(history, user), self._rows(items, "item")
        with np.errstate(over="ignore", invalid="ignore"):  # as in `_best`
            return self._of_rows(vector, rows)

    def score_users(self, users: np.ndarray) -> np.ndarray:
        """Users by row index (B,) -> scores of all items (B, n_items) float32, for evaluation.

        Raises:
            SparserecError: when the file has no user table.
        """
        if self._users is None:
            raise SparserecError("this file has no user table; score histories instead")
        out = np.empty((len(users), self.n_items), dtype=np.float32)
        for number, user in enumerate(np.asarray(users).tolist()):
            out[number] = self._of(row_vector(self._users, user))
        return out

    def score_histories(self, indptr: np.ndarray, indices: np.ndarray) -> np.ndarray:
        """Histories in CSR, items by row index -> scores of all items (B, n_items) float32, for evaluation.

        Args:
            indptr: (B + 1,) integers.
            indices: (indptr[-1],) integers below n_items. An empty history scores 0 everywhere.
        """
        out = np.empty((len(indptr) - 1, self.n_items), dtype=np.float32)
        for number in range(len(out)):
            out[number] = self._of(self._items.vector(indices[indptr[number] : indptr[number + 1]]))
        return out

    def _best(
        self, vector: np.ndarray, k: int, left_out: np.ndarray, candidates: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the k best items and their scores; `candidates` and `left_out` are rows."""
        # A file can be made so that scores go beyond float32; they then are infinite, which is no reason to warn.
        with np.errstate(over="ignore", invalid="ignore"):
            if candidates is not None:
                rows = np.sort(candidates[~np.isin(candidates, left_out)])
                scores = _ranked(self._of_rows(vector, rows))
                best = top_k(scores, k) if len(rows) else rows
                return rows[best], scores[best]
            shortlisted = None if self._shortlist is None else self._shortlist.best(vector, k, left_out)
            if shortlisted is not None:
                return shortlisted
            scores = _ranked(self._of(vector))
            scores[left_out] = -np.inf
            best = top_k(scores, k)
            return best, scores[best]

    def _of(self, vector: np.ndarray) -> np.ndarray:
        scores = self._items.of(vector)
        if self._factors is not None:
            scores *= self._factors
        return scores

    def _of_rows(self, vector: np.ndarray, rows: np.ndarray) -> np.ndarray:
        scores = self._items.of_rows(vector, rows)
        return scores if self._factors is None else scores * self._factors[rows]

    def _reasons(self, taken: np.ndarray, row: int) -> tuple[tuple[str, float], ...]:
        """The history's rows `taken` by what they add to the score of a row, largest first."""
        parts = self._items.parts(taken, row)
        if self._factors is not None:
            parts = parts * self._factors[row]
        order = np.argsort(-parts, kind="stable")
        return tuple(zip(self._item_ids.names(taken[order]), parts[order].tolist(), strict=True))

    def _vector(self, taken: np.ndarray, has_history: bool, user: Id | None) -> np.ndarray:
        if user is not None:
            if self._users is None or self._user_ids is None:
                raise SparserecError("this file has no user table; give a history of item ids instead of a user")
            return row_vector(self._users, self._user_ids.index(str(user), "user"))
        if not has_history:
            raise SparserecError("give a history of item ids" + (" or a user" if self.has_users else ""))
        if len(taken) == 0:
            raise SparserecError("the history is empty; give at least one item id")
        return self._items.vector(taken)

    def _distinct(self, ids: Iterable[Id], kind: str) -> np.ndarray:
        """Rows of items, each once, (m,) intp."""
        if isinstance(ids, str):
            raise SparserecError(f"ids come as a list, not as one text: [{ids!r}]")
        names = list(dict.fromkeys(map(str, ids)))
        return self._item_ids.rows(names, kind) if names else np.zeros(0, dtype=np.intp)

    def _rows(self, ids: Iterable[Id], kind: str) -> np.ndarray:
        """Rows of items, (m,) intp, as often as they occur."""
        if isinstance(ids, str):
            raise SparserecError(f"ids come as a list, not as one text: [{ids!r}]")
        return self._item_ids.rows([str(name) for name in ids], kind)


def _ranked(scores: np.ndarray) -> np.ndarray:
    """Scores (n,) float32, in place, with -inf, which leaves an item out, where a score is no number."""
    np.copyto(scores, -np.inf, where=np.isnan(scores))
    return scores
