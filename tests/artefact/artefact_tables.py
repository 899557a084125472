"""Small tables for the tests of the file format."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from sparserec.artefact import TableData
from sparserec.vocabulary import Vocabulary


def sparse(n: int, dim: int, lengths: np.ndarray, seed: int) -> TableData:
    """A table whose rows have these lengths, at random columns."""
    random = np.random.default_rng(seed)
    columns = [np.sort(random.choice(dim, length, replace=False)) for length in lengths]
    indptr = np.concatenate(([0], np.cumsum(lengths)))
    assert len(lengths) == n
    values = random.normal(size=indptr[-1]).astype(np.float32)
    return TableData(indptr, np.concatenate(columns), values, dim)


def densified(table: TableData | np.ndarray) -> np.ndarray:
    """The table with every entry."""
    if isinstance(table, np.ndarray):
        return table
    full = np.zeros((len(table.indptr) - 1, table.dim), dtype=np.float32)
    full[np.repeat(np.arange(len(full)), np.diff(table.indptr)), table.columns] = table.values
    return full


@st.composite
def tables(draw, dim: int, n: int, *, dense: bool = True) -> TableData | np.ndarray:
    """A sparse table of this size, or where allowed a dense one."""
    seed = draw(st.integers(0, 2**32 - 1))
    if dense and draw(st.booleans()):
        return np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    lengths = draw(st.lists(st.integers(1, dim), min_size=n, max_size=n))
    return sparse(n, dim, np.array(lengths), seed)


@st.composite
def models(draw) -> dict:
    """Arguments of `write`, apart from the path."""
    dim = draw(st.sampled_from([1, 2, 7, 254, 255, 256, 257]))
    n_items, n_users = draw(st.integers(1, 6)), draw(st.integers(0, 4))
    names = st.text(st.characters(codec="utf-8"), max_size=5)

    def ids(n: int) -> Vocabulary:
        return Vocabulary.of(draw(st.lists(names, min_size=n, max_size=n, unique=True)))

    values_dtype = draw(st.sampled_from(["int8", "float16", "coded"]))
    dense = values_dtype != "coded"
    positive = st.floats(2**-20, 2**20, width=32)
    factors = st.none() | st.lists(st.floats(-4, 4, width=16), min_size=n_items, max_size=n_items).map(np.array)
    items = draw(tables(dim, n_items, dense=dense))
    decay = st.floats(2**-20, 1, width=32)
    decays = [st.none()] if isinstance(items, np.ndarray) else [st.none(), st.tuples(decay)]
    if dim >= n_items and len(decays) > 1:
        decays.append(st.tuples(decay, decay))
    model = {
        "items": items,
        "item_ids": ids(n_items),
        "item_factors": draw(factors),
        "history_factors": draw(st.none() | st.lists(positive, min_size=n_items, max_size=n_items).map(np.array)),
        "age_decay": draw(st.one_of(decays)),
        "values_dtype": values_dtype,
        "recipe": {"method": "static", "name": draw(names)},
        "metrics": {"ndcg@20": 0.25},
        "data_fingerprint": "f" * 64,
    }
    if n_users:
        model |= {"users": draw(tables(dim, n_users, dense=dense)), "user_ids": ids(n_users)}
    return model
