"""Every kind of bad input gets one sentence: the file, line or argument, and what would be right."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

from sparserec.errors import SparserecError
from sparserec.interactions import load

H = "user,item,rating,time\n"
R = "user_id:token\titem_id:token\n"
EURO = "Kärcher".encode("latin-1")

FILES = [
    # name, content, options, what the sentence must say
    ("e.csv", b"", {}, r"e\.csv: the file is empty"),
    ("e.txt", b"", {}, r"e\.txt: the file is empty"),
    ("e.inter", b"", {}, r"e\.inter: the file is empty"),
    ("e.parquet", b"", {}, r"e\.parquet: the file is empty"),
    ("x.csv", H.encode(), {}, r"x\.csv: there are no interactions in it"),
    ("x.txt", b"1\n2\n", {}, r"x\.txt: there are no interactions in it"),
    ("x.csv", b"\n1,2\n", {}, r"x\.csv:1: the first line is blank"),
    ("x.csv", b"1,2,3.5\n4,5,1\n", {}, r"x\.csv:1: the first line holds numbers; a header .* needed"),
    (
        "x.csv",
        b"a,b\n4,5\n",
        {},
        r"x\.csv: no column is known to be the user; name it with user=; present: 'a', 'b'",
    ),
    ("x.csv", b"user,b\n4,5\n", {}, r"x\.csv: no column is known to be the item; .*item="),
    ("x.csv", b"user,item\n4,5\n", {"item": "movie"}, r"no column 'movie' for item; present: 'user', 'item'"),
    ("x.csv", b"user,item\n4,5\n", {"timestamp": "t"}, r"no column 't' for timestamp; present"),
    ("x.csv", b"user,item\n4,5\n", {"rating": "r"}, r"no column 'r' for rating; present"),
    (
        "x.csv",
        b"user,userId,item\n4,5,6\n",
        {},
        r"user column could be 'user' or 'userId'; say which with user=",
    ),
    ("x.csv", b"user,a,a\n4,5,6\n", {"item": "a"}, r"item column could be 'a' or 'a'"),
    ("x.csv", b"user,item\n4,5\n", {"user": "item", "item": "item"}, r"must be different columns"),
    (
        "x.csv",
        b"user,item\n4,5\n",
        {"min_rating": 3},
        r"min_rating=3 needs a rating column; name it with rating=",
    ),
    ("x.csv", b"user,item\n1,2\n\n1,2,3\n", {}, r"x\.csv:4: the line has more fields than the header"),
    ("x.csv", b'user,item\n1,"2\n3,4\n', {}, r"x\.csv:2: the line is malformed"),
    (
        "x.csv",
        b'user,item\n"a\nb",1\n,2\n3,\n,4\n',
        {},
        r"x\.csv:4: no user id in column 'user' \(2 such in all\)",
    ),
    ("x.csv", b"user,item\n1,2\n\n3\n", {}, r"x\.csv:4: no item id in column 'item' \(1 such"),
    ("x.csv", b"user,item\n1,NaN\n3,nan\n", {}, r"x\.csv:2: no item id in column 'item' \(2 such"),
    ("x.csv", b'user,item\n1,2\n"",2\n', {}, r"x\.csv:3: no user id"),
    ("x.csv", b"user,item\n1,2\n3," + EURO + b"\n", {}, r"x\.csv:3: the line is not UTF-8"),
    ("x.csv", b"user,item," + EURO + b"\n1,2,3\n", {}, r"x\.csv:1: the line is not UTF-8"),
    (
        "x.csv",
        (H + "1,2,4,9\n1,3,good,9\n").encode(),
        {"min_rating": 1},
        r"x\.csv:3: column 'rating' is not a number",
    ),
    (
        "x.csv",
        (H + "1,2,4,9\n1,3,,9\n1,4,NaN,9\n").encode(),
        {"min_rating": 1},
        r"x\.csv:3: .*\(2 such in all\)",
    ),
    ("x.csv", (H + "1,2,4,9\n").encode(), {"min_rating": 5}, r"no interactions are left after min_rating=5"),
    ("x.csv", (H + "1,2,4,9\n").encode(), {"kcore": 2}, r"no interactions are left after kcore=2; lower it"),
    ("x.csv", H.encode(), {"kcore": -1}, r"kcore must be an integer of at least 0, not -1"),
    ("x.csv", H.encode(), {"kcore": 2.5}, r"kcore must be an integer"),
    ("x.csv", H.encode(), {"min_rating": float("nan")}, r"min_rating must be a finite number"),
    (
        "x.csv",
        H.encode(),
        {"format": "excel"},
        r"unknown format 'excel'; .* lightgcn, delimited, recbole, parquet, json, mtx, npz",
    ),
    ("x.xls", b"{}", {}, r"x\.xls: unknown format; the name must end in \.txt, \.csv.*format='delimited'"),
    ("x.txt", b"0 1 2\n1 -2\n", {}, r"x\.txt:2: '-2' is not a non-negative integer"),
    ("x.txt", b"0 1 2\n\n-1 2\n", {}, r"x\.txt:3: '-1' is not a non-negative integer"),
    ("x.txt", b"0 1 2\n1 two\n", {}, r"x\.txt:2: 'two' is not a non-negative integer"),
    ("x.txt", b"0 1 2.0\n", {}, r"x\.txt:1: '2\.0' is not a non-negative integer"),
    ("x.txt", "0 1 \u0663\n".encode(), {}, r"x\.txt:1: '\u0663' is not a non-negative integer"),
    ("x.txt", H.encode(), {}, r"x\.txt: there are no interactions in it"),
    ("x.txt", b"0 1\n1 \xff\n", {}, r"x\.txt:2: the line is not UTF-8"),
    (
        "x.txt",
        b"0 1\n",
        {"user": "u", "item": "i", "format": "lightgcn"},
        r"no columns or ratings; leave out user=, item=",
    ),
    ("x.txt", b"0 1\n", {"min_rating": 3, "format": "lightgcn"}, r"no columns or ratings; leave out min_rating="),
    ("x.txt", b"0 1\n", {"user": 1, "item": 2}, r"x\.txt:1: the first line holds numbers; .*header=False"),
    ("x.inter", b"user_id\titem_id\n1\t2\n", {}, r"x\.inter:1: .*'user_id' has no type; .*user_id:token"),
    (
        "x.inter",
        b"user_id:token\titem_id:float\n1\t2\n",
        {},
        r"'item_id:float' cannot be the item; .* be token",
    ),
    (
        "x.inter",
        b"a:token\titem_id:token\n1\t2\n",
        {},
        r"no column is known to be the user; .*present: 'a', 'item_id'",
    ),
    ("x.inter", (R + "1\t2\n1\n").encode(), {}, r"x\.inter:3: no item id in column 'item_id'"),
    ("x.parquet", b"PAR1 and then nothing", {}, r"x\.parquet: not a readable Parquet file"),
]


@pytest.mark.parametrize(("name", "content", "options", "message"), FILES)
def test_bad_files(tmp_path, name, content, options, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SparserecError) as caught:
        load(tmp_path / name, **options)
    assert re.search(message, str(caught.value)), str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        (
            {"user": [1, None, 3, None], "item": [1, 2, 3, 4]},
            {},
            r"row 2: no user id in column 'user' \(2 such",
        ),
        ({"user": ["a", "", "b"], "item": [1, 2, 3]}, {}, r"row 2: no user id"),
        (
            {"user": [1, 2], "item": [1.0, float("nan")]},
            {},
            r"row 2: no item id in column 'item' \(1 such in all\); .*missing='drop'",
        ),
        ({"user": [1, 2], "item": [1.5, 2.0]}, {}, r"'item' is Float64; ids must be integers or text"),
        ({"user": [1], "item": [[1]]}, {}, r"'item' is List\(Int64\)"),
        (
            {"user": [1], "item": [1], "rating": ["good"]},
            {"min_rating": 2},
            r"row 1: column 'rating' is not a number",
        ),
        (
            {"user": [1], "item": [1], "rating": [[1]]},
            {"min_rating": 2},
            r"'rating' is List.* min_rating needs",
        ),
        ({"a": [1], "item": [1]}, {}, r"no column is known to be the user; .*present: 'a', 'item'"),
    ],
)
def test_bad_parquet(tmp_path, columns, options, message):
    pl.DataFrame(columns).write_parquet(tmp_path / "x.parquet")
    with pytest.raises(SparserecError, match=message) as caught:
        load(tmp_path / "x.parquet", **options)
    assert str(tmp_path / "x.parquet") in str(caught.value)


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("files", "options", "message"),
    [
        (
            {"train_txt": "0 1\n", "test_txt": "0 2\n\n5 1\n"},
            {},
            r"test\.txt:3: test user '5' is not in .*train\.txt",
        ),
        (
            {"train_csv": "user,item\na,1\n", "test_csv": "user,item\na,2\nb,1\n"},
            {},
            r"test\.csv:3: test user 'b'",
        ),
        (
            {"train_txt": "0 1\n", "test_txt": "0 2\n"},
            {"kcore": 5},
            r"kcore=5 cannot be used with .*test\.txt",
        ),
        ({"train_txt": "0 1\n", "test_txt": ""}, {}, r"test\.txt: the file is empty"),
        ({"train_txt": "0 1\n", "test_txt": "0 a\n"}, {}, r"test\.txt:1: 'a' is not a non-negative integer"),
        (
            {"train_txt": "0 1\n", "train_csv": "user,item\n0,1\n"},
            {},
            r"train\.csv and train\.txt could both",
        ),
        ({"a_csv": "x", "b_csv": "y"}, {}, r"folder must hold train\.txt .* found a\.csv, b\.csv"),
        ({"test_txt": "0 1\n"}, {}, r"folder must hold train\.txt .* found test\.txt"),
        ({"readme_md": "hello"}, {}, r"folder must hold train\.txt .* found none of these"),
    ],
)
def test_bad_folders(tmp_path, files, options, message):
    with pytest.raises(SparserecError, match=message):
        load(write(tmp_path, **files), **options)


def test_missing_path(tmp_path):
    with pytest.raises(SparserecError, match=r"nowhere: no such file or folder"):
        load(tmp_path / "nowhere")


def test_a_test_user_in_parquet_is_named_by_row(tmp_path):
    pl.DataFrame({"user": [1], "item": [1]}).write_parquet(tmp_path / "train.parquet")
    pl.DataFrame({"user": [1, 2], "item": [1, 1]}).write_parquet(tmp_path / "test.parquet")
    with pytest.raises(SparserecError, match=r"test\.parquet, row 2: test user '2'"):
        load(tmp_path)
