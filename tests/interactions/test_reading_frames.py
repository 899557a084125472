"""Interactions in memory, in JSON, in matrices and in parts of Parquet."""

from __future__ import annotations

import functools
import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse
from scipy.io import mmwrite

from sparserec.errors import SparserecError, on_command_line
from sparserec.interactions import load

ROWS = [("u1", "a", 4.0, 10), ("u1", "b", 2.0, 11), ("u2", "a", 5.0, 12), ("u1", "a", 1.0, 13)]
PAIRS = {("u1", "a"), ("u1", "b"), ("u2", "a")}


def pairs(dataset) -> set[tuple[str, str]]:
    data = dataset.interactions
    users, items = data.users.to_list(), data.items.to_list()
    return {(users[u], items[i]) for u, i in zip(data.rows().tolist(), data.indices.tolist(), strict=True)}


def pandas_frame() -> pd.DataFrame:
    return pd.DataFrame(ROWS, columns=["user", "item", "rating", "timestamp"])


@functools.cache  # older versions close a connection that nobody holds, for all the relation
def duckdb_connection():
    connection = pytest.importorskip("duckdb").connect()
    connection.register("events", pandas_frame())
    return connection


def duckdb_relation():
    return duckdb_connection().sql("select * from events")


FRAMES = {
    "pandas": pandas_frame,
    "pandas, other types": lambda: pandas_frame().astype({"user": "category", "item": "string", "timestamp": "Int64"}),
    "pandas, columns that fit nowhere": lambda: pandas_frame().assign(thing=[{1}, "a", 2, None]),
    "polars": lambda: pl.from_pandas(pandas_frame()),
    "polars, lazy": lambda: pl.from_pandas(pandas_frame()).lazy(),
    "arrow": lambda: pa.Table.from_pandas(pandas_frame()),
    "arrow, a batch": lambda: pa.RecordBatch.from_pandas(pandas_frame()),
    "arrow, batches": lambda: pa.Table.from_pandas(pandas_frame()).to_reader(),
    "duckdb": duckdb_relation,
}


@pytest.mark.parametrize("kind", FRAMES)
def test_frames(kind):
    dataset = load(FRAMES[kind]())
    assert pairs(dataset) == PAIRS
    assert dataset.timestamped
    assert (dataset.interactions.duplicates, dataset.tally.rows, dataset.from_path) == (1, 4, False)
    liked = load(FRAMES[kind](), min_rating=np.float32(4))
    assert pairs(liked) == {("u1", "a"), ("u2", "a")}
    assert liked.tally.left_out() == {"rating": 2}
    assert pairs(load(FRAMES[kind](), where="user = 'u1' and rating < 3")) == {("u1", "b"), ("u1", "a")}
    assert pairs(load(FRAMES[kind](), user=2, item="user")) == {(item, user) for user, item in PAIRS}


def test_a_frame_and_a_file_are_the_same_data(tmp_path):
    pandas_frame().to_csv(tmp_path / "x.csv", index=False)
    assert load(pandas_frame()).interactions.fingerprint() == load(tmp_path / "x.csv").interactions.fingerprint()


