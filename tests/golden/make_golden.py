"""Makes the golden files and the answers expected of them: run this only when the format changes on purpose."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from sparserec.artefact import TableData, write
from sparserec.device import Recommender
from sparserec.vocabulary import Vocabulary

HERE = Path(__file__).parent
FILES = {
    "int8": (HERE / "golden.safetensors", HERE / "expected.json"),
    "coded": (HERE / "coded.safetensors", HERE / "coded.json"),
    "ids": (HERE / "ids.safetensors", HERE / "ids.json"),
    "rows": (HERE / "rows.safetensors", HERE / "rows.json"),
    "ages": (HERE / "ages.safetensors", HERE / "ages.json"),
    "columns": (HERE / "columns.safetensors", HERE / "columns.json"),
    "positive": (HERE / "positive.safetensors", HERE / "positive.json"),
    "encoder": (HERE / "encoder.safetensors", HERE / "encoder.json"),
}
"""For each kind, a model and the expected answers: "int8" and "coded" have format version 1; with version 2, "ids" has
coded ids, the items' numbers and then texts, the users' numbers, and "rows" has no ids; with version 3, in "ages" and
"columns" the order of a history counts, in "columns" by a column of each item besides, "positive" has no negative
values, and "encoder" has a transformer."""
N_ITEMS, N_USERS, DIM, PER_ROW = 40, 12, 16, 5
BUDGET = 1450
"""Bytes of the coded model, raw ids apart."""
BUDGET_OF_POSITIVE = 2050
"""The same of the one without negative values."""
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
ORDERED = [
    {"history": ["item 3", "項目 8", "item 31"], "k": 10},
    {"history": ["item 31", "項目 8", "item 3"], "k": 10},
    {"history": ["item 3", "item 31", "item 5", "item 3"], "dislikes": ["item 5", "item 6"], "k": 10},
    {
        "history": ["item 11", "item 2", "item 3"],
        "exclude_history": False,
        "candidates": ["item 2", "item 3", "item 11"],
    },
]
LENGTH, BLOCKS = 3, 2
"""Of the transformer: the newest items that it looks at, and its blocks."""
N_CODED, N_NUMBERS = 170, 120
"""Items of the models of version 2, and how many of them have numbers as ids."""
QUERIES = {
    "int8": HISTORIES + USERS,
    "coded": HISTORIES,
    "ids": [
        {"history": ["592000256", "é item 134"], "k": 5},
        {"history": ["4403000203"], "k": 3, "exclude": ["9007199254740992"]},
        {
            "history": ["e item 122", "37000001"],
            "candidates": ["é item 169", "0", "00009007199254740993", "e item 123"],
        },
        {"user": "4294967299", "k": 4},
        {"user": "33", "history": ["é item 164"], "k": 2},
    ],
    "rows": [
        {"history": ["3", "8", "169"], "k": 10},
        {"history": ["0"], "candidates": ["5", "169", "9"], "exclude": ["5"]},
        {"user": "11", "k": 3},
    ],
    "ages": [*ORDERED, {"user": "user 2", "k": 3}],
    "columns": ORDERED,
    "positive": HISTORIES,
    "encoder": [*ORDERED, {"history": ["item 1", "item 2", "item 3", "項目 4", "item 5"], "k": 6}],
}
"""The queries of each model; the coded one and that with columns of items have no user table."""


def raw_numbers(seed: int, count: int) -> np.ndarray:
    """Raw output of a generator, which no version of NumPy will change."""
    return np.random.PCG64(seed).random_raw(count)


def table(seed: int, n: int, dim: int = DIM) -> TableData:
    keys = raw_numbers(seed, n * dim).reshape(n, dim)
    columns = np.sort(np.argsort(keys, axis=1)[:, :PER_ROW], axis=1).reshape(-1)
    values = (raw_numbers(seed + 1, n * PER_ROW) % np.uint64(2001)).astype(np.float32) / 1000 - 1
    return TableData(np.arange(0, n * PER_ROW + 1, PER_ROW), columns, values.astype(np.float32), dim)


def names(kind: str, other: str, n: int) -> Vocabulary:
    return Vocabulary.of(f"{other if i % 4 == 0 and i else kind} {i}" for i in range(n))


def fractions(seed: int, *shape: int) -> np.ndarray:
    """Numbers from -1 to 1."""
    numbers = raw_numbers(seed, int(np.prod(shape))) % np.uint64(2001)
    return (numbers.astype(np.float32) / 1000 - 1).reshape(shape).astype(np.float32)


def factors(seed: int, n: int = N_ITEMS) -> np.ndarray:
    return (raw_numbers(seed, n) % np.uint64(100)).astype(np.float32) / 64 + 0.25


def coded_ids() -> Vocabulary:
    """Numbers beyond 32 bits, two in digits that are too large to be coded as such, and texts that share."""
    numbers = [37_000_000 * i + i * i % 997 for i in range(N_NUMBERS)]
    large = [str(2**53), f"0000{2**53 + 1}"]
    texts = sorted(f"{'eé'[i % 5 // 4]} item {i}" for i in range(N_NUMBERS + 2, N_CODED))
    return Vocabulary.of([*map(str, numbers), *large, *texts])


def make(kind: str, path: Path) -> None:
    """Write a model; every number in it follows from fixed seeds."""
    about = {"recipe": {"method": "golden"}, "metrics": {"ndcg@20": 0.125}, "data_fingerprint": "0" * 64}
    if kind in ("ids", "rows"):
        write(
            path,
            items=table(11, N_CODED),
            users=table(13, N_USERS),
            item_ids=coded_ids(),
            user_ids=Vocabulary.of(map(str, [*range(0, 11 * (N_USERS - 1), 11), 2**32 + 3])),
            history_factors=factors(15, N_CODED),
            ids=kind == "ids",
            **about,
        )
        return
    if kind == "ages":
        write(
            path,
            items=table(17, N_ITEMS),
            users=table(19, N_USERS),
            item_ids=names("item", "項目", N_ITEMS),
            user_ids=Vocabulary.of(f"user {u}" for u in range(N_USERS)),
            item_factors=factors(21),
            history_factors=factors(22),
            age_decay=(0.7,),
            **about,
        )
        return
    if kind == "columns":
        write(
            path,
            items=table(23, N_ITEMS, DIM + N_ITEMS),
            item_ids=names("item", "項目", N_ITEMS),
            history_factors=factors(25),
            age_decay=(0.9, 0.6),
            values_dtype="coded",
            **about,
        )
        return
    if kind == "encoder":
        matrices = fractions(29, LENGTH + 5 * BLOCKS * DIM, DIM) / 2
        write(
            path,
            items=table(27, N_ITEMS),
            item_ids=names("item", "項目", N_ITEMS),
            encoder=(matrices, fractions(31, 6 * BLOCKS + 2, DIM)),
            values_dtype="coded",
            **about,
        )
        return
    if kind == "positive":
        rows = table(27, N_CODED)
        write(
            path,
            items=replace(rows, values=np.abs(rows.values) + np.float32(0.375)),
            item_ids=names("item", "項目", N_CODED),
            history_factors=factors(29, N_CODED),
            values_dtype="coded",
            budget=BUDGET_OF_POSITIVE,
            **about,
        )
        return
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
    return [{"query": query, "answer": list(map(list, recommender.recommend(**query)))} for query in QUERIES[kind]]


if __name__ == "__main__":
    for kind, (model, expected) in FILES.items():
        if model.exists():  # those of earlier versions stay as they are
            continue
        make(kind, model)
        expected.write_text(json.dumps(answers(kind), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
