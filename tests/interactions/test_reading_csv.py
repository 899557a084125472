"""Delimited text as the world writes it: quotes, line ends, separators, no header, other encodings, compressed."""

from __future__ import annotations

import csv
import gzip
import io
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from sparserec.errors import SparserecError, on_command_line
from sparserec.interactions import load
from sparserec.interactions.survey import survey


def pairs(dataset) -> set[tuple[str, str]]:
    data = dataset.interactions
    users, items = data.users.to_list(), data.items.to_list()
    return {(users[u], items[i]) for u, i in zip(data.rows().tolist(), data.indices.tolist(), strict=True)}


def by_csv(path: Path, separator: str = ",") -> list[tuple[str, str]]:
    """What Python's csv reads below the header, blank records left out."""
    with path.open(newline="", encoding="utf-8") as file:
        records = list(csv.reader(file, delimiter=separator))[1:]
    return [(record[0], record[1]) for record in records if any(record)]


def random_file(source: random.Random, separator: str) -> str:
    """A small table with a third column that is not needed and has quotes in odd places."""

    def quoted() -> str:
        return (
            '"' + "".join(source.choice(["a", '""', "\n", separator, "é"]) for _ in range(source.randint(0, 4))) + '"'
        )

    def stray() -> str:
        return "".join(source.choice(['"', "a", '""', " ", "1", "é"]) for _ in range(source.randint(1, 4)))

    lines = [separator.join(["user", "item", "title"])]
    for _ in range(source.randint(1, 6)):
        ids = [f"u{source.randint(0, 3)}", f"i{source.randint(0, 5)}"]
        if source.random() < 0.2:
            ids = [source.choice([quoted, stray])(), source.choice([quoted, stray])()]
        title = source.choice([quoted, stray, lambda: "Plain", lambda: ""])()
        lines.append(separator.join([*ids, title]))
    return source.choice(["\n", "\n", "\r\n", "\r"]).join(lines) + source.choice(["", "\n"])


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_random_quotes_are_read_as_csv_reads_them_or_refused_with_a_line(tmp_path, separator):
    path, read = tmp_path / "x.csv", 0
    for number in range(250):
        text = random_file(random.Random(number), separator)
        path.write_text(text, newline="", encoding="utf-8")
        try:
            dataset = load(path, missing="text")
        except SparserecError as error:
            message = str(error)
            assert "x.csv:" in message, (text, message)
            continue
        expected = by_csv(path, separator)
        assert pairs(dataset) == set(expected), text
        assert dataset.tally.rows == len(expected), text
        read += 1
    assert read > 100


