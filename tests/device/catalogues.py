"""Small catalogues whose scores are exact in any order of summation, and the same computed plainly."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from sparserec.artefact import TableData, write
from sparserec.device import Recommender
from sparserec.vocabulary import Vocabulary


def as_csr(matrix: np.ndarray) -> TableData:
    """The entries of a matrix that are not 0."""
    rows, columns = np.nonzero(matrix)
    indptr = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=len(matrix)))))
    return TableData(indptr, columns, matrix[rows, columns], matrix.shape[1])


@dataclass(frozen=True)
class Catalogue:
    """A model as plain matrices; item `i` has the id str(i), user `u` has "user u"."""

    items: np.ndarray
    users: np.ndarray | None
    factors: np.ndarray | None
    history_factors: np.ndarray | None
    dense: bool
    values_dtype: str

    def open(self, path: Path) -> Recommender:
        more = {}
        if self.users is not None:
            ids = Vocabulary.of(f"user {u}" for u in range(len(self.users)))
            more = {"users": self.users if self.dense else as_csr(self.users), "user_ids": ids}
        write(
            path,
            items=self.items if self.dense else as_csr(self.items),
            item_ids=Vocabulary.of(map(str, range(len(self.items)))),
            item_factors=self.factors,
            history_factors=self.history_factors,
            values_dtype=self.values_dtype,
            **more,
        )
        return Recommender.open(path)

    def vector(self, history: list[int] | None = None, user: int | None = None) -> np.ndarray:
        if user is not None:
            return self.users[user].astype(float)
        factors = np.ones(len(self.items)) if self.history_factors is None else self.history_factors
        return sum(factors[i] * self.items[i].astype(float) for i in dict.fromkeys(history))

    def scores(self, history: list[int] | None = None, user: int | None = None) -> np.ndarray:
        inner = (self.items.astype(float) @ self.vector(history, user)).astype(np.float32)
        return inner if self.factors is None else inner * self.factors.astype(np.float32)

    def best(self, scores: np.ndarray, k: int, left_out: set[int]) -> list[tuple[str, float]]:
        ranked = sorted(set(range(len(scores))) - left_out, key=lambda i: (-scores[i], i))
        return [(str(i), float(scores[i])) for i in ranked[:k]]


@st.composite
def catalogues(draw, with_users: bool | None = None) -> Catalogue:
    """Entries are small multiples of 1/8, and every column's int8 scale is exactly 1/8."""
    dim, n_items, n_users = draw(st.integers(1, 6)), draw(st.integers(1, 10)), draw(st.integers(1, 4))
    values_dtype = draw(st.sampled_from(["int8", "float16"]))

    def matrix(n: int) -> np.ndarray:
        codes = draw(st.lists(st.integers(-3, 3), min_size=n * dim, max_size=n * dim))
        table = np.array(codes, dtype=np.float32).reshape(n, dim) / 8
        table[:, 0] += np.float32(0.5)  # a column that is never 0, so no row is empty
        if values_dtype == "int8":
            table[0] = 127 / 8
        return table

    # One for all items: what the code of history factors keeps exactly.
    history_factor = draw(st.none() | st.sampled_from([0.5, 1, 2]))
    some = st.none() | st.lists(st.sampled_from([0.5, 1, 2, -1]), min_size=n_items, max_size=n_items).map(np.array)
    has_users = draw(st.booleans()) if with_users is None else with_users
    return Catalogue(
        items=matrix(n_items),
        users=matrix(n_users) if has_users else None,
        factors=draw(some),
        history_factors=None if history_factor is None else np.full(n_items, history_factor),
        dense=draw(st.booleans()),
        values_dtype=values_dtype,
    )
