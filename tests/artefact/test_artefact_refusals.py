"""What can not be written is refused, and leaves no file."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest

from sparserec import SparserecError
from sparserec.artefact import TableData, read, write
from sparserec.vocabulary import Vocabulary

ITEMS = np.ones((3, 2), dtype=np.float32)
IDS = Vocabulary.of("abc")


def csr(rows: list[list[int]], dim: int = 4, value: float = 1.0) -> TableData:
    indptr = np.cumsum([0] + [len(row) for row in rows])
    columns = np.array([column for row in rows for column in row], dtype=np.int64)
    return TableData(indptr, columns, np.full(len(columns), value, dtype=np.float32), dim)


def with_value(value: float) -> np.ndarray:
    return np.array([[1, 1], [1, value], [1, 1]], dtype=np.float32)


REFUSED = {
    "not a number": ({"items": with_value(np.nan)}, "not finite"),
    "infinite": ({"items": with_value(np.inf)}, "not finite"),
    "infinite in half precision": ({"items": with_value(-np.inf), "values_dtype": "float16"}, "not finite"),
    "too large for half precision": ({"items": with_value(-65505), "values_dtype": "float16"}, "does not fit float16"),
    "unknown type": ({"values_dtype": "int4"}, "int8, float16 or coded, not 'int4'"),
    "empty row": ({"items": csr([[0], [], [1]])}, "items table has a row without values"),
    "empty first row": ({"items": csr([[], [0], [1]])}, "items table has a row without values"),
    "empty row of users": ({"users": csr([[0], []], dim=2), "user_ids": Vocabulary.of("uv")}, "users table has a row"),
    "too few ids": ({"item_ids": Vocabulary.of("ab")}, "table of 3 rows came with 2 ids"),
    "too few ids of users": ({"users": ITEMS, "user_ids": Vocabulary.of("uv")}, "table of 3 rows came with 2 ids"),
    "users without ids": ({"users": ITEMS}, "belong together"),
    "ids without users": ({"user_ids": IDS}, "belong together"),
    "users of other columns": ({"users": np.ones((1, 3)), "user_ids": Vocabulary.of("u")}, "3 columns .* table of 2"),
    "no rows": ({"items": ITEMS[:0], "item_ids": Vocabulary.of("")}, "0 rows"),
    "no columns": ({"items": ITEMS[:, :0]}, "0 columns"),
    "too many columns": ({"items": csr([[0], [0], [0]], dim=65_540)}, "65540 columns .* from 1 to 65539"),
    "column beyond the last": ({"items": csr([[0], [4], [1]])}, "columns must ascend"),
    "negative column": ({"items": csr([[0], [-1], [1]])}, "columns must ascend"),
    "column twice": ({"items": csr([[0], [1, 1], [1]])}, "columns must ascend"),
    "columns that descend": ({"items": csr([[0], [2, 1], [1]])}, "columns must ascend"),
    "values missing": ({"items": TableData(np.arange(4), np.zeros(3, dtype=int), np.ones(2), 4)}, "do not fit"),
    "factors of the wrong length": ({"item_factors": np.ones(2)}, "3 items came with item_factors"),
    "history factors of the wrong length": ({"history_factors": np.ones(4)}, "3 items came with history_factors"),
    "factors that are not finite": ({"item_factors": np.array([1, np.nan, 1])}, "not finite"),
    "factors too large": ({"item_factors": np.array([1, 1e5, 1])}, "does not fit float16"),
    "history factors that are not finite": ({"history_factors": np.array([1, np.inf, 1])}, "finite numbers above 0"),
    "history factors that are not numbers": ({"history_factors": np.array([1, np.nan, 1])}, "finite numbers above 0"),
    "a history factor of 0": ({"history_factors": np.array([1, 0, 1])}, "finite numbers above 0"),
    "a negative history factor": ({"history_factors": np.array([1, -1, 1])}, "finite numbers above 0"),
    "a history factor that single precision makes 0": ({"history_factors": np.array([1, 1e-60, 1])}, "above 0"),
    "history factors all subnormal": ({"history_factors": np.full(3, 1e-40)}, "1e-40 are too small to be coded"),
    "history factors without items": (
        {"item_ids": Vocabulary.of(""), "history_factors": np.ones(0)},
        "table of 3 rows came with 0 ids",
    ),
    "a dense table coded": ({"values_dtype": "coded"}, "items table is dense; only values of sparse tables"),
    "a dense table of users coded": (
        {"items": csr([[0], [1], [1]], 2), "users": ITEMS, "user_ids": IDS, "values_dtype": "coded"},
        "users table is dense",
    ),
    "not a number, coded": ({"items": csr([[0]] * 3, value=np.nan), "values_dtype": "coded"}, "items .* not finite"),
    "infinite, coded": ({"items": csr([[0]] * 3, value=-np.inf), "values_dtype": "coded"}, "items .* not finite"),
    "too large to be coded": ({"items": csr([[0]] * 3, value=1e38), "values_dtype": "coded"}, "too large to be coded"),
    "a budget below a dense table": ({"budget": 400}, "budget of 400 bytes is too small: dense tables take"),
    "a budget below a value a row": (
        {"items": csr([[0, 1], [0, 1], [1]]), "budget": 400},
        r"budget of 400 bytes is \d+ too small: even with one value a row",
    ),
    "metrics that are not finite": ({"metrics": {"ndcg@20": float("nan")}}, "not finite; check its metrics"),
    "a card too large": ({"recipe": {"note": "x" * 4096}}, "model card makes a header of .* at most 4,088"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(tmp_path, case):
    changes, message = REFUSED[case]
    with pytest.raises(SparserecError, match=message):
        write(tmp_path / "model", **({"items": ITEMS, "item_ids": IDS} | changes))
    assert list(tmp_path.iterdir()) == []


def test_largest_half_precision_number(tmp_path):
    write(tmp_path / "model", items=with_value(65504), item_ids=IDS, values_dtype="float16")
    assert read(tmp_path / "model").items.values.max() == 65504


def test_longest_sparse_row(tmp_path):
    write(tmp_path / "model", items=csr([range(65_536), [65_535]], dim=65_536), item_ids=Vocabulary.of("ab"))
    items = read(tmp_path / "model").items
    assert items.indptr.tolist() == [0, 65_536, 65_537]
    assert items.columns.tolist() == [*range(65_536), 65_535]


@pytest.mark.parametrize("old", [False, True])
def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch, old):
    path = tmp_path / "model"
    if old:
        write(path, items=ITEMS, item_ids=IDS)
    before = path.read_bytes() if old else None

    def no_space(_handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(SparserecError, match=r"cannot write .*model: No space left"):
        write(path, items=2 * ITEMS, item_ids=IDS)
    assert [entry.name for entry in tmp_path.iterdir()] == (["model"] if old else [])
    assert before is None or path.read_bytes() == before