def test_quotes_in_a_column_that_is_not_read_lose_no_rows(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text('user,item,title\nu0,i0,"Odd" Bob 12" single\nu1,i1,Plain\nu2,i2,7" disc\nu3,i3,Plain\n')
    assert pairs(load(path)) == {(f"u{n}", f"i{n}") for n in range(4)}
    path.write_text('user,item\n1,5" disc\n3,ok\n')
    assert pairs(load(path)) == {("1", '5" disc'), ("3", "ok")}
    path = tmp_path / "x.inter"
    path.write_text('user_id:token\titem_id:token\ttitle:token_seq\n1\t2\t5" disc\n3\t4\tok\n5\t6\t7" single\n')
    assert pairs(load(path)) == {("1", "2"), ("3", "4"), ("5", "6")}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b'a,"b ""c""",d\r\n"x\ny",2\n', (True, True, False)),
        (b"a,b\rc,d\r", (False, True, True)),
        (b'a,5" b\n', (True, False, False)),
        (b'a,"b"c\n', (True, False, False)),
        (b'a,"b\n', (True, False, False)),
        (b'\xef\xbb\xbf"a",b\n', (True, True, False)),
    ],
)
@pytest.mark.parametrize("chunk", [1, 2, 3, 1 << 20])
def test_what_the_survey_finds(text, found, chunk, monkeypatch):
    monkeypatch.setattr("sparserec.interactions.survey.CHUNK", chunk)
    seen = survey(io.BytesIO(text), b",")
    assert (seen.quotes, seen.regular, seen.bare_returns) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('user,item,title\n1,2,"He said \\"hi\\""\n3,,ok\n', r"x\.csv:3: no item id"),
        ('user,item,title\n1,2,"Hello" world\n3,,ok\n', r"x\.csv:3: no item id"),
        ("user,item\r1,2\r3,\r", r"x\.csv:3: no item id"),
        ('user,item,title\n1,2,x\n3,4,"never closed\n5,6,y\n', r"x\.csv:3: .* never closed"),
        ("user,item\n1,10,,\n2,20,,\n", r"x\.csv:2: the line has more fields"),
        ("user,item\n1,10\n2,20,a,b,c\n", r"x\.csv:3: the line has more fields"),
        ('user,item\n1,5" a\n2,20,a,b,c\n', r"x\.csv:3: the line has more fields"),
        ("user,item,note\n1,2,x\n3,\xe9,y\n", r"x\.csv:3: the line is not UTF-8 text; .*encoding='latin-1'"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path, text, message):
    (tmp_path / "x.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(SparserecError, match=message):
        load(tmp_path / "x.csv")


def test_carriage_returns_alone_end_lines(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b"user,item,rating,timestamp\r1,10,4,100\r1,20,5,200\r2,10,3,150\r")
    data = load(path).interactions
    assert (data.nnz, data.timestamps.tolist()) == (3, [100, 200, 150])  # type: ignore[union-attr]
    (tmp_path / "x.txt").write_bytes(b"0 1 2\r1 2\r")
    assert load(tmp_path / "x.txt").interactions.nnz == 3


EVENTS = [("7", "b", 3, 30), ("u2", "10", 5, 11), ("u2", "9", 1, 12), ("7", "b", 4, 20)]
EXPECTED = {("7", "b"), ("u2", "10"), ("u2", "9")}


@pytest.mark.parametrize("separator", ["\t", "::", ";", "|", ",", " ", "|||"])
def test_tables_without_a_header_by_number(tmp_path, separator):
    path = tmp_path / "ratings.dat"
    path.write_text("".join(separator.join(map(str, row)) + "\n" for row in EVENTS))
    given = {"separator": separator} if separator == "|||" else {}
    dataset = load(path, header=False, user=1, item="2", rating=np.int64(3), timestamp=4, **given)
    assert pairs(dataset) == EXPECTED
    assert dataset.timestamped
    assert pairs(load(path, header=False, user=1, item=2, rating=3, min_rating=np.float64(3), **given)) == {
        ("7", "b"),
        ("u2", "10"),
    }


@pytest.mark.parametrize("name", ["u.data", "ratings.dat", "log.csv", "checkins.txt"])
def test_a_table_without_a_header_is_refused_with_the_options_that_read_it(tmp_path, name):
    path = tmp_path / name
    path.write_text("7\t2015-06-02T22:47:54Z\t30.23\t848\n9\t2015-06-03T22:47:54Z\t30.24\t849\n")
    with on_command_line(), pytest.raises(SparserecError, match="--no-header --user 1 --item 2"):
        load(path)
    with pytest.raises(SparserecError, match="header=False, user=1, item=2"):
        load(path)
    assert load(path, header=False, user=1, item=4, timestamp=2).timestamped


def test_a_header_is_no_interaction(tmp_path):
    (tmp_path / "x.csv").write_text("userId,movieId\n1,2\n")
    with pytest.raises(SparserecError, match=r"the first line is a header .* leave out header=False"):
        load(tmp_path / "x.csv", header=False, user=1, item=2)
    (tmp_path / "y.csv").write_text("1,2\n3,4\n")
    with pytest.raises(SparserecError, match="given by number"):
        load(tmp_path / "y.csv", header=False)


def test_columns_by_number_beside_a_header(tmp_path):
    (tmp_path / "x.csv").write_text("when,who,what\n5,a,b\n")
    assert pairs(load(tmp_path / "x.csv", user=2, item=3)) == {("a", "b")}
    with pytest.raises(SparserecError, match="there is no column 4 for item; there are 3"):
        load(tmp_path / "x.csv", user=2, item=4)


def test_other_encodings(tmp_path):
    text = '"User-ID";"ISBN";"Title"\n"1";"09X";"Café"\n"2";"08";"é"\n'
    path = tmp_path / "books.csv"
    path.write_bytes(text.encode("latin-1"))
    with on_command_line(), pytest.raises(SparserecError, match=r"books\.csv:2: .*--encoding latin-1"):
        load(path)
    assert pairs(load(path, encoding="latin-1")) == {("1", "09X"), ("2", "08")}
    path.write_bytes(text.encode("utf-16"))
    assert pairs(load(path)) == {("1", "09X"), ("2", "08")}  # its byte order mark says so
    with pytest.raises(SparserecError, match="encoding 'latin-99' is not known"):
        load(path, encoding="latin-99")


def packed(path: Path, data: bytes) -> Path:
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(data))
    else:
        with pa.CompressedOutputStream(str(path), "zstd") as out:
            out.write(data)
    return path


