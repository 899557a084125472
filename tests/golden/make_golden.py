"""Makes golden.safetensors and expected.json: run this file only when the format changes on purpose."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from sparserec.artefact import TableData, write
from sparserec.device import Recommender
from sparserec.vocabulary import Vocabulary

HERE = Path(__file__).parent
FILE, EXPECTED = HERE / "golden.safetensors", HERE / "expected.json"
N_ITEMS, N_USERS, DIM, PER_ROW = 40, 12, 16, 5
QUERIES = [
    {"history": ["item 3"], "k": 5},
    {"history": ["item 3", "項目 8", "item 31"], "k": 10},
    {"history": ["item 31", "item 3"], "exclude": ["item 7"], "candidates": ["item 5", "item 7", "item 9", "item 3"]},
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


def make(path: Path) -> None:
    """Write the file; every number in it follows from fixed seeds."""
    write(
        path,
        items=table(1, N_ITEMS),
        users=table(3, N_USERS),
        item_ids=names("item", "項目", N_ITEMS),
        user_ids=names("user", "używać", N_USERS),
        item_factors=factors(5),
        history_factors=factors(6),
        recipe={"method": "golden"},
        metrics={"ndcg@20": 0.125},
        data_fingerprint="0" * 64,
    )


def answers(path: Path) -> list[dict]:
    """What the reader says to the queries."""
    recommender = Recommender.open(path)
    return [{"query": query, "answer": list(map(list, recommender.recommend(**query)))} for query in QUERIES]


if __name__ == "__main__":
    make(FILE)
    EXPECTED.write_text(json.dumps(answers(FILE), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
