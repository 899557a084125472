"""Full-ranking evaluation: every metric at every k in one pass over the users."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sparserec.errors import SparserecError
from sparserec.evaluation.metrics import METRICS
from sparserec.evaluation.topk import mark_hits, mask_history, top_k
from sparserec.forks import start_threads
from sparserec.protocols import Histories, Scorer

BLOCK_BYTES = 24_000_000
"""A block of users is chosen so that their scores take at most this much memory."""


@dataclass(frozen=True)
class Metrics:
    """Means over the evaluated users.

    Attributes:
        values: by name, such as "recall@20".
        users: users evaluated.
        skipped: users asked for who have no relevant items.
        per_user: (users,) of each metric, in the order of the users, when asked for; coverage has none.
        rivals: what is measured beside it in the same way, by name.
        note: a few words on what was measured.
        measured_on: in words, which part, and by which model where there are several.
    """

    values: dict[str, float]
    users: int
    skipped: int
    per_user: dict[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)
    rivals: Mapping[str, Metrics] = field(default_factory=dict, repr=False, compare=False)
    note: str = field(default="", compare=False)
    measured_on: str = field(default="", compare=False)

    def __getitem__(self, name: str) -> float:
        return self.values[name]

    def as_dict(self) -> dict[str, float]:
        """The means, and how many users they are over."""
        return {**self.values, "users": self.users, "skipped": self.skipped}


def evaluate(
    scorer: Scorer,
    history: Histories,
    relevant: Histories,
    *,
    ks: Sequence[int] = (20,),
    users: np.ndarray | None = None,
    block: int | None = None,
    per_user: bool = False,
    exclude_history: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Metrics:
    """Rank all items for every user, history left out, and compare with the relevant items.

    Users without relevant items are skipped and counted. Memory is bounded by a block of users: block x n_items scores.

    Args:
        scorer: the model.
        history: what each user is known to have taken; not ranked.
        relevant: the held-out items; those from the scorer's `n_items` on are no part of the catalogue: never hit.
        ks: lengths of the list, each at least 1.
        users: (m,) int64, only these; all when None.
        block: users at a time; by default what fits `BLOCK_BYTES`. It does not change the result.
        per_user: keep each user's values too.
        exclude_history: False to rank items of the history too, where what was taken can be wanted again.
        progress: called with users done and users in all.

    Raises:
        SparserecError: when a score is not a number, ks are out of range, or nobody has relevant items.
    """
    start_threads()
    ks = sorted(set(ks))
    if not ks or ks[0] < 1:
        raise SparserecError(f"k must be at least 1, not {ks[0] if ks else 'nothing'}")
    asked = np.arange(len(relevant.indptr) - 1) if users is None else np.asarray(users, dtype=np.int64)
    count = relevant.indptr[asked + 1] - relevant.indptr[asked]
    chosen, count = asked[count > 0], count[count > 0]
    if len(chosen) == 0:
        raise SparserecError("no user has held-out items, so there is nothing to evaluate")
    block = block or max(1, BLOCK_BYTES // (4 * scorer.n_items))
    by_user = {f"{name}@{k}": np.empty(len(chosen)) for k in ks for name in METRICS}
    recommended = {k: np.zeros(scorer.n_items, dtype=bool) for k in ks}
    for first in range(0, len(chosen), block):
        part = slice(first, min(first + block, len(chosen)))
        ranked = _rank(scorer, history if exclude_history else None, chosen[part], ks[-1])
        hits = np.empty(ranked.shape, dtype=np.bool_)
        mark_hits(ranked, relevant.indptr, relevant.indices, chosen[part], hits)
        for k in ks:
            shown = ranked[:, :k].reshape(-1)
            recommended[k][shown[shown >= 0]] = True
            for name, metric in METRICS.items():
                by_user[f"{name}@{k}"][part] = metric(hits, count[part], k)
        if progress:
            progress(part.stop, len(chosen))
    values = {name: float(user_values.mean()) for name, user_values in by_user.items()}
    values |= {f"coverage@{k}": float(seen.mean()) for k, seen in recommended.items()}
    return Metrics(values, len(chosen), len(asked) - len(chosen), by_user if per_user else {})


def _rank(scorer: Scorer, history: Histories | None, users: np.ndarray, k: int) -> np.ndarray:
    scores = np.asarray(scorer.score(users), dtype=np.float32)
    if scores.shape != (len(users), scorer.n_items):
        raise SparserecError(
            f"a scorer must give scores of shape {(len(users), scorer.n_items)} for this block, it gave {scores.shape}"
        )
    # A sum is NaN if any score is; infinities of both signs would make one too, so look closer before complaining.
    if np.isnan(scores.sum()):
        bad = np.flatnonzero(np.isnan(scores).any(axis=1))
        if len(bad):
            raise SparserecError(f"the score of an item is not a number for user {int(users[bad[0]])} (row index)")
    if not scores.flags.writeable:
        scores = scores.copy()
    if history is not None:
        mask_history(scores, history.indptr, history.indices, users)
    return top_k(scores, k)