def test_gaps_in_frames():
    frame = pd.DataFrame({"user": [1.0, np.nan, 2.0], "item": [7, 8, 9]})  # gaps made floats of the ids
    with pytest.raises(SparserecError, match=r"pandas DataFrame, row 2: no user id .*missing='drop'"):
        load(frame)
    dataset = load(frame, missing="drop")
    assert pairs(dataset) == {("1", "7"), ("2", "9")}
    assert any("floating-point numbers, all whole" in note for note in dataset.notes)
    times = pd.to_datetime(pd.Series(["2020-01-01", None, "2020-01-02"]))
    assert "row 2" in load(frame.assign(time=times, user=[1, 2, 3])).untimed


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((3, 2)), r"not from numpy\.ndarray; make a frame"),
        ([("u", "i")], "not from list"),
        ({"user": [1]}, "not from dict"),
        (None, "not from NoneType"),
        (7, "not from int"),
        (pd.Series([1]), "Series"),
        (pl.Series([1]), "Series"),
        (
            pd.DataFrame({"user": [1, "a"], "item": [1, 2]}),
            "'user' cannot be read .* be numbers or all be text",
        ),
        (pd.DataFrame({"user": [1.5], "item": [1]}), "'user' is Float64; ids must be integers or text"),
        (
            pd.DataFrame([[1, 2, 3]], columns=["user", "item", "item"]),
            "could be 'item' or 'item'; say which with",
        ),
        (pd.DataFrame({"who": [1], "item": [1]}), "no column is known to be the user; name it with user="),
        (pd.DataFrame({"user": [], "item": []}), "there are no interactions in it"),
        (pl.DataFrame({"user": [1], "item": [[1]]}), r"'item' is List"),
    ],
)
def test_what_is_no_frame_of_interactions(data, message):
    with pytest.raises(SparserecError, match=message) as caught:
        load(data)
    assert "\n" not in str(caught.value)


def test_options_that_frames_have_no_use_for():
    for given in ({"separator": ";"}, {"encoding": "latin-1"}, {"header": False, "user": 1, "item": 2}):
        with pytest.raises(SparserecError, match="is no text; leave out"):
            load(pandas_frame(), **given)
    with pytest.raises(SparserecError, match="format= is for files"):
        load(pandas_frame(), format="delimited")


VALUES = np.array([[5, 0, 0, 1], [0, 0, 0, 0], [0, 3, 0, -1]], dtype=float)


@pytest.mark.parametrize("form", ["csr_matrix", "csr_array", "csc_matrix", "coo_array", "lil_matrix", "dok_array"])
def test_sparse_matrices(form):
    matrix = getattr(sparse, form)(VALUES)
    dataset = load(matrix)
    assert pairs(dataset) == {("0", "0"), ("0", "3"), ("2", "1"), ("2", "3")}  # numbers of rows and columns
    assert any("1 entries are below 0 and count as liked" in note for note in dataset.notes)
    assert any("1 of 3 rows and 1 of 4 columns hold no interaction" in note for note in dataset.notes)
    rated = load(matrix, min_rating=3)
    assert pairs(rated) == {("0", "0"), ("2", "1")}
    assert rated.tally.left_out() == {"rating": 2}


def test_entries_of_zero_are_no_interactions():
    matrix = sparse.csr_array((np.array([1.0, 0.0]), np.array([0, 1]), np.array([0, 2])), shape=(1, 2))
    assert load(matrix).tally.left_out() == {"zeros": 1}
    assert pairs(load(matrix, min_rating=0)) == {("0", "0"), ("0", "1")}
    with pytest.raises(SparserecError, match="not a finite number"):
        load(sparse.csr_array(np.array([[np.nan]])))
    with pytest.raises(SparserecError, match="no columns to name; leave out user="):
        load(matrix, user="u")


def test_matrices_in_files(tmp_path):
    matrix = sparse.csr_matrix(VALUES)
    sparse.save_npz(tmp_path / "x.npz", matrix)
    mmwrite(tmp_path / "x.mtx", matrix)
    expected = load(matrix).interactions.fingerprint()
    for name in ("x.npz", "x.mtx"):
        assert load(tmp_path / name).interactions.fingerprint() == expected


HOSTILE = {
    "indices beyond the columns": {"indices": np.array([0, 99, 1])},
    "negative indices": {"indices": np.array([0, -9, 1])},
    "pointers beyond the entries": {"indptr": np.array([0, 200_000, 3])},
    "too few pointers": {"indptr": np.array([0, 3])},
    "no indices": {"indices": None},
    "pickled values": {"data": np.array([{}, 1, 2], dtype=object)},
    "no such form": {"format": np.array(b"xyz")},
}


