"""Columns of odd types, blanks and gaps: what is read, what is left out with a note, what is told in one sentence."""

from __future__ import annotations

import json
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from sparserec.errors import SparserecError
from sparserec.interactions import load

SECOND = 978300760
DAY = 1_714_521_600_000_000  # 2024-05-01 in microseconds


def pairs(dataset) -> set[tuple[str, str]]:
    data = dataset.interactions
    users, items = data.users.to_list(), data.items.to_list()
    return {(users[u], items[i]) for u, i in zip(data.rows().tolist(), data.indices.tolist(), strict=True)}


def times(dataset) -> list[int]:
    return dataset.interactions.timestamps.tolist()


@pytest.mark.parametrize("kind", [pl.Categorical, pl.Enum(["4", "5"]), pl.String])
def test_ratings_of_any_text(tmp_path, kind):
    frame = pl.DataFrame({"user": [1, 2], "item": [1, 2], "rating": pl.Series(["5", "4"], dtype=kind)})
    frame.write_parquet(tmp_path / "x.parquet")
    for source in (frame, frame.lazy(), tmp_path / "x.parquet", frame.to_pandas()):
        assert pairs(load(source)) == {("1", "1"), ("2", "2")}
        assert pairs(load(source, min_rating=5)) == {("1", "1")}


def test_blanks_beside_numbers(tmp_path):
    (tmp_path / "x.csv").write_text(f"user,item,rating,timestamp\n1,2, 5, {SECOND}\n1,3,4 ,{SECOND + 1} \n")
    assert times(load(tmp_path / "x.csv")) == [SECOND, SECOND + 1]
    liked = load(tmp_path / "x.csv", min_rating=5)
    assert (pairs(liked), liked.tally.left_out()) == ({("1", "2")}, {"rating": 1})
    objects = [{"user": 1, "item": 2, "rating": " 5", "timestamp": f" {SECOND}"}]
    (tmp_path / "x.json").write_text(json.dumps(objects))
    assert times(load(tmp_path / "x.json", min_rating=5)) == [SECOND]


def test_a_part_without_rows_takes_no_times_away(tmp_path):
    for name, others in (("parts", ("part-00000.csv", "part-00001.csv")), ("roles", ("train.csv", "valid.csv"))):
        folder = tmp_path / name
        folder.mkdir()
        (folder / others[0]).write_text("user,item,time\n1,2,2024-05-01\n1,3,2024-05-02T00:00:00Z\n")
        (folder / others[1]).write_text("user,item,time\n\n")
        assert times(load(folder)) == [DAY, DAY + 86_400_000_000]
    folder = tmp_path / "parquet"
    folder.mkdir()
    frame = pl.DataFrame({"user": [1], "item": [2], "time": ["2024-05-01"]})
    frame.write_parquet(folder / "a.parquet")
    frame.clear().write_parquet(folder / "b.parquet")
    frame.clear().drop("time").write_parquet(folder / "c.parquet")
    assert times(load(folder)) == [DAY]


@pytest.mark.parametrize("word", ["-", "0"])
def test_times_are_judged_on_the_rows_that_count(tmp_path, word):
    views = f"view,1,2,1,{word}\n" * 1001
    (tmp_path / "x.csv").write_text(f"event,user,item,rating,timestamp\n{views}buy,1,3,5,2024-05-01\n")
    assert times(load(tmp_path / "x.csv", where="event = 'buy'")) == [DAY]
    assert times(load(tmp_path / "x.csv", min_rating=2)) == [DAY]


MIXED = [5, "x", 3.5]


