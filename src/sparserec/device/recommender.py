"""A recommender on the device: opens one file, answers by raw id."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, overload

import numpy as np

from sparserec.artefact import patch as patches
from sparserec.artefact.container import path_of, path_to_read
from sparserec.artefact.reader import Artefact, read
from sparserec.artefact.reader import read_bytes as artefact_of
from sparserec.artefact.schema import ModelCard
from sparserec.device.contents import Contents
from sparserec.device.encoder import HistoryEncoder
from sparserec.device.explain import Recommendation
from sparserec.device.ids import Id, ItemIds, Unknown, checked_count
from sparserec.device.matrix import Matrix, row_vector, rows_sum
from sparserec.device.postings import ByRow, Postings
from sparserec.device.shortlist import Shortlist
from sparserec.device.standing import has_item_columns, resemblance, standing
from sparserec.device.taste import Taste, Tastes
from sparserec.device.topk import top_k
from sparserec.errors import SparserecError, option
from sparserec.files import read_bytes, write_bytes


class Recommender:
    """Recommends from an exported file. Open one with `Recommender.open`; it is safe to share between threads.

    Args:
        source: a checked artefact, or what is kept of one.
        path: of its file, which `apply` reads again; None where it can't be.
    """

    def __init__(self, source: Artefact | Contents, path: Path | None = None):
        contents = Contents.of(source) if isinstance(source, Artefact) else source
        self._path = path
        self._card, self._users = contents.card, contents.users
        self._item_ids, self._user_ids = contents.item_ids, contents.user_ids
        self._asked = ItemIds(contents.item_ids)
        self._items = Postings(contents.items) if isinstance(contents.items, ByRow) else Matrix(contents.items)
        self._encoder = None if contents.encoder is None else HistoryEncoder(contents.encoder)
        self._tastes = Tastes(contents, self._asked, self._items, self._encoder)
        self._factors = None if contents.factors is None else contents.factors.astype(np.float32)
        self._shortlist = None
        if isinstance(self._items, Postings) and self._factors is None:
            self._shortlist = Shortlist(self._items)

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, verify_digest: bool = True) -> Recommender:
        """Open a file that `sparserec export` wrote; everything in it is checked before use.

        Args:
            path: the file. What comes through a pipe is read to its end, and can't be patched.
            verify_digest: also compare the SHA-256 over the tensors with the one in the model card.

        Raises:
            SparserecError: when the file is missing, cut off, tampered with or of another format version.
        """
        contents = Contents.of(read(path, verify_digest=verify_digest, keep_tensors=False), reuse=True)
        file = Path(path)
        return cls(contents, file.absolute() if file.is_file() else None)

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
    def ordered(self) -> bool:
        """Whether the order of a history counts: the file says what age does, or has a transformer."""
        return self._tastes.ordered

    @property
    def explains(self) -> bool:
        """Whether recommendations have reasons item by item, as sums over a history do and a transformer does not."""
        return self._encoder is None

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
        return self._items.nbytes + (0 if self._encoder is None else self._encoder.nbytes)

    def has_item(self, name: Id) -> bool:
        """Whether an item is in the file."""
        return self._asked.has(name)

    def unknown_items(self, ids: Iterable[Id] | None) -> list[str]:
        """Those of these ids that the file does not have, each once: what `unknown="ignore"` leaves out."""
        return self._asked.lacking(ids)

    @overload
    def recommend(
        self,
        history: Iterable[Id] | None = None,
        user: Id | None = None,
        k: int = 20,
        exclude: Iterable[Id] | None = (),
        candidates: Iterable[Id] | None = None,
        explain: Literal[False] = False,
        *,
        dislikes: Iterable[Id] | None = (),
        exclude_history: bool = True,
        unknown: Unknown = "error",
    ) -> list[tuple[str, float]]: ...

    @overload
    def recommend(
        self,
        history: Iterable[Id] | None = None,
        user: Id | None = None,
        k: int = 20,
        exclude: Iterable[Id] | None = (),
        candidates: Iterable[Id] | None = None,
        *,
        explain: Literal[True],
        dislikes: Iterable[Id] | None = (),
        exclude_history: bool = True,
        unknown: Unknown = "error",
    ) -> list[Recommendation]: ...

    def recommend(
        self,
        history: Iterable[Id] | None = None,
        user: Id | None = None,
        k: int = 20,
        exclude: Iterable[Id] | None = (),
        candidates: Iterable[Id] | None = None,
        explain: bool = False,
        *,
        dislikes: Iterable[Id] | None = (),
        exclude_history: bool = True,
        unknown: Unknown = "error",
    ) -> list[tuple[str, float]] | list[Recommendation]:
        """The k best items, best first; ties go to the item that comes first in the file.

        Args:
            history: raw ids of items the user took, oldest first. Without `user` the user's vector is made of them.
                Their order counts where the file is `ordered`: an item is as old as there are items after it, and one
                that is there twice stands where it stands last. In other files it makes no difference. A file with a
                transformer looks at the newest ones alone, as many as it was trained with; all are left out.
            user: raw id of a user with a row in the file.
            k: how many items, at least 1; fewer come back when fewer are left.
            exclude: raw ids that are not to be recommended.
            candidates: when given, only these are ranked.
            explain: say what each item of the history, and each disliked one, adds to each score. Only where the vector
                is made of them, and the file `explains`.
            dislikes: raw ids of items the user does not like: what they would add to the vector as part of a history is
                subtracted, as if each were the newest. They are never recommended. An id that is in the history too
                counts as disliked alone, and makes no other older. In a file with a transformer nothing is subtracted:
                what is disliked is left out of the history and of what is recommended.
            exclude_history: whether items of the history are left out. False where what was taken can be wanted again,
                as groceries and music are.
            unknown: "error", or "ignore" to leave out ids of `history`, `dislikes`, `exclude` and `candidates` that the
                file does not have; `unknown_items` tells them. They make no other item older. A `user` must always be
                known.

        Returns:
            pairs of raw item id and score; with `explain`, `Recommendation`s.

        Raises:
            SparserecError: for an unknown id, a history of which nothing is known without a user, k below 1, or
                `explain` with a user or of a file that does not.
        """
        k = checked_count(k)
        if explain and not self.explains:
            raise SparserecError(
                "this file makes tastes with a transformer, which gives no reasons item by item; ask without "
                + option("explain", True)
            )
        if explain and user is not None:
            raise SparserecError("a user's own row has no reasons; give a history alone to have it explained")
        taste = self._tastes.of(history, user, dislikes, unknown)
        left_out = [self._asked.distinct(exclude, "exclude", "excluded item", unknown), taste.dislikes]
        if exclude_history:
            left_out.append(taste.history)
        rows, scores = self._best(taste.vector, k, np.concatenate(left_out), self._candidates(candidates, unknown))
        if not explain:
            return self._named(rows, scores)
        reasons = [self._reasons(taste, row) for row in rows.tolist()]
        pairs = zip(self._named(rows, scores), reasons, strict=True)
        return [Recommendation(name, score, because) for (name, score), because in pairs]

    def popular(
        self,
        k: int = 20,
        *,
        exclude: Iterable[Id] | None = (),
        candidates: Iterable[Id] | None = None,
        unknown: Unknown = "error",
    ) -> list[tuple[str, float]]:
        """What most people took, as far as the file knows: for somebody without a history.

        Of files with history factors those with the smallest come first, since training gives what many took a small
        one; with a user table, what scores highest for all users together; with item columns, what scores highest for a
        history of all items of one age, that is, what all items together lead to; with a transformer, what scores
        highest for the state about which all others lie, the shift of its last norm; else the longest rows. Ties go to
        the longer row, then to the item that comes first in the file.

        Args:
            k: how many items, at least 1; fewer come back when fewer are left.
            exclude: raw ids that are not wanted.
            candidates: when given, only these are ranked.
            unknown: as for `recommend`.

        Returns:
            pairs of raw item id and a number that falls along the list; only its order has a meaning.

        Raises:
            SparserecError: for an unknown id, or k below 1.
        """
        k = checked_count(k)
        left_out = self._asked.distinct(exclude, "exclude", "excluded item", unknown)
        rows = self._left(left_out, candidates, unknown)
        numbers, lengths = self._standing()
        best = rows[np.lexsort((rows, -lengths[rows], -numbers[rows]))[:k]]
        return self._named(best, numbers[best])

    def similar(
        self,
        item: Id,
        k: int = 20,
        *,
        exclude: Iterable[Id] | None = (),
        candidates: Iterable[Id] | None = None,
        unknown: Unknown = "error",
    ) -> list[tuple[str, float]]:
        """Items whose rows are like that of an item, most alike first; ties go to the one that comes first in the file.

        Alike is the inner product of both rows, divided by the square roots of their lengths: halfway between the inner
        product, which favours what everybody took, and the cosine, which favours what hardly anybody took. In files
        with item columns, what each of both adds to the score of the other as the newest of a history, half and half,
        takes the place of the inner product.

        Args:
            item: a raw id, which must be known.
            k: how many items, at least 1; fewer come back when fewer are left.
            exclude: raw ids that are not wanted; the item itself never is.
            candidates: when given, only these are ranked.
            unknown: for `exclude` and `candidates`, as for `recommend`.

        Returns:
            pairs of raw item id and how alike it is.

        Raises:
            SparserecError: for an unknown id, or k below 1.
        """
        k = checked_count(k)
        row = self._asked.row(item, "item")
        left_out = np.concatenate((row, self._asked.distinct(exclude, "exclude", "excluded item", unknown)))
        rows = self._left(left_out, candidates, unknown)
        alike = resemblance(self._items, int(row[0]))
        best = rows[np.argsort(-alike[rows], kind="stable")[:k]]
        return self._named(best, alike[best])

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
            raise SparserecError(
                "this recommender was not opened from a file that can be read again, so there is nothing to patch"
            )
        change, target = path_to_read(patch), None if out is None else path_of(out)
        old, edits = read_bytes(self._path), read_bytes(change)
        try:
            new = patches.apply(old, edits)
            artefact = artefact_of(new, "the file that the patch makes")
        except SparserecError as error:
            raise SparserecError(f"{change}: {error}") from None
        if target is None:
            return Recommender(artefact)
        write_bytes(target, new)
        return Recommender.open(target)

    def vector(
        self,
        history: Iterable[Id] | None = None,
        user: Id | None = None,
        *,
        dislikes: Iterable[Id] | None = (),
        unknown: Unknown = "error",
    ) -> np.ndarray:
        """The vector, (dim,) float64, that `recommend` would score with; arguments as there."""
        return self._tastes.of(history, user, dislikes, unknown).vector

    def score(
        self,
        items: Iterable[Id],
        history: Iterable[Id] | None = None,
        user: Id | None = None,
        *,
        dislikes: Iterable[Id] | None = (),
        unknown: Unknown = "error",
    ) -> np.ndarray:
        """Scores of these items, (len(items),) float32; each must be known, all else as for `recommend`."""
        vector = self._tastes.of(history, user, dislikes, unknown).vector
        rows = self._asked.rows(items, "items", "item")
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
            indices: (indptr[-1],) integers below n_items, none twice in a history; oldest first where the file is
                `ordered`. An empty history scores 0 everywhere.
        """
        out = np.empty((len(indptr) - 1, self.n_items), dtype=np.float32)
        for number, vector in enumerate(self._tastes.of_histories(indptr, indices)):
            out[number] = self._of(vector)
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

    def _reasons(self, taste: Taste, row: int) -> tuple[tuple[str, float], ...]:
        """What was taken and what is disliked, by what it adds to the score of a row, largest first."""
        rows = np.concatenate((taste.history, taste.dislikes))
        parts = np.concatenate(
            (self._items.parts(taste.history, row), -self._items.parts(taste.dislikes, row, aged=False))
        )
        if self._factors is not None:
            parts = parts * self._factors[row]
        order = np.argsort(-parts, kind="stable")
        return tuple(zip(self._asked.names(rows[order]), parts[order].tolist(), strict=True))

    def _candidates(self, candidates: Iterable[Id] | None, unknown: Unknown) -> np.ndarray | None:
        return None if candidates is None else self._asked.distinct(candidates, "candidates", "candidate item", unknown)

    def _left(self, left_out: np.ndarray, candidates: Iterable[Id] | None, unknown: Unknown) -> np.ndarray:
        """Rows that can be answered, ascending."""
        chosen = self._candidates(candidates, unknown)
        rows = np.arange(self.n_items) if chosen is None else np.sort(chosen)
        return rows[~np.isin(rows, left_out)]

    def _standing(self) -> tuple[np.ndarray, np.ndarray]:
        """What `popular` orders items by, and the lengths of their rows, (n,) float64 both."""
        if self._encoder is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                return self._of(self._encoder.usual).astype(np.float64), self._items.lengths()
        if self._items.history_factors is None and self._users is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                return self._of(rows_sum(self._users)).astype(np.float64), self._items.lengths()
        if isinstance(self._items, Postings) and self._items.history_factors is None and has_item_columns(self._items):
            with np.errstate(over="ignore", invalid="ignore"):
                return self._of(self._items.everything()).astype(np.float64), self._items.lengths()
        return standing(self._items)

    def _named(self, rows: np.ndarray, numbers: np.ndarray) -> list[tuple[str, float]]:
        return list(zip(self._asked.names(rows), numbers.tolist(), strict=True))


def _ranked(scores: np.ndarray) -> np.ndarray:
    """Scores (n,) float32, in place, with -inf, which leaves an item out, where a score is no number."""
    np.copyto(scores, -np.inf, where=np.isnan(scores))
    return scores
