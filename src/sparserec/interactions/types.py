"""The three types that travel: Interactions (one CSR), Dataset (what a file held) and Split (three parts)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sparserec.errors import SparserecError
from sparserec.interactions.tally import Tally
from sparserec.ties import in_order
from sparserec.vocabulary import Vocabulary

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True)
class Interactions:
    """Binary feedback in CSR: which user touched which item, and when that is known.

    Args:
        indptr: (n_users + 1,) int64, ascending; user `u` owns positions `indptr[u]:indptr[u + 1]`.
        indices: (nnz,) int32, item indices, strictly ascending within a user.
        users: ids of the rows.
        items: ids of the columns.
        timestamps: (nnz,) int64 in the unit of the file, or None.
        duplicates: repeated (user, item) pairs folded into one on reading.
        seed: orders interactions of one user at one time, where an order is needed.
    """

    indptr: np.ndarray
    indices: np.ndarray
    users: Vocabulary
    items: Vocabulary
    timestamps: np.ndarray | None = None
    duplicates: int = 0
    seed: int = 0

    @classmethod
    def of(
        cls,
        users: np.ndarray,
        items: np.ndarray,
        user_ids: Vocabulary,
        item_ids: Vocabulary,
        timestamps: np.ndarray | None = None,
    ) -> Interactions:
        """Sort index pairs into CSR and fold repeated pairs, keeping the latest timestamp of each.

        Args:
            users: (n,) integers in [0, len(user_ids)).
            items: (n,) integers in [0, len(item_ids)).
            user_ids: ids of the rows, used or not.
            item_ids: ids of the columns, used or not.
            timestamps: (n,) integers, or None.

        Raises:
            SparserecError: the arrays differ in length, or an index is out of range.
        """
        n_users, n_items = len(user_ids), len(item_ids)
        if len(users) != len(items) or (timestamps is not None and len(timestamps) != len(users)):
            raise SparserecError("users, items and timestamps must be arrays of one length")
        for name, index, size in (("users", users, n_users), ("items", items, n_items)):
            if len(index) and not (index.min() >= 0 and index.max() < size):
                raise SparserecError(f"{name} must hold indices from 0 to {size - 1}, one for each known id")
        return cls.of_keys(pair_keys(users, items, n_items), user_ids, item_ids, timestamps)

    @classmethod
    def of_keys(
        cls, keys: np.ndarray, user_ids: Vocabulary, item_ids: Vocabulary, timestamps: np.ndarray | None
    ) -> Interactions:
        """As `of`, from the keys of `pair_keys`, which it may overwrite; 32 bytes a pair at the peak.

        Args:
            keys: (n,) int64, not checked.
            user_ids, item_ids: ids of the rows and columns.
            timestamps: (n,) int64, or None.
        """
        n_users, width = len(user_ids), max(len(item_ids), 1)
        if timestamps is None:
            keys.sort()
        else:
            order = np.argsort(keys)
            keys = keys[order]
            timestamps = np.asarray(timestamps, dtype=np.int64)[order]
            del order
        first = np.ones(len(keys), dtype=bool)
        np.not_equal(keys[1:], keys[:-1], out=first[1:])
        starts = np.flatnonzero(first)
        duplicates = len(keys) - len(starts)
        if duplicates:
            keys = keys[starts]
            timestamps = None if timestamps is None else np.maximum.reduceat(timestamps, starts)
        indptr = np.searchsorted(keys, np.arange(n_users + 1, dtype=np.int64) * width).astype(np.int64)
        keys %= width
        return cls(indptr, keys.astype(np.int32), user_ids, item_ids, timestamps, duplicates)

    @classmethod
    def restored(cls, arrays: Mapping[str, np.ndarray], users: Vocabulary, items: Vocabulary) -> Interactions:
        """Interactions whose arrays were stored: `indptr`, `indices` and perhaps `timestamps`.

        Raises:
            SparserecError: they do not fit each other or the ids.
            KeyError: one is missing.
        """
        indptr, indices, times = arrays["indptr"], arrays["indices"], arrays.get("timestamps")
        fits = len(indptr) == len(users) + 1 and indptr[0] == 0 and indptr[-1] == len(indices)
        fits = fits and bool((np.diff(indptr) >= 0).all()) and (times is None or len(times) == len(indices))
        if fits and len(indices):
            rows = np.repeat(np.arange(len(users)), np.diff(indptr))
            ascending = (np.diff(pair_keys(rows, indices, len(items))) > 0).all()
            fits = indices.min() >= 0 and indices.max() < len(items) and bool(ascending)
        if not fits:
            raise SparserecError("its arrays do not fit each other")
        return cls(indptr, indices, users, items, times)

    @property
    def n_users(self) -> int:
        """Rows, users without an interaction included."""
        return len(self.users)

    @property
    def n_items(self) -> int:
        """Columns, items without an interaction included."""
        return len(self.items)

    @property
    def nnz(self) -> int:
        """Distinct (user, item) pairs."""
        return len(self.indices)

    def csr(self) -> csr_array:
        """(n_users, n_items) float32 SciPy CSR array of ones."""
        from scipy.sparse import csr_array

        ones = np.ones(self.nnz, dtype=np.float32)
        return csr_array((ones, self.indices, self.indptr), shape=(self.n_users, self.n_items))

    def rows(self) -> np.ndarray:
        """(nnz,) int64: the user index of every interaction, beside `indices`."""
        return np.repeat(np.arange(self.n_users, dtype=np.int64), self.user_degrees())

    def user_degrees(self) -> np.ndarray:
        """(n_users,) int64: interactions of each user."""
        return np.diff(self.indptr)

    def item_degrees(self) -> np.ndarray:
        """(n_items,) int64: interactions of each item."""
        return np.bincount(self.indices, minlength=self.n_items)

    def ordered(self) -> tuple[np.ndarray, np.ndarray]:
        """The items of each user, oldest first; those of one time in an order drawn from `seed`.

        The order of two items of one time depends on the user, the items and the seed alone: it is the same in a part
        and in all of a history. Item order would do harm: what is asked for would be guessed by its place in the
        catalogue.

        Returns:
            (n_users + 1,) int64, and (nnz,) int32: user `u` owns items `indptr[u]:indptr[u + 1]`.

        Raises:
            SparserecError: when they have no timestamps.
        """
        if self.timestamps is None:
            raise SparserecError("the order of histories needs timestamps, which these interactions don't have")
        return self.indptr, in_order(self.indptr, self.indices, self.timestamps, self.seed)

    def where(self, keep: np.ndarray) -> Interactions:
        """The interactions marked in `keep` (nnz,) bool, over the same vocabularies."""
        before = np.zeros(self.nnz + 1, dtype=np.int64)
        np.cumsum(keep, out=before[1:])
        times = None if self.timestamps is None else self.timestamps[keep]
        return Interactions(before[self.indptr], self.indices[keep], self.users, self.items, times, seed=self.seed)

    def fingerprint(self) -> str:
        """SHA-256 (64 hex digits) over indptr, indices and the ids, in a fixed byte order.

        Timestamps and the file's format have no part in it: the same pairs read from CSV and from Parquet
        have the same fingerprint.
        """
        digest = hashlib.sha256(b"sparserec interactions 1")
        parts = ((self.indptr, "<i8"), (self.indices, "<i4"))
        for ids in (self.users, self.items):
            parts = (*parts, (ids.offsets, "<i8"), (ids.blob, "u1"))
        for array, kind in parts:
            digest.update(len(array).to_bytes(8, "little"))
            digest.update(np.ascontiguousarray(array, dtype=kind).data)
        return digest.hexdigest()


@dataclass(frozen=True)
class Dataset:
    """What `sparserec.load` returns.

    Args:
        interactions: everything that may be trained on.
        test: a given test file, or None. Its users are those of `interactions`; so are its items, behind which those
            stand that it alone has: nothing can recommend them, so in evaluation they are missed.
        source: the file name as the caller gave it, for messages.
        timestamped: whether `interactions` has timestamps.
        reading: arguments of `load` that were given, by name; a run remembers them, so that its data can be read again.
        tally: rows read and left out, and why.
        untimed: why there are no timestamps though the file has a column of them; else empty.
        from_path: whether `source` is a path that the data can be read from again; a run keeps others itself.
    """

    interactions: Interactions
    test: Interactions | None
    source: str
    timestamped: bool
    reading: Mapping[str, Any] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    untimed: str = ""
    from_path: bool = False

    @property
    def notes(self) -> tuple[str, ...]:
        """What was read, what was left out and why, and what may surprise; a sentence each."""
        notes = self.tally.sentences() if self.tally.rows else []
        if self.untimed:
            notes.append(f"read without timestamps: {self.untimed}")
        if self.test is not None and self.test.n_items > self.interactions.n_items:
            notes.append(_unknown_words(self.test, self.interactions.n_items))
        if self.test is not None and (shared := overlap(self.interactions, self.test)):
            notes.append(
                f"{shared:,} of {self.test.nnz:,} pairs of the test part stand in the training part too: they are "
                "never recommended, since known items are left out, and count as misses"
            )
        return tuple(notes)


@dataclass(frozen=True)
class Split:
    """Three disjoint parts over the same two vocabularies; a given test part may have more items, see `Dataset`.

    Args:
        train: what the model learns from.
        valid: what choices are made on.
        test: what the reported number is computed on; never looked at before.
        kind: none, given, random, latest, leave-last or global-time.
        seed: the seed that it was drawn with.
        validation: random or latest; empty for leave-last, whose validation is its own, and where it isn't known.
        said: sentences on how it was cut: which part choices are made on, and why times were left out of account.
    """

    train: Interactions
    valid: Interactions
    test: Interactions
    kind: str
    seed: int
    validation: str = ""
    said: tuple[str, ...] = ()

    @property
    def judges_next(self) -> bool:
        """Whether the validation part is what came last: only such a part can tell whether order counts."""
        return self.kind == "leave-last" or self.validation == "latest"

    @property
    def notes(self) -> tuple[str, ...]:
        """How validation was cut, and what may surprise; a sentence each."""
        if self.kind != "global-time" or not self.valid.nnz:
            return self.said
        return (
            *self.said,
            "the test part is what came after one moment; the validation part is the newest of each drawn user, at "
            "whatever time",
        )

    def history(self, part: str) -> Interactions:
        """What is known of the users when `part` is judged: train for valid, train and valid for test.

        Raises:
            SparserecError: `part` is neither "valid" nor "test".
        """
        if part == "valid":
            return self.train
        if part == "test":
            return _union((self.train, self.valid))
        raise SparserecError(f"part must be 'valid' or 'test', not {part!r}")

    def _known_test(self) -> Interactions:
        """The test part over the vocabularies of the others."""
        if self.test.n_items == self.train.n_items:
            return self.test
        return replace(self.test.where(self.test.indices < self.train.n_items), items=self.train.items)

    def joined(self) -> Interactions:
        """All three parts together, without items that a test file alone has."""
        return _union((self.train, self.valid, self._known_test()))

    def fingerprint(self) -> str:
        """SHA-256 (64 hex digits) over the fingerprints of the parts, without items that a test file alone has."""
        parts = "".join(part.fingerprint() for part in (self.train, self.valid, self._known_test()))
        return hashlib.sha256(f"sparserec split 1{parts}".encode()).hexdigest()


def overlap(data: Interactions, other: Interactions) -> int:
    """Pairs that stand in both; the items of one are the first of those of the other, or as many."""
    width = max(data.n_items, other.n_items)
    keys = pair_keys(data.rows(), data.indices, width)
    asked = pair_keys(other.rows(), other.indices, width)
    at = np.searchsorted(keys, asked)
    return int(np.count_nonzero(keys[np.minimum(at, len(keys) - 1)] == asked)) if len(keys) else 0


def _unknown_words(test: Interactions, known: int) -> str:
    """A sentence on the items of a test file behind the first `known`, of which training knows nothing."""
    items, pairs = test.n_items - known, int(np.count_nonzero(test.indices >= known))
    return (
        f"{items:,} item{'s' * (items != 1)} of the test part, with {pairs:,} of its {test.nnz:,} pairs, "
        f"{'are' if items != 1 else 'is'} in no training interaction: nothing can recommend such items, so they are no "
        "part of a model and count as misses"
    )


def pair_keys(users: np.ndarray, items: np.ndarray, n_items: int) -> np.ndarray:
    """(n,) int64, one integer a (user, item) pair: sorting them sorts by user, then by item."""
    keys = np.asarray(users).astype(np.int64)
    keys *= max(n_items, 1)
    keys += items
    return keys


def _union(parts: Iterable[Interactions]) -> Interactions:
    """All interactions of several parts over the same vocabularies."""
    parts = tuple(parts)
    users = np.concatenate([part.rows() for part in parts])
    items = np.concatenate([part.indices for part in parts])
    times = [part.timestamps for part in parts if part.timestamps is not None]
    joined = np.concatenate(times) if len(times) == len(parts) else None
    union = Interactions.of(users, items, parts[0].users, parts[0].items, joined)
    return replace(union, seed=parts[0].seed)