@pytest.mark.parametrize("role", ["rating", "timestamp"])
def test_mixed_columns_matter_only_where_asked_for(tmp_path, role):
    frame = pd.DataFrame({"user": [1, 2, 3], "item": [1, 2, 3], role: pd.Series(MIXED, dtype=object)})
    dataset = load(frame)
    assert pairs(dataset) == {("1", "1"), ("2", "2"), ("3", "3")}
    assert not dataset.timestamped
    assert any(f"column '{role}' cannot be read" in note for note in dataset.notes)
    with pytest.raises(SparserecError, match=f"column '{role}' cannot be read .* all be numbers or all be text"):
        load(frame, **{role: role})
    with pytest.raises(SparserecError, match=f"column '{role}' cannot be read"):
        load(frame, where=f"{role} = 5")
    (tmp_path / "x.json").write_text(json.dumps([{"user": 1, "item": 2, role: 7}, {"user": 1, "item": 3, role: {}}]))
    dataset = load(tmp_path / "x.json")
    assert pairs(dataset) == {("1", "2"), ("1", "3")}
    assert any(f"x.json:2: '{role}' holds a dict" in note for note in dataset.notes)
    with pytest.raises(SparserecError, match=f"'{role}' holds a dict"):
        load(tmp_path / "x.json", **{role: role})


def test_columns_of_a_wrong_type_are_left_out_with_a_note(tmp_path):
    frame = pl.DataFrame({"user": [1], "item": [2], "rating": [[1]], "time": [True]})
    frame.write_parquet(tmp_path / "x.parquet")
    for source in (frame, tmp_path / "x.parquet"):
        dataset = load(source)
        assert any("column 'rating' is List" in note and "not read" in note for note in dataset.notes)
        assert "column 'time' is Boolean and holds no timestamps" in dataset.untimed
        for asked in ({"rating": "rating"}, {"min_rating": 1}, {"timestamp": "time"}):
            with pytest.raises(SparserecError, match=r"'rating' is List|'time' is Boolean"):
                load(source, **asked)


def test_files_of_which_one_has_no_times(tmp_path):
    (tmp_path / "train.csv").write_text("user,item,time\n1,2,5\n")
    (tmp_path / "valid.csv").write_text("user,item\n1,3\n")
    dataset = load(tmp_path)
    assert not dataset.timestamped
    assert "valid.csv: has no timestamps, and " in dataset.untimed
    assert any(note.startswith("read without timestamps: ") for note in dataset.notes)
    (tmp_path / "valid.csv").write_text("user,item,time\n1,3,2024-05-01\n")
    dataset = load(tmp_path)
    assert not dataset.timestamped
    assert "dates in" in dataset.untimed
    assert "valid.csv and numbers in" in dataset.untimed
    (tmp_path / "valid.csv").write_text("user,item,time\n1,3,6\n")
    assert times(load(tmp_path)) == [5, 6]


def test_parts_of_which_one_has_no_times(tmp_path):
    frame = pl.DataFrame({"user": [1], "item": [2], "time": [5]})
    frame.write_parquet(tmp_path / "a.parquet")
    frame.drop("time").write_parquet(tmp_path / "b.parquet")
    assert "b.parquet: has no timestamps, and " in load(tmp_path).untimed
    assert load(tmp_path, timestamps=False).untimed == ""


def test_long_whole_numbers_are_compared_exactly(tmp_path):
    items = range(2**53, 2**53 + 8)
    (tmp_path / "x.csv").write_text("user,item\n" + "".join(f"1,{item}\n1,{item}\n" for item in items))
    (tmp_path / "x.json").write_text(json.dumps([{"user": 1, "item": item} for item in items for _ in "ab"]))
    for name in ("x.csv", "x.json"):
        dataset = load(tmp_path / name, where=f"item <> {2**53 + 4}")
        assert pairs(dataset) == {("1", str(item)) for item in items if item != 2**53 + 4}
        assert dataset.tally.left_out() == {"where": 2}
        assert pairs(load(tmp_path / name, where=f"item in (1, {2**53 + 3})")) == {("1", str(2**53 + 3))}
    (tmp_path / "y.csv").write_text(f"user,item\n1,{10**30}\n1,{10**30 + 1}\n")
    assert pairs(load(tmp_path / "y.csv", where=f"item > {10**30}")) == {("1", str(10**30 + 1))}


