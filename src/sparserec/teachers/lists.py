"""What a teacher would recommend to each user: the top of its ranking, computed once and kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sparserec.errors import SparserecError
from sparserec.evaluation import mask_history, top_k
from sparserec.files import replacing
from sparserec.protocols import Histories, Scorer

BLOCK = 512
"""Users scored at a time: memory is bounded by this many rows of scores."""


@dataclass(frozen=True)
class TeacherLists:
    """The top of a teacher's ranking for some users or all, items of the history left out.

    Attributes:
        users: (m,) int64, whose the lists are, ascending.
        items: (m, length) int32, best first.
        scores: (m, length) float32, descending; the lowest bounds the scores of all items that are not listed.
    """

    users: np.ndarray
    items: np.ndarray
    scores: np.ndarray

    @property
    def length(self) -> int:
        """Items in a list."""
        return self.items.shape[1]


def write_lists(
    path: Path,
    scorer: Scorer,
    history: Histories,
    length: int,
    progress: Callable[[int, int], None] | None = None,
    users: np.ndarray | None = None,
) -> TeacherLists:
    """Rank for users and stream the lists to `path`, a block of users at a time; then open them.

    Args:
        path: of one .npy file of (m, length) records.
        scorer: the teacher.
        history: of every user; its items are never listed.
        length: items in a list; cut to what every one of the users can be given.
        progress: called with users done and users in all.
        users: (m,) int64 ascending, whom to rank for; all when not given.
    """
    degrees = np.diff(history.indptr)
    users = np.arange(len(degrees)) if users is None else users
    longest = int(np.max(degrees[users], initial=0))
    length = min(length, scorer.n_items - longest)
    if length < 1:
        raise SparserecError("a user has taken every item, so a teacher has nothing to rank for them")
    with replacing(path) as part, part.open("wb") as file:
        np.lib.format.write_array_header_2_0(
            file, {"descr": RECORD.descr, "fortran_order": False, "shape": (len(users), length)}
        )
        for first in range(0, len(users), BLOCK):
            some = users[first : first + BLOCK]
            scores = np.asarray(scorer.score(some), dtype=np.float32)
            mask_history(scores, history.indptr, history.indices, some)
            block = np.empty((len(some), length), dtype=RECORD)
            block["item"] = top_k(scores, length)
            block["score"] = np.take_along_axis(scores, block["item"].astype(np.int64), axis=1)
            file.write(block.data)
            if progress:
                progress(first + len(some), len(users))
    return open_lists(path, users, scorer.n_items)


RECORD = np.dtype([("item", "<i4"), ("score", "<f4")])


def open_lists(path: Path, users: np.ndarray, n_items: int) -> TeacherLists:
    """Open lists of these users by memory map. Raises SparserecError when the file is not theirs, of this catalogue."""
    try:
        # Never pickled, and nothing but an .npy file. Its header is parsed as Python, which fails in many ways.
        records = np.lib.format.open_memmap(path, mode="r")
    except Exception as error:
        raise SparserecError(f"{path}: not readable as teacher lists ({error})") from None
    if records.dtype != RECORD or records.ndim != 2 or len(records) != len(users) or records.shape[1] < 1:
        raise SparserecError(f"{path}: not the teacher lists of {len(users)} users")
    lists = TeacherLists(users, records["item"], records["score"])
    for first in range(0, len(users), 4096):
        items, scores = lists.items[first : first + 4096], lists.scores[first : first + 4096]
        if items.size and (items.min() < 0 or items.max() >= n_items or not np.isfinite(scores).all()):
            raise SparserecError(f"{path}: teacher lists name items that do not exist, or scores that are not finite")
    return lists