@pytest.mark.parametrize("case", HOSTILE)
def test_damaged_npz(tmp_path, case):
    good = {"format": np.array(b"csr"), "shape": np.array([2, 2]), "data": np.ones(3)}
    good |= {"indices": np.array([0, 1, 1]), "indptr": np.array([0, 2, 3])}
    np.savez(tmp_path / "good.npz", **good)
    assert load(tmp_path / "good.npz").interactions.nnz == 3
    np.savez(tmp_path / "x.npz", **{name: value for name, value in (good | HOSTILE[case]).items() if value is not None})
    with pytest.raises(SparserecError, match=r"x\.npz: (not a sparse matrix|holds no sparse matrix)"):
        load(tmp_path / "x.npz")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "good.npz").read_bytes()[:300])
    with pytest.raises(SparserecError, match=r"cut\.npz: not a sparse matrix"):
        load(tmp_path / "cut.npz")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello", "not a readable MatrixMarket file"),
        ("%%MatrixMarket matrix array real general\n1 1\n1\n", "dense matrix"),
        ("%%MatrixMarket matrix coordinate pattern general\n3 3 2\n1 9\n3 2\n", "not a readable MatrixMarket file"),
    ],
)
def test_damaged_mtx(tmp_path, text, message):
    (tmp_path / "x.mtx").write_text(text)
    with pytest.raises(SparserecError, match=message):
        load(tmp_path / "x.mtx")


OBJECTS = [
    {"reviewerID": "A1", "asin": "B1", "overall": 4.0, "reviewText": 'good, "really"\nyes', "unixReviewTime": 12},
    {"reviewerID": "A1", "asin": "B2", "overall": 2.0, "helpful": [1, 2], "unixReviewTime": 13},
    {"reviewerID": 7, "asin": "B1", "overall": 5, "unixReviewTime": 14},
]


@pytest.mark.parametrize("name", ["x.json", "x.jsonl", "x.ndjson", "array.json"])
def test_json(tmp_path, name):
    lines = "\n".join(map(json.dumps, OBJECTS)) + "\n\n"
    (tmp_path / name).write_text(json.dumps(OBJECTS, indent=1) if name == "array.json" else lines)
    dataset = load(tmp_path / name)
    assert pairs(dataset) == {("A1", "B1"), ("A1", "B2"), ("7", "B1")}
    assert dataset.interactions.timestamps.tolist() == [14, 12, 13]  # type: ignore[union-attr]  # user 7 is first
    assert pairs(load(tmp_path / name, min_rating=4)) == {("A1", "B1"), ("7", "B1")}
    assert pairs(load(tmp_path / name, where="overall < 3")) == {("A1", "B2")}
    assert pairs(load(tmp_path / name, user="asin", item="reviewerID")) == {("B1", "A1"), ("B2", "A1"), ("B1", "7")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"user": 1, "item": 2}\n{"user": 1}\n', r"x\.json:2: no item id"),
        ('{"user": 1, "item": 2}\n{"user": 1,\n', r"x\.json:2: is not JSON"),
        ("{'user': 1, 'item': 2}\n", r"x\.json:1: is not JSON"),
        ("[1, 2]", r"x\.json:1: must be an object"),
        ('[{"user": 1},\n {]', r"x\.json:2: is not JSON"),
        ('{"user": {"id": 1}, "item": 2}', r"x\.json:1: 'user' holds a dict"),
        ('{"user": "\\ud800", "item": 2}', r"x\.json:1: 'user' holds half of a surrogate pair"),
        ('{"data": 1}', "no column is known to be the user"),
        ("[" * 100_000, r"x\.json: is not JSON|x\.json:1: "),
    ],
)
def test_bad_json(tmp_path, text, message):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(SparserecError, match=message):
        load(tmp_path / "x.json")