def test_entries_of_one_place_are_added_up(tmp_path):
    rows, columns = np.array([0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 2])
    matrix = sparse.coo_matrix((np.array([2, 3, 1, -1, 4]), (rows, columns)))
    repeated = sparse.csr_array((np.array([2, 3, 4]), np.array([0, 0, 2]), np.array([0, 2, 2, 3])), shape=(3, 3))
    entries = "1 1 2\n1 1 3\n2 2 1\n2 2 -1\n3 3 4\n"
    (tmp_path / "x.mtx").write_text(f"%%MatrixMarket matrix coordinate integer general\n3 3 5\n{entries}")
    for source in (matrix, matrix.tocsr(), repeated, tmp_path / "x.mtx"):
        assert pairs(load(source, min_rating=4)) == {("0", "0"), ("2", "2")}
        assert pairs(load(source)) == {("0", "0"), ("2", "2")}
    assert any("2 entries of a place that has one before are added to it" in note for note in load(matrix).notes)
    assert (matrix.nnz, repeated.nnz) == (5, 3)  # untouched


def test_npz_damaged_anywhere(tmp_path):
    sparse.save_npz(tmp_path / "good.npz", sparse.random(40, 40, 0.3, format="csr", random_state=0))
    good = (tmp_path / "good.npz").read_bytes()
    for at in range(0, len(good), max(1, len(good) // 150)):
        (tmp_path / "x.npz").write_bytes(good[:at] + bytes(byte ^ 0x55 for byte in good[at : at + 4]) + good[at + 4 :])
        try:
            load(tmp_path / "x.npz")
        except SparserecError as error:
            assert "x.npz: not a sparse matrix" in str(error) or "holds no sparse matrix" in str(error)  # noqa: PT017


def test_matrices_that_are_none():
    matrix = sparse.csr_array(np.eye(3))
    matrix.indices[1] = 7
    with pytest.raises(SparserecError, match="the scipy csr_array: is no valid matrix"):
        load(matrix)


def test_arrow_columns_that_polars_does_not_know():
    wide = pa.array([Decimal(1)], type=pa.decimal256(50, 0))
    table = pa.table({"user": wide, "item": pa.array([1])})
    with pytest.raises(SparserecError, match=r"column 'user' cannot be read \(decimal256"):
        load(table)
    table = pa.table({"user": [1], "item": [1], "rating": wide, "more": wide})
    assert any("column 'rating' cannot be read" in note for note in load(table).notes)


def test_columns_of_one_name():
    table = pa.table([[1], [2], [3], [4], [5]], names=["user", "item", "x", "x", "rating"])
    duckdb = pytest.importorskip("duckdb")
    relation = duckdb.sql('select 1 as "user", 2 as item, 3 as x, 4 as x, 5 as rating')
    frame = pd.DataFrame([[1, 2, 3, 4, 5]], columns=["user", "item", "x", "x", "rating"])
    for source in (table, frame, relation):
        assert pairs(load(source, min_rating=5)) == {("1", "2")}
        assert pairs(load(source, item=4)) == {("1", "4")}
        with pytest.raises(SparserecError, match=r"could be 'x' or 'x' \(number 3 or number 4\)"):
            load(source, item="x")
        with pytest.raises(SparserecError, match="several such columns"):
            load(source, where="x = 3")


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pl.scan_csv("nope.csv"), "No such file"),
        (pl.LazyFrame({"user": [1], "item": [1]}).with_columns(pl.col("absent")), "absent"),
        (pl.LazyFrame({"user": ["a"], "item": [1]}).with_columns(pl.col("user").cast(pl.Int64)), "conversion"),
        (pl.LazyFrame({"user": ["a"], "item": [1]}).with_columns(pl.col("user").cast(pl.Float64)), "conversion"),
    ],
)
def test_lazy_frames_that_cannot_be_read(frame, message):
    with pytest.raises(SparserecError, match=f"polars LazyFrame: cannot be read: .*{message}") as caught:
        load(frame)
    assert "\n" not in str(caught.value)


