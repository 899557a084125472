"""Files in which the order of a history counts, and what they mean, computed plainly with loops and dense matrices."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from catalogues import as_csr
from hypothesis import strategies as st

from sparserec.artefact import positive, read, write
from sparserec.device import Recommender
from sparserec.vocabulary import Vocabulary


@dataclass(frozen=True)
class Aged:
    """A file as plain matrices; item `i` has the id str(i), user `u` has "user u".

    Attributes:
        items: (n, dim), the rows as they are decoded.
        history_factors: (n,).
        factors: (n,).
        decay: one number or two.
    """

    items: np.ndarray
    history_factors: np.ndarray
    factors: np.ndarray
    decay: list[float]

    @classmethod
    def of(cls, path: Path) -> Aged:
        rows = read(path).items
        items = np.zeros((rows.n, rows.dim))
        items[np.repeat(np.arange(rows.n), np.diff(rows.indptr)), rows.columns] = rows.dequantised()
        ones = np.ones(rows.n)
        history_factors = ones if rows.history_factors is None else rows.history_factors.astype(float)
        factors = ones if rows.factors is None else rows.factors.astype(float)
        return cls(items, history_factors, factors, rows.age_decay.tolist())

    @property
    def ordinary(self) -> int:
        """Columns that are no item's."""
        n, dim = self.items.shape
        return dim - n if len(self.decay) == 2 else dim

    def adds(self, item: int, age: int) -> np.ndarray:
        """What an item adds to the vector."""
        vector = np.zeros(self.items.shape[1])
        for column in range(self.ordinary):
            vector[column] = self.items[item, column] * self.history_factors[item] * self.decay[0] ** age
        if len(self.decay) == 2:
            vector[self.ordinary + item] = self.decay[1] ** age
        return vector

    def parts(self, history: list[int], dislikes: list[int] | tuple = ()) -> dict[int, np.ndarray]:
        """What each item adds to the vector, by item."""
        taken = [item for place, item in enumerate(history) if item not in history[place + 1 :]]
        taken = [item for item in taken if item not in dislikes]
        parts = {item: self.adds(item, age) for age, item in enumerate(reversed(taken))}
        return parts | {item: -self.adds(item, 0) for item in dislikes}

    def vector(self, history: list[int], dislikes: list[int] | tuple = ()) -> np.ndarray:
        return sum(self.parts(history, dislikes).values(), np.zeros(self.items.shape[1]))

    def scores(self, vector: np.ndarray) -> np.ndarray:
        return np.array([sum(row * vector) for row in self.items]) * self.factors


@dataclass(frozen=True)
class Model:
    """Arguments of `write`, and what they are about."""

    arguments: dict
    n: int

    def open(self, path: Path) -> tuple[Recommender, Aged]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(positive, "FEWEST", 1)  # so that tables this small go without signs too
            write(path, **self.arguments)
        return Recommender.open(path), Aged.of(path)


def table(random: np.random.Generator, n: int, dim: int, density: float, signs: bool = True) -> np.ndarray:
    """A sparse matrix without an empty row."""
    matrix = random.normal(size=(n, dim)) * (random.random((n, dim)) < density)
    matrix[np.arange(n), random.integers(0, dim, n)] = 1.5
    return (matrix if signs else np.abs(matrix)).astype(np.float32)


@st.composite
def aged_models(draw, item_columns: bool | None = None, n_items: int = 9) -> Model:
    """Files of every kind of values, with and without item columns, factors and users."""
    n, ordinary = draw(st.integers(1, n_items)), draw(st.integers(0, 5))
    both = draw(st.booleans()) if item_columns is None else item_columns
    dim = ordinary + n if both else max(ordinary, 1)
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    signs = draw(st.booleans())
    decays = st.floats(2.0**-10, 1, width=32)
    arguments = {
        "items": as_csr(table(random, n, dim, draw(st.sampled_from([0.1, 0.6])), signs)),
        "item_ids": Vocabulary.of(map(str, range(n))),
        "item_factors": random.normal(size=n) if draw(st.booleans()) else None,
        "history_factors": np.exp(random.normal(size=n)) if draw(st.booleans()) else None,
        "values_dtype": draw(st.sampled_from(["int8", "float16", "coded"])),
        "age_decay": draw(st.tuples(decays, decays) if both else st.tuples(decays)),
    }
    if draw(st.booleans()):
        arguments |= {
            "users": as_csr(table(random, 3, dim, 0.5)),
            "user_ids": Vocabulary.of(f"user {u}" for u in range(3)),
        }
    return Model(arguments, n)
