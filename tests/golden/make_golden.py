"""Makes the golden files and the answers expected of them: run this only when the format changes on purpose."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from sparserec.artefact import TableData, write
from sparserec.device import Recommender
from sparserec.vocabulary import Vocabulary

HERE = Path(__file__).parent
FILES = {
    "int8": (HERE / "golden.safetensors", HERE / "expected.json"),
    "coded": (HERE / "coded.safetensors", HERE / "coded.json"),
}
"""For each type of values, a model and the expected answers."""
N_ITEMS, N_USERS, DIM, PER_ROW = 40, 12, 16, 5
BUDGET = 1450
"""Bytes of the coded model, raw ids apart."""
HISTORIES = [
    {"history": ["item 3"], "k": 5},
    {"history": ["item 3", "項目 8", "item 31"], "k": 10},
    {"history": ["item 31", "item 3"], "exclude": ["item 7"], "candidates": ["item 5", "item 7", "item 9", "item 3"]},
]
USERS = [
    {"user": "user 0", "k": 3},
    {"user": "używać 4", "history": ["item 1", "item 2"], "k": 40},
    {"user": "user 11", "k": 1},
]


def raw_numbers(seed: int, count: int) -> np.ndarray:
    """Raw output of a generator, which no version of NumPy will change."""
    return np.random.PCG64(seed).random_raw(count)


def table(seed: int, n: int) -> TableData:
    keys = raw_numbers(seed, n * DIM).reshape(n, DIM)
    columns = np.sort(np.argsort(keys, axis=1)[:, :PER_ROW], axis=1).reshape(-1)
    values = (raw_numbers(seed + 1, n * PER_ROW) % np.uint64(2001)).astype(np.float32) / 1000 - 1
    return TableData(np.arange(0, n * PER_ROW + 1, PER_ROW), columns, values.astype(np.float32), DIM)


def names(kind: str, other: str, n: int) -> Vocabulary:
    return Vocabulary.of(f"{other if i % 4 == 0 and i else kind} {i}" for i in range(n))


def factors(seed: int) -> np.ndarray:
    return (raw_numbers(seed, N_ITEMS) % np.uint64(100)).astype(np.float32) / 64 + 0.25


def queries(kind: str) -> list[dict]:
    """The coded model has no user table."""
    return HISTORIES if kind == "coded" else HISTORIES + USERS


def make(kind: str, path: Path) -> None:
    """Write a model; every number in it follows from fixed seeds."""
    about = {"recipe": {"method": "golden"}, "metrics": {"ndcg@20": 0.125}, "data_fingerprint": "0" * 64}
    if kind == "coded":
        write(
            path,
            items=table(7, N_ITEMS),
            item_ids=names("item", "項目", N_ITEMS),
            history_factors=factors(9),
            values_dtype="coded",
            budget=BUDGET,
            **about,
        )
        return
    write(
        path,
        items=table(1, N_ITEMS),
        users=table(3, N_USERS),
        item_ids=names("item", "項目", N_ITEMS),
        user_ids=names("user", "używać", N_USERS),
        item_factors=factors(5),
        history_factors=factors(6),
        **about,
    )


def answers(kind: str) -> list[dict]:
    """What the reader says to the queries."""
    recommender = Recommender.open(FILES[kind][0])
    return [{"query": query, "answer": list(map(list, recommender.recommend(**query)))} for query in queries(kind)]


if __name__ == "__main__":
    for kind, (model, expected) in FILES.items():
        make(kind, model)
        expected.write_text(json.dumps(answers(kind), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
