"""The table of codecs: an encoding that is added from outside, in one piece of text, goes all the way."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from artefact_tables import densified, sparse
from encoding_recipe import added

from sparserec import SparserecError
from sparserec.artefact import (
    CODECS,
    DecodedTable,
    TableData,
    dense_file_bytes,
    inspect,
    nnz_for_budget,
    read,
    sparse_file_bytes,
    value_types,
    write,
)
from sparserec.artefact.codecs import GAPS, PARTS, Decoded, Side, ValuesCodec, codec_of, tensor_types, versions
from sparserec.artefact.csr import flat_values
from sparserec.artefact.delta import delta
from sparserec.artefact.schema import HEADER_ALLOWANCE
from sparserec.device import Recommender
from sparserec.vocabulary import Vocabulary

ROOT = Path(__file__).resolve().parents[2]
NAME = "signmagnitude"
"""Of the encoding that the changes below are made for."""


@pytest.fixture(name="added")
def added_codec():
    """The name of the encoding of the recipe, in the table for one test."""
    with added() as name:
        yield name


def ids(n: int) -> Vocabulary:
    return Vocabulary.of(f"item {row}" for row in range(n))


def model(path: Path, name: str, seed: int = 0, n: int = 60, dim: int = 24, **more) -> TableData:
    table = sparse(n, dim, np.random.default_rng(seed).integers(1, 9, n), 5)
    if seed:
        table = TableData(table.indptr, table.columns, np.where(table.values > 1, -table.values, table.values), dim)
    write(path, items=table, item_ids=ids(n), history_factors=np.ones(n), values_dtype=name, **more)
    return table


def test_an_encoding_that_is_added_in_one_place_is_written_and_read(added, tmp_path):
    table = model(tmp_path / "m", added)
    artefact = read(tmp_path / "m")
    back = artefact.items.dequantised()
    assert np.abs(back - table.values).max() <= np.abs(table.values).max() / 127 / 2 * 1.001
    assert artefact.card.format_version == CODECS[added].version
    assert artefact.card.nnz == len(table.values)
    assert value_types() == ["int8", "float16", "coded", added]


def test_its_size_is_known_before_it_is_written(added, tmp_path):
    codec, table = CODECS[added], model(tmp_path / "m", added)
    tensors = read(tmp_path / "m").tensors
    true = sum(tensors[f"items.{kind}"].nbytes for kind in codec.tensors)
    assert codec.bytes_of(len(table.values), table.dim) == true
    # A row whose free cells lie together takes all of the bound.
    columns = np.array([0, 1, 2, 23])
    row = TableData(np.array([0, 4]), columns, np.ones(4, dtype=np.float32), 24)
    report = write(tmp_path / "row", items=row, item_ids=ids(1), values_dtype=added)
    sizes = {"n_items": 1, "dim": 24, "values_dtype": added}
    bound = sparse_file_bytes(nnz=4, **sizes)
    assert bound == report.items + HEADER_ALLOWANCE
    assert nnz_for_budget(bound, **sizes) == 4
    with pytest.raises(SparserecError, match=f"can be {added}; a dense table takes int8 or float16"):
        dense_file_bytes(**sizes)


def test_it_is_inspected(added, tmp_path):
    model(tmp_path / "m", added)
    facts = inspect(tmp_path / "m")
    assert {f"items.{kind}" for kind in CODECS[added].tensors} < {tensor["name"] for tensor in facts["tensors"]}
    assert facts["bytes"]["total"] == (tmp_path / "m").stat().st_size


@pytest.mark.parametrize("other", ["the same", "int8", "coded"])
def test_patches_lead_to_it_and_from_it(added, tmp_path, other):
    model(tmp_path / "old", added if other == "the same" else other)
    model(tmp_path / "new", added, seed=1)
    for old, new in (("old", "new"), ("new", "old")):
        (tmp_path / "patch").write_bytes(delta((tmp_path / old).read_bytes(), (tmp_path / new).read_bytes()))
        patched = Recommender.open(tmp_path / old).apply(tmp_path / "patch", out=tmp_path / "made")
        assert (tmp_path / "made").read_bytes() == (tmp_path / new).read_bytes()
        assert patched.recommend(["item 1"]) == Recommender.open(tmp_path / new).recommend(["item 1"])
    if other == "the same":
        assert (tmp_path / "patch").stat().st_size < (tmp_path / "new").stat().st_size / 2


def test_a_device_recommends_from_it(added, tmp_path):
    table = model(tmp_path / "m", added, users=sparse(3, 24, np.array([2, 3, 4]), 7), user_ids=Vocabulary.of("uvw"))
    rows = read(tmp_path / "m").items
    exact = np.zeros((rows.n, rows.dim))
    exact[np.repeat(np.arange(rows.n), np.diff(table.indptr)), table.columns] = rows.dequantised()
    scores = exact @ exact[[1, 4]].sum(axis=0)
    scores[[1, 4]] = -np.inf
    recommender = Recommender.open(tmp_path / "m")
    best = recommender.recommend(["item 1", "item 4"], k=5)
    assert [name for name, _ in best] == [f"item {row}" for row in np.argsort(-scores)[:5]]
    np.testing.assert_allclose([score for _, score in best], np.sort(scores)[::-1][:5], rtol=1e-5)
    assert len(recommender.recommend(user="v", k=3)) == 3


def test_it_is_exported_as_onnx(added, tmp_path):
    pytest.importorskip("onnx", reason="needs the extra onnx")
    runtime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    from sparserec.exchange import write_onnx

    model(tmp_path / "m", added)
    write_onnx(tmp_path / "m", tmp_path / "onnx")
    session = runtime.InferenceSession(tmp_path / "onnx", providers=["CPUExecutionProvider"])
    inputs = {
        name: np.array(value, dtype=np.int64) for name, value in (("history", [1, 4]), ("exclude", []), ("k", [9]))
    }
    items, scores = session.run(["items", "scores"], inputs)
    expected = Recommender.open(tmp_path / "m").recommend(["item 1", "item 4"], k=9)
    assert [f"item {item}" for item in items] == [name for name, _ in expected]
    np.testing.assert_allclose(scores, [score for _, score in expected], rtol=1e-6)


CHANGES = {
    "too few values": (lambda tensors: {**tensors, "bytes": tensors["bytes"][:-1]}, "must be"),
    "a tensor is missing": (
        lambda tensors: {k: v for k, v in tensors.items() if k != "largest"},
        "values need 'bytes'",
    ),
    "two dimensions": (lambda tensors: {**tensors, "bytes": tensors["bytes"][:, None]}, "each in one dimension"),
    "no structure": (lambda tensors: {k: v for k, v in tensors.items() if k not in GAPS}, "values need 'bytes'"),
    "another type": (lambda tensors: {**tensors, "largest": np.zeros(1, dtype=np.uint8)}, "must be F32"),
    "scales as well": (
        lambda tensors: {**tensors, "scales": np.ones(24, dtype=np.float32)},
        "does not belong to a table",
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_what_does_not_fit_is_refused_before_it_is_decoded(added, tmp_path, case):
    if added != NAME:
        pytest.skip("made for the encoding above")
    from sparserec.artefact.reader import _table

    change, message = CHANGES[case]
    model(tmp_path / "m", added)
    side = Side.of("items", 60, 24, read(tmp_path / "m").tensors)
    with pytest.raises(SparserecError, match=message):
        _table(Side("items", 60, 24, change(side.tensors)))


def test_a_file_of_an_earlier_version_can_not_have_it(added, tmp_path):
    data = model_bytes(tmp_path / "m", added)
    earlier = data.replace(b'\\"format_version\\":4', b'\\"format_version\\":2')
    assert earlier != data
    (tmp_path / "m").write_bytes(earlier)
    with pytest.raises(SparserecError, match="does not belong there"):
        read(tmp_path / "m")


def model_bytes(path: Path, name: str) -> bytes:
    model(path, name)
    return path.read_bytes()


def test_without_the_encoding_its_files_are_refused(added, tmp_path):
    model(tmp_path / "m", added)
    codec = CODECS.pop(added)
    with pytest.raises(SparserecError, match="format version 4 is not supported; this package reads version 1, 2 or 3"):
        read(tmp_path / "m")
    CODECS[added] = codec


class Raw(ValuesCodec):
    """Values as they are, in sparse tables and dense ones."""

    name = "raw"
    version = 2
    tensors: ClassVar = {"raw": "F32"}
    value_bits = 32
    dense = True

    def encode(self, table, setting):
        return {"raw": flat_values(table)}

    def decode(self, side, nnz):
        values = side.tensors["raw"]
        if len(values) != nnz or not np.isfinite(values).all():
            raise SparserecError(f"'raw' must be {nnz} finite numbers")
        return Decoded(values if side.sparse else values.reshape(side.n, side.dim))


@pytest.mark.parametrize("dense", [False, True])
def test_values_of_single_precision_in_sparse_tables_and_dense_ones(tmp_path, monkeypatch, dense):
    monkeypatch.setitem(CODECS, "raw", Raw())
    table = sparse(60, 24, np.random.default_rng(0).integers(1, 9, 60), 5)
    matrix = densified(table)
    report = write(tmp_path / "m", items=matrix if dense else table, item_ids=ids(60), values_dtype="raw")
    values = read(tmp_path / "m").items.dequantised()
    np.testing.assert_array_equal(values, matrix if dense else table.values)
    if dense:
        assert report.items == CODECS["raw"].bytes_of(60 * 24, 24)
        bound = dense_file_bytes(n_items=60, dim=24, values_dtype="raw")
        assert bound == report.items + HEADER_ALLOWANCE
    scores = matrix.astype(float) @ matrix[7]
    scores[7] = -np.inf
    best = Recommender.open(tmp_path / "m").recommend(["item 7"], k=4)
    assert [name for name, _ in best] == [f"item {row}" for row in np.argsort(-scores, kind="stable")[:4]]


def test_scales_and_a_unit_together():
    codes, columns = np.array([2, -3, 5], dtype=np.int8), np.array([0, 1, 1], dtype=np.uint8)
    scales = np.array([1, 4], dtype=np.float32)
    table = DecodedTable(2, 2, codes, scales, np.array([0, 2, 3]), columns, None, None, unit=0.5)
    assert table.column_scales().tolist() == [0.5, 2.0]
    assert table.dequantised().tolist() == [1.0, -6.0, 10.0]


def test_the_table_itself():
    """Tensors are named once, apart from those that several codecs share, and every codec can be told by one."""
    shared: set[tuple[str, str]] = set()
    for codec in CODECS.values():
        assert set(codec.tensors.items()) - shared
        shared |= set(codec.tensors.items())
        assert not any(kind in part.tensors for kind in codec.tensors for part in PARTS)
    names = [kind for part in PARTS for kind in part.tensors]
    assert len(names) == len(set(names))
    assert versions() == [1, 2, 3]
    assert tensor_types(1)["values"] == ("I8", "F16")
    for name, codec in CODECS.items():
        arrays = {
            kind: np.zeros(1, dtype={"U8": "u1", "I8": "i1", "F16": "f2", "F32": "f4", "U32": "u4"}[dtype])
            for kind, dtype in codec.tensors.items()
        }
        assert codec_of(Side("items", 1, 1, arrays)).name == name


def test_the_format_page_has_a_line_for_every_codec():
    page = (ROOT / "docs" / "artefact-format.md").read_text(encoding="utf-8")
    section = page.split("## How values are stored")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \| [^|]+ \| (\d+) \|$", section, re.MULTILINE)
    assert [name for name, *_ in rows] == list(CODECS)
    for name, tensors, tables, version in rows:
        codec = CODECS[name]
        assert {kind for kind in re.findall(r"`(\w+)`", tensors) if kind.islower()} == set(codec.tensors)
        assert (tables == "sparse, dense", int(version)) == (codec.dense, codec.version)


def test_what_is_taken_where_it_suits_is_not_asked_for(tmp_path):
    assert set(CODECS) - set(value_types()) == {"positive"}
    table = sparse(300, 24, np.full(300, 2), 5)
    with pytest.raises(SparserecError, match="can be written as int8, float16 or coded, not 'positive'"):
        write(tmp_path / "m", items=table, item_ids=ids(300), values_dtype="positive")


@pytest.mark.parametrize("name", ["int8", "float16", "coded"])
@pytest.mark.parametrize("users", [False, True])
def test_the_sizes_of_every_codec_are_those_of_its_tensors(tmp_path, name, users):
    more = {"users": sparse(3, 24, np.array([2, 3, 4]), 7), "user_ids": Vocabulary.of("uvw")} if users else {}
    model(tmp_path / "m", name, **more)
    artefact, codec = read(tmp_path / "m"), CODECS[name]
    for side, table in (("items", artefact.items), ("users", artefact.users)):
        if table is None:
            continue
        true = sum(artefact.tensors[f"{side}.{kind}"].nbytes for kind in codec.tensors)
        predicted = codec.bytes_of(table.values.size, table.dim)
        assert predicted == true or (codec.estimated and abs(predicted - true) < 0.5 * true)