def test_conditions_on_columns_of_folders(tmp_path):
    for month, item in (("05", 1), ("6", 2), ("rest", 3)):
        folder = tmp_path / "all" / f"month={month}"
        folder.mkdir(parents=True)
        pl.DataFrame({"user": [1], "item": [item]}).write_parquet(folder / "a.parquet")
    assert pairs(load(tmp_path / "all", where="month in ('05', 'rest')")) == {("1", "1"), ("1", "3")}
    with pytest.raises(SparserecError, match="numbers cannot be compared with text; 'month' holds text"):
        load(tmp_path / "all", where="month = 5")
    (tmp_path / "all" / "month=rest" / "a.parquet").unlink()
    for where, left in (("month = 5", "1"), ("month > 5", "2"), ("month = '05'", "1"), ("month <> 5", "2")):
        assert pairs(load(tmp_path / "all", where=where)) == {("1", left)}
    assert pairs(load(tmp_path / "all", user="month", where="month < 6")) == {("05", "1")}


@pytest.mark.parametrize("where", ["zip = '001'", "zip in ('1', '2')", "zip like '1%'", "user = 5 and zip = 'a'"])
def test_numbers_and_text_in_conditions(tmp_path, where):
    (tmp_path / "x.csv").write_text("user,item,zip\n5,1,001\n")
    for source in (tmp_path / "x.csv", pd.DataFrame({"user": [5], "item": [1], "zip": [1]})):
        with pytest.raises(SparserecError, match=r"compared with text; .*'zip' holds? numbers") as caught:
            load(source, where=where)
        assert "write texts in single quotes, numbers without" in str(caught.value)


@pytest.mark.parametrize(("kind", "exact"), [(pl.Float16, 2**11), (pl.Float32, 2**24), (pl.Float64, 2**53)])
def test_ids_that_floating_point_numbers_do_not_hold(kind, exact):
    frame = pl.DataFrame({"user": [1, exact - 1], "item": [1, 2]}).cast({"user": kind})
    assert pairs(load(frame)) == {("1", "1"), (str(exact - 1), "2")}
    frame = pl.DataFrame({"user": [1, exact + 1], "item": [1, 2]}).cast({"user": kind})
    with pytest.raises(SparserecError, match=f"whole numbers from {exact:,} on are not told apart"):
        load(frame)


def test_long_ids_of_decimal_types():
    long = 2**60 + 1
    expected = {(str(long), "1"), (str(long + 1), "1")}
    table = pa.table({"user": pa.array([long, long + 1], type=pa.decimal128(38, 0)), "item": [1, 1]})
    assert pairs(load(table)) == expected
    duckdb = pytest.importorskip("duckdb")
    relation = duckdb.sql(f'select {long}::hugeint + a as "user", 1 as item from range(2) as t(a)')
    assert pairs(load(relation)) == expected
    dataset = load(pl.DataFrame({"user": [Decimal("5.00")], "item": [1]}))
    assert pairs(dataset) == {("5", "1")}
    assert any("'user' are decimal numbers, all whole, and read as integers" in note for note in dataset.notes)


def test_rows_without_a_rating_are_not_rows_without_an_id(tmp_path):
    (tmp_path / "x.csv").write_text("user,item,rating\n1,2,5\n1,3,\n1,4,x\n1,5,2\n,6,5\n")
    dataset = load(tmp_path / "x.csv", min_rating=4, missing="drop")
    assert pairs(dataset) == {("1", "2")}
    assert dataset.tally.left_out() == {"rating": 3, "missing": 1}
    assert any("2 rows without a number in column 'rating' count as rated lower" in note for note in dataset.notes)


def test_ids_in_the_index():
    frame = pd.DataFrame({"user": [1], "item": [2], "rating": [5]}).set_index(["user", "item"])
    with pytest.raises(SparserecError, match=r"reset_index\(\) makes columns of the index \('user', 'item'\)"):
        load(frame)
    assert pairs(load(frame.reset_index())) == {("1", "2")}
