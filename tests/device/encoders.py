"""Files with a transformer, and what they mean, computed plainly with loops, one number after another."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from catalogues import as_csr
from hypothesis import strategies as st

from sparserec.artefact import read, write
from sparserec.device import Recommender
from sparserec.vocabulary import Vocabulary


def weights(random: np.random.Generator, dim: int, length: int, blocks: int) -> tuple[np.ndarray, np.ndarray]:
    """Matrices and vectors, float32, as `write` takes them."""
    matrices = random.normal(size=(length + 5 * blocks * dim, dim)) * random.choice([0.3, 1.0])
    vectors = random.normal(size=(6 * blocks + 2, dim))
    return matrices.astype(np.float32), vectors.astype(np.float32)


def encoded_file(
    path: Path, *, seed=0, n=12, dim=6, length=5, blocks=2, values_dtype="int8", dense=False, **more
) -> Recommender:
    """Write a model whose item `i` has the id str(i), and open it."""
    random = np.random.default_rng(seed)
    table = random.normal(size=(n, dim)) * (random.random((n, dim)) < (1 if dense else 0.5))
    table[np.arange(n), random.integers(0, dim, n)] = 1.5
    table = table.astype(np.float32)
    write(
        path,
        items=table if dense else as_csr(table),
        item_ids=Vocabulary.of(map(str, range(n))),
        encoder=weights(random, dim, length, blocks),
        values_dtype=values_dtype,
        **more,
    )
    return Recommender.open(path)


@st.composite
def encoder_files(draw) -> dict:
    """Arguments of `encoded_file`, for files of every kind."""
    dense = draw(st.booleans())
    return {
        "seed": draw(st.integers(0, 2**32 - 1)),
        "n": draw(st.integers(1, 12)),
        "dim": draw(st.integers(1, 9)),
        "length": draw(st.integers(1, 7)),
        "blocks": draw(st.integers(1, 3)),
        "dense": dense,
        "values_dtype": draw(st.sampled_from(["int8", "float16"] if dense else ["int8", "float16", "coded"])),
    }


class Plain:
    """The vector of a history by loops, from the tensors of a file and the words of its format page."""

    def __init__(self, path: Path):
        artefact = read(path)
        tensors, rows = artefact.tensors, artefact.items
        self.dim = rows.dim
        self.items = np.zeros((rows.n, rows.dim))
        if rows.dense:
            self.items[:] = rows.values * rows.column_scales()
        else:
            places = np.repeat(np.arange(rows.n), np.diff(rows.indptr)), rows.columns
            self.items[places] = rows.values * rows.column_scales()[rows.columns]
        codes, scales = tensors["encoder.matrices"].astype(float), tensors["encoder.scales"].astype(float)
        self.matrices = (codes * scales[:, None]).tolist()
        self.vectors = tensors["encoder.vectors"].astype(float).tolist()
        self.blocks = (len(self.vectors) - 2) // 6
        self.length = len(self.matrices) - 5 * self.blocks * self.dim

    def norm(self, state: list[float], place: int) -> list[float]:
        mean = sum(state) / self.dim
        root = math.sqrt(sum((x - mean) ** 2 for x in state) / self.dim + 1e-5)
        gains, shifts = self.vectors[place], self.vectors[place + 1]
        return [(x - mean) / root * gain + shift for x, gain, shift in zip(state, gains, shifts, strict=True)]

    def times(self, place: int, state: list[float]) -> list[float]:
        rows = self.matrices[place : place + self.dim]
        return [sum(w * x for w, x in zip(row, state, strict=True)) for row in rows]

    def vector(self, history: list[int]) -> np.ndarray:
        taken = [item for place, item in enumerate(history) if item not in history[place + 1 :]][-self.length :]
        if not taken:
            return np.zeros(self.dim)
        positions = self.matrices[self.length - len(taken) : self.length]
        states = [
            [math.sqrt(self.dim) * x + p for x, p in zip(self.items[item].tolist(), position, strict=True)]
            for item, position in zip(taken, positions, strict=True)
        ]
        for number in range(self.blocks):
            states = self.block(number, states)
        return np.array(self.norm(states[-1], 6 * self.blocks))

    def block(self, number: int, states: list[list[float]]) -> list[list[float]]:
        first, v, dim, out = self.length + 5 * self.dim * number, 6 * number, self.dim, []
        normed = [self.norm(state, v) for state in states]
        queries, keys, values = ([self.times(first + dim * which, x) for x in normed] for which in range(3))
        for place, state in enumerate(states):
            logits = [sum(a * b for a, b in zip(queries[place], key, strict=True)) for key in keys[: place + 1]]
            powers = [math.exp((logit - max(logits)) / math.sqrt(dim)) for logit in logits]
            parts = [[power / sum(powers) * x for x in value] for power, value in zip(powers, values, strict=False)]
            seen = [x + sum(column) for x, column in zip(state, zip(*parts, strict=True), strict=True)]
            hidden = self.times(first + 3 * dim, self.norm(seen, v + 2))
            inner = [max(x + shift, 0) for x, shift in zip(hidden, self.vectors[v + 4], strict=True)]
            outer = zip(seen, self.times(first + 4 * dim, inner), self.vectors[v + 5], strict=True)
            out.append([x + y + shift for x, y, shift in outer])
        return out