def test_parts_of_parquet(tmp_path):
    flat, nested = tmp_path / "flat", tmp_path / "nested"
    frame = pl.from_pandas(pandas_frame())
    for number in range(2):
        part = frame.slice(2 * number, 2)
        flat.mkdir(exist_ok=True)
        part.write_parquet(flat / f"part-{number}.parquet")
        folder = nested / f"day=2024-05-0{number + 1}" / "kind=buy"
        folder.mkdir(parents=True)
        part.drop("timestamp").with_columns(pl.col("rating").cast(pl.Int32)).write_parquet(folder / "x.parquet")
    (flat / "_SUCCESS").touch()
    assert pairs(load(flat)) == PAIRS
    assert load(flat).tally.rows == 4
    dataset = load(nested, timestamp="day")
    assert pairs(dataset) == PAIRS
    assert dataset.timestamped
    assert pairs(load(nested, where="day = '2024-05-01'", timestamps=False)) == {("u1", "a"), ("u1", "b")}
    frame.with_columns(user=None).write_parquet(flat / "part-2.parquet")
    with pytest.raises(SparserecError, match=r"part-2\.parquet, row 1: no user id"):
        load(flat)


def write(folder, **files):
    for name, text in files.items():
        path = folder / name.replace("__", ".")
        if path.suffix.lower() == ".parquet":
            users, items = zip(*(line.split(",") for line in text.splitlines()[1:]), strict=True)
            pl.DataFrame({"user": users, "item": items}).write_parquet(path)
        else:
            path.write_text(text.replace(",", "\t") if path.suffix.lower() == ".tsv" else text)


@pytest.mark.parametrize(
    "name", ["test__tsv", "test__CSV", "Test__csv", "test__parquet", "testing__csv", "test__jsonl"]
)
def test_a_test_file_of_any_kind_is_read(tmp_path, name):
    text = '{"user": "1", "item": "4"}\n' if name.endswith("jsonl") else "user,item\n1,4\n"
    write(tmp_path, train__csv="user,item\n1,2\n1,3\n", **{name: text})
    dataset = load(tmp_path)
    assert dataset.test is not None
    assert (dataset.interactions.nnz, dataset.test.nnz) == (2, 1)


@pytest.mark.parametrize("name", ["valid__csv", "val__csv", "validation__tsv", "dev__CSV"])
def test_a_validation_file_of_any_name_is_read_into_train(tmp_path, name):
    write(tmp_path, train__csv="user,item\n1,2\n", **{name: "user,item\n1,4\n"})
    assert load(tmp_path).interactions.nnz == 2


@pytest.mark.parametrize("name", ["test__xlsx", "val__pkl", "ml_test__csv"])
def test_a_test_file_that_cannot_be_read_is_refused(tmp_path, name):
    write(tmp_path, train__csv="user,item\n1,2\n", **{name: "user,item\n1,4\n"})
    with pytest.raises(SparserecError, match=r"lies beside train\.csv and could be its"):
        load(tmp_path)
    assert load(tmp_path / "train.csv").interactions.nnz == 1


def test_parts_with_a_name_before(tmp_path):
    write(tmp_path, ml__train__csv="user,item\n1,2\n", ml__test__csv="user,item\n1,4\n", ml__items__csv="item\n1\n")
    dataset = load(tmp_path)
    assert dataset.test is not None
    assert (dataset.interactions.nnz, dataset.test.nnz) == (1, 1)
    write(tmp_path, test__tsv="user,item\n1,4\n")
    with pytest.raises(SparserecError, match=r"test\.tsv: lies beside ml\.train\.csv"):
        load(tmp_path)


def test_refusals_speak_the_callers_language(tmp_path):
    (tmp_path / "x.csv").write_text("user,item\n1,2\n")
    with pytest.raises(SparserecError, match=r"min_rating=4 needs a rating column; name it with rating="):
        load(tmp_path / "x.csv", min_rating=4)
    with (
        on_command_line(),
        pytest.raises(SparserecError, match=r"--min-rating 4 needs a rating column; name it with --rat"),
    ):
        load(tmp_path / "x.csv", min_rating=4)