@pytest.mark.parametrize("ending", [".gz", ".zst"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.csv", "user,item\n1,2\n"),
        ("x.json", '{"user": 1, "item": 2}\n'),
        ("x.txt", "1 2\n"),
        ("x.inter", "user_id:token\titem_id:token\n1\t2\n"),
    ],
)
def test_compressed_files(tmp_path, ending, name, text):
    path = packed(tmp_path / f"{name}{ending}", text.encode())
    assert pairs(load(path)) == {("1", "2")}
    assert pairs(load(tmp_path)) == {("1", "2")}
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(SparserecError, match="cannot be decompressed"):
        load(path)


def test_names_that_are_not_utf8(tmp_path):
    import os

    raw = os.fsencode(tmp_path) + b"/\xff.csv"
    try:
        Path(os.fsdecode(raw)).write_text("user,item\n1,2\n3,\n")
    except OSError:
        pytest.skip("the file system takes UTF-8 names alone")
    with pytest.raises(SparserecError) as caught:
        load(os.fsdecode(raw))
    assert r"\xff.csv:3: no item id" in str(caught.value).encode().decode()
    assert load(os.fsdecode(raw), missing="drop").interactions.nnz == 1


def test_rows_chosen_in_sql(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text('user,event,item,amount,"Order No"\n1,view,a,,7\n1,buy,b,3,8\n2,buy,"c,",12,\n3,view,d,1,9\n')
    assert pairs(load(path, where="event = 'buy'")) == {("1", "b"), ("2", "c,")}
    assert pairs(load(path, where="amount > 2")) == {("1", "b"), ("2", "c,")}  # as numbers: 12 > 2
    assert pairs(load(path, where='"Order No" is null or user = 3')) == {("2", "c,"), ("3", "d")}
    dataset = load(path, where="event like 'b%' and not amount between 10 and 20")
    assert (pairs(dataset), dataset.tally.rows, dataset.tally.left_out()) == ({("1", "b")}, 4, {"where": 3})
    for where, message in (
        ("nothing = 1", "no column 'nothing' for where="),
        ("event =", "cannot be used as a condition"),
        ("amount + 1", "must be a condition"),
        ("amount > 'x'", "numbers cannot be compared with text; 'amount' holds numbers"),
        ("item in (select item from self)", "query of its own"),
        ("event = 'sell'", "no interactions are left after where="),
    ):
        with pytest.raises(SparserecError, match=message):
            load(path, where=where)


def test_rows_that_the_condition_leaves_out_need_no_ids(tmp_path):
    (tmp_path / "x.csv").write_text("user,item,kind\n1,2,a\n,3,b\n")
    assert pairs(load(tmp_path / "x.csv", where="kind = 'a'")) == {("1", "2")}


@pytest.mark.parametrize(
    "word", ["None", "null", "NULL", "NA", "<NA>", "\\N", "#N/A", "nan", "NaN", "N/A", "n/a", " ", " NaN "]
)
def test_words_for_nothing_are_no_ids(tmp_path, word):
    path = tmp_path / "x.csv"
    path.write_text(f"user,item\n{word},2\n3,4\n{word},5\n")
    with (
        on_command_line(),
        pytest.raises(SparserecError, match=r"x\.csv:2: no user id .*\(2 such in all\).*--missing drop"),
    ):
        load(path)
    dataset = load(path, missing="drop")
    assert pairs(dataset) == {("3", "4")}
    assert dataset.tally.left_out() == {"missing": 2}
    assert any("2 rows without an id" in note for note in dataset.notes)
    assert pairs(load(path, missing="text")) == {(word, "2"), ("3", "4"), (word, "5")}


def test_a_line_of_blanks_is_a_gap_and_an_empty_one_is_not(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("user,item\n1,2\n\n   \n3,4\n")
    with pytest.raises(SparserecError, match=r"x\.csv:4: no user id"):
        load(path)
    dataset = load(path, missing="drop")
    assert dataset.interactions.users.to_list() == ["1", "3"]
    assert dataset.tally.left_out() == {"missing": 1, "blank": 1}


@pytest.mark.parametrize(
    "text",
    [
        "1 1 2\n1 2 4\n2 7 3\n2 8 3\n",  # users start several lines
        "1\t2\t3\t881250949\n4\t5\t1\t891717742\n",  # all lines of one width
        "1 2 3 10\n1 3 4 11\n2 3 4\n2 5 4 11\n",
    ],
)
def test_a_table_is_never_taken_for_lightgcn_text(tmp_path, text):
    path = tmp_path / "u.txt"
    path.write_text(text)
    with on_command_line(), pytest.raises(SparserecError, match=r"--no-header --user 1 --item 2.*--format lightgcn"):
        load(path)
    assert load(path, format="lightgcn").interactions.nnz > 0
    expected = {tuple(line.split()[:2]) for line in text.splitlines()}
    assert pairs(load(path, header=False, user=1, item=2)) == expected


def test_lightgcn_text_with_a_byte_order_mark(tmp_path):
    (tmp_path / "x.txt").write_bytes(b"\xef\xbb\xbf0 1 2\n1 2\n")
    assert pairs(load(tmp_path / "x.txt")) == {("0", "1"), ("0", "2"), ("1", "2")}


def test_other_text_files_are_tables(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("user item\n1 2\n3  4\n")
    assert pairs(load(path)) == {("1", "2"), ("3", "4")}
    path.write_text("userId::movieId::t\n1::2::3\n")
    assert pairs(load(path)) == {("1", "2")}


def test_surprises_are_told(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("user,item,rating\n1,2,-1\n1,3,0\n 1,4,5\n1,4,3\n1,4,2\n")
    dataset = load(path)
    notes = " / ".join(dataset.notes)
    assert "5 rows read; 1 repeated pair folded" in notes
    assert "2 rows have a rating of 0 or below in column 'rating'" in notes
    assert "1 user ids begin or end with a blank" in notes
    rated = load(path, min_rating=3, kcore=1)
    assert rated.tally.left_out() == {"rating": 3}
    assert not any("0 or below" in note for note in rated.notes)


def test_numpy_numbers_are_numbers(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("user,item,rating\n1,2,3\n1,3,4\n2,2,4\n2,3,5\n")
    dataset = load(path, min_rating=np.int64(4), kcore=np.int32(1), user=np.int16(1), timestamps=np.bool_(False))
    assert dataset.interactions.nnz == 3
    assert dataset.reading == {"min_rating": 4, "kcore": 1, "user": 1, "timestamps": False}
    for bad in ({"min_rating": np.bool_(True)}, {"kcore": np.float64(1)}, {"user": np.int64(0)}, {"missing": "no"}):
        with pytest.raises(SparserecError):
            load(path, **bad)
