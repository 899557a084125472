"""What is written is what is read."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from artefact_tables import densified, models, sparse
from hypothesis import given
from safetensors import safe_open
from safetensors.numpy import load_file

from sparserec import __version__
from sparserec.artefact import TableData, inspect, read, write
from sparserec.artefact.quantise import from_int8, to_int8
from sparserec.artefact.schema import DTYPES, HEADER_ALLOWANCE
from sparserec.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("artefacts")


def as_matrix(rows) -> np.ndarray:
    values = rows.dequantised()
    return values if rows.dense else densified(TableData(rows.indptr, rows.columns, values, rows.dim))


def same_or_none(stored, given_factors) -> bool:
    return stored is None if given_factors is None else np.array_equal(stored, given_factors.astype(np.float16))


@given(models())
def test_a_model_comes_back(folder, model):
    report = write(folder / "model", **model)
    artefact = read(folder / "model")

    assert artefact.item_ids == model["item_ids"]
    assert artefact.user_ids == model.get("user_ids")
    assert same_or_none(artefact.items.factors, model["item_factors"])
    weights = artefact.items.history_factors
    assert (weights is None) == (model["history_factors"] is None)
    if weights is not None:
        assert (np.abs(np.log(weights / model["history_factors"])) <= 0.05 + 1e-5).all()
    decay = artefact.items.age_decay
    assert (None if decay is None else tuple(decay.tolist())) == model["age_decay"]
    for rows, table in ((artefact.items, model["items"]), (artefact.users, model.get("users"))):
        if table is None:
            assert rows is None
            continue
        matrix, exact = as_matrix(rows), densified(table)
        assert rows.dense == isinstance(table, np.ndarray)
        if rows.odd:
            assert (np.abs(matrix - exact) <= rows.unit * (1 + 1e-4)).all()
            np.testing.assert_array_equal(rows.columns, table.columns)
            np.testing.assert_array_equal(rows.indptr, table.indptr)
        elif rows.scales is None:
            np.testing.assert_array_equal(matrix, exact.astype(np.float16).astype(np.float32))
        else:
            assert (np.abs(matrix - exact) <= rows.scales / 2 * (1 + 1e-4)).all()
            if not rows.dense:
                np.testing.assert_array_equal(rows.columns, table.columns)
                np.testing.assert_array_equal(rows.indptr, table.indptr)

    card = artefact.card
    assert (card.format_version, card.package_version) == (1 if decay is None else 3, __version__)
    assert (card.n_items, card.n_users) == (len(model["item_ids"]), len(model.get("user_ids", ())))
    assert (card.recipe, card.metrics, card.data_fingerprint) == (model["recipe"], model["metrics"], "f" * 64)
    assert card.scoring == ("users" if "users" in model else "history")
    assert card.nnz == artefact.items.values.size + (artefact.users.values.size if artefact.users else 0)
    assert card.density == card.nnz / ((card.n_items + card.n_users) * card.dim)

    data = (folder / "model").read_bytes()
    assert report.total == len(data) == report.header + report.items + report.users + report.ids
    assert report.header == artefact.header_bytes <= HEADER_ALLOWANCE
    write(folder / "again", **model)
    assert (folder / "again").read_bytes() == data


@given(models())
def test_the_safetensors_library_reads_the_same(folder, model):
    write(folder / "model", **model)
    ours, theirs = read(folder / "model").tensors, load_file(folder / "model")
    assert set(ours) == set(theirs)
    for name, tensor in theirs.items():
        assert ours[name].dtype == tensor.dtype
        np.testing.assert_array_equal(ours[name], tensor)
    with safe_open(folder / "model", "np") as file:
        assert json.loads(file.metadata()["sparserec"])["sha256"] == read(folder / "model").card.sha256


@given(models())
def test_the_digest_is_as_documented(folder, model):
    write(folder / "model", **model)
    data = (folder / "model").read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    card = json.loads(header.pop("__metadata__")["sparserec"])
    hashed = hashlib.sha256()
    for name, entry in sorted(header.items()):
        first, last = entry["data_offsets"]
        shape = ",".join(str(size) for size in entry["shape"])
        hashed.update(
            b"\0".join([name.encode(), entry["dtype"].encode(), shape.encode(), data[start + first : start + last]])
        )
    assert card["sha256"] == hashed.hexdigest()
    assert start % 8 == 0
    assert all(entry["data_offsets"][0] % DTYPES[entry["dtype"]].itemsize == 0 for entry in header.values())


def test_a_file_by_hand(folder):
    """Two columns with scales 1 and 2, rows of lengths 2 and 1: gaps of 0, 0 and 1, without low bits."""
    items = TableData(np.array([0, 2, 3]), np.array([0, 1, 1]), np.array([127, -254, 4], dtype=np.float32), 2)
    write(folder / "model", items=items, item_ids=Vocabulary.of(["a", "é"]))
    tensors = read(folder / "model").tensors
    assert {name: tensor.tolist() for name, tensor in tensors.items()} == {
        "items.values": [127, -127, 2],
        "items.scales": [1.0, 2.0],
        "items.gaps_low": [],
        "items.gaps_high": [0b1011],
        "items.ids": [0x61, 0xC3, 0xA9],
        "items.id_offsets": [0, 1, 3],
    }
    assert list(tensors) == [
        "items.id_offsets",
        "items.scales",
        "items.gaps_high",
        "items.gaps_low",
        "items.ids",
        "items.values",
    ]


@pytest.mark.parametrize(("dim", "columns"), [(1, "u1"), (256, "u1"), (257, "u2"), (65_536, "u2")])
def test_narrow_columns_where_they_suffice(folder, dim, columns):
    write(folder / "model", items=sparse(2, dim, np.array([dim, 1]), 0), item_ids=Vocabulary.of("ab"))
    rows = read(folder / "model").items
    assert (rows.indptr.dtype, rows.columns.dtype) == (np.dtype(np.int32), np.dtype(columns))
    assert rows.columns[:dim].tolist() == list(range(dim))


def test_int8_rounds_half_to_even_and_keeps_empty_columns():
    values = np.array([127, 0.5, 1.5, -2.5, -127], dtype=np.float32)
    codes, scales = to_int8(values, np.zeros(5, dtype=int), 2)
    assert codes.tolist() == [127, 0, 2, -2, -127]
    assert scales.tolist() == [1, 0]
    assert from_int8(codes, np.zeros(5, dtype=int), scales).tolist() == [127, 0, 2, -2, -127]


def test_a_column_of_zeros(folder):
    write(folder / "model", items=np.zeros((2, 3), dtype=np.float32), item_ids=Vocabulary.of("ab"))
    assert not read(folder / "model").items.dequantised().any()


def test_the_arrays_that_are_read_can_not_be_written_to(folder):
    write(folder / "model", items=np.ones((2, 3), dtype=np.float32), item_ids=Vocabulary.of("ab"))
    tensors = read(folder / "model").tensors
    assert not any(tensor.flags.writeable for tensor in tensors.values())


@given(models())
def test_inspect_accounts_for_every_byte(folder, model):
    report = write(folder / "model", **model)
    facts = inspect(folder / "model")
    sizes = facts["bytes"]
    assert sizes["total"] == (folder / "model").stat().st_size == report.total
    assert sizes["total"] == sizes["header"] + sizes["items"] + sizes["users"] + sizes["ids"]
    assert sizes["total"] - sizes["header"] == sum(tensor["bytes"] for tensor in facts["tensors"])
    assert facts["bytes_per_item"] == (sizes["total"] - sizes["ids"]) / len(model["item_ids"])
    n_users = len(model.get("user_ids", ()))
    assert facts["bytes_per_user"] == (sizes["users"] / n_users if n_users else None)
    assert facts["age_decay"] == (None if model["age_decay"] is None else list(model["age_decay"]))
    assert json.loads(json.dumps(facts))["card"]["dim"] == read(folder / "model").card.dim


@pytest.mark.parametrize("values_dtype", ["int8", "coded"])
def test_tensors_need_not_be_kept(folder, values_dtype):
    table = sparse(5, 300, np.array([3, 1, 2, 9, 4]), 0)
    write(folder / "model", items=table, item_ids=Vocabulary.of("abcde"), values_dtype=values_dtype)
    whole, lean = read(folder / "model"), read(folder / "model", keep_tensors=False)
    assert (lean.tensors, lean.card, lean.item_ids) == ({}, whole.card, whole.item_ids)
    np.testing.assert_array_equal(lean.items.dequantised(), whole.items.dequantised())
