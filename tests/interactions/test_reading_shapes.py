"""Tables whose shape is easily mistaken: no header, commas that separate nothing, remarks, names that nearly fit."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
import pytest

from sparserec.errors import SparserecError, on_command_line
from sparserec.interactions import Interactions, Split, load, split, write_split
from sparserec.vocabulary import Vocabulary


def pairs(dataset) -> set[tuple[str, str]]:
    data = dataset.interactions
    users, items = data.users.to_list(), data.items.to_list()
    return {(users[u], items[i]) for u, i in zip(data.rows().tolist(), data.indices.tolist(), strict=True)}


def written(folder: Path, text: str, name: str = "x.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


AMAZON = "A1X,B001,5.0,1341100800\nA2Y,B001,3.0,1341100801\nA1X,B002,4.0,1341100802\n"
BARE = {"header": False, "user": 1, "item": 2}


@pytest.mark.parametrize(
    "text", [AMAZON, "u1,i1,2020-01-01\nu2,i2,2020-01-02\n", "u1,i1,5\nu2,i2,\nu3,i3,4\n", "u1,i1,3\n"]
)
def test_a_forgotten_no_header_loses_no_row(tmp_path, text):
    path = written(tmp_path, text)
    with pytest.raises(SparserecError, match=r"x\.csv:1: the first line holds values .*header=False, user=1, item=2"):
        load(path, user=1, item=2)
    with on_command_line(), pytest.raises(SparserecError, match="--no-header --user 1 --item 2"):
        load(path, user="1", item="2")
    assert load(path, **BARE).tally.rows == len(text.splitlines())


def test_a_first_line_of_words_is_asked_about(tmp_path):
    path = written(tmp_path, "who,what\na,b\na,c\n")
    with pytest.raises(SparserecError, match=r"could hold column names or values .*user='who', item='what'"):
        load(path, user=1, item=2)
    expected = {("a", "b"), ("a", "c")}
    assert pairs(load(path, user="who", item="what")) == expected
    assert pairs(load(path, user=1, item=2, header=True)) == expected
    assert pairs(load(path, **BARE)) == {("who", "what"), *expected}


@pytest.mark.parametrize(
    "text", ["user,item,rating\n1,2,3\n", "a,b,c\n1,2,3\n", "a,b,3rd\n1,2,3\n", "a,b,day\n1,2,2020-01-01\n"]
)
def test_a_header_over_numbers_is_one(tmp_path, text):
    assert pairs(load(written(tmp_path, text), user=1, item=2)) == {("1", "2")}


@pytest.mark.parametrize(
    "text",
    [
        "1;2;4,5\n3;4;1,5\n",
        "1|2|2020-01-01 10:00:00,123\n3|4|2020-01-02 10:00:00,456\n",
        "1::2::Title 2, The\n3::4::Other, The\n",
        "1::2::Title 2, The, Long\n3::4::Short\n",
        "1\t2\ta,b,c,d\n3\t4\te,f,g,h\n",
        "1 2 4,5\n3 4 3,0\n",
        '1;2;"a, b, c, d"\n3;4;"e, f, g, h"\n',
        "1,2,fe80::1\n3,4,fe80::2\n",
        "1,2,Mon Jan 1 2020\n3,4,Tue Feb 2 2020\n",
    ],
)
def test_a_comma_that_separates_nothing(tmp_path, text):
    assert pairs(load(written(tmp_path, text), **BARE)) == {("1", "2"), ("3", "4")}


def test_an_address_cuts_nothing(tmp_path):
    assert pairs(load(written(tmp_path, "1,fe80::1\n2,fe80::2\n"), **BARE)) == {("1", "fe80::1"), ("2", "fe80::2")}


def test_two_separators_that_cut_alike_are_asked_about(tmp_path):
    path = written(tmp_path, "1;2,5\n3;4,5\n")
    with pytest.raises(SparserecError, match=r"x\.csv: ',' and ';' cut the first lines alike, .*separator="):
        load(path, **BARE)
    assert pairs(load(path, **BARE, separator=";")) == {("1", "2,5"), ("3", "4,5")}


SNAP = "# Directed graph: x.txt\n# Nodes: 3 Edges: 3\n# FromNodeId\tToNodeId\n0\t1\n0\t2\n1\t2\n"
EDGES = {("0", "1"), ("0", "2"), ("1", "2")}


def test_remarks_of_edge_lists_are_passed_over_and_told(tmp_path):
    for dataset in (
        load(written(tmp_path, SNAP, "x.txt")),
        load(written(tmp_path, SNAP, "x.txt"), **BARE),
        load(written(tmp_path, SNAP, "y.tsv"), **BARE),
        load(written(tmp_path, SNAP, "y.tsv"), user="# FromNodeId", item="ToNodeId"),
        load(written(tmp_path, SNAP.replace("\n", "\r"), "z.txt")),
        load(written(tmp_path, SNAP.replace("\n", "\r"), "z.tsv"), **BARE),
    ):
        assert (pairs(dataset), dataset.tally.rows, dataset.tally.left_out()) == (EDGES, 3, {})
        assert any("passed over as remarks ('# Directed graph" in note for note in dataset.notes)
    path = written(tmp_path, "# a\n\n1 x\n", "x.txt")
    with pytest.raises(SparserecError, match=r"x\.txt:3: 'x' is not a non-negative integer"):
        load(path)


def test_konect_is_read_by_following_the_advice(tmp_path):
    path = written(tmp_path, "% bip weighted\n% 2 2 2\n1 1 5 100\n2 1 4 200\n", "out.txt")
    with pytest.raises(SparserecError, match="header=False, user=1, item=2, rating=3, timestamp=4"):
        load(path)
    dataset = load(path, **BARE, rating=3, timestamp=4)
    assert pairs(dataset) == {("1", "1"), ("2", "1")}
    assert dataset.interactions.timestamps.tolist() == [100, 200]  # type: ignore[union-attr]
    with pytest.raises(SparserecError, match=r"out\.txt:5: no item id"):
        load(written(tmp_path, "% bip weighted\n% 2 2 2\n1 1 5 100\n2 1 4 200\n3\n", "out.txt"), **BARE, rating=3)


def test_remarks_above_a_header(tmp_path):
    for first in ("# made today\n", "# made today, by me\n", "# made today\n\n", "sep=,\n"):
        for rest in ("user,item\n1,2\n3,4\n", 'user,item,title\n1,2,5" a\n3,4,b\n'):
            path = written(tmp_path, first + rest)
            assert pairs(load(path)) == {("1", "2"), ("3", "4")}
            path = written(tmp_path, first + rest + ",5\n")
            with pytest.raises(SparserecError, match=rf"x\.csv:{(first + rest).count(chr(10)) + 1}: no user id"):
                load(path)


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("#user,item\n1,2\n", {}, {("1", "2")}),
        ("#user,item,note\n1,2\n", {}, {("1", "2")}),
        ("# made today\n#who,what,note\n1,2\n", {"user": "#who", "item": "what"}, {("1", "2")}),
        ("# made today\n#user;item;title\n1;2;a, b, c, d\n", {}, {("1", "2")}),
        ("#1,i1\n#2,i2\n3,i3\n", BARE, {("#1", "i1"), ("#2", "i2"), ("3", "i3")}),
        ("#1,i1\n#2,i2\n", BARE, {("#1", "i1"), ("#2", "i2")}),
        ("#1,5\n2,6\n", BARE, {("#1", "5"), ("2", "6")}),
        ("#a,who\nb,what\n", BARE, {("#a", "who"), ("b", "what")}),
        ("#a,i1\n3,i3\n", BARE, {("#a", "i1"), ("3", "i3")}),
        ("user,item\n#1,2\n#2,3\n4,5\n", {}, {("#1", "2"), ("#2", "3"), ("4", "5")}),
    ],
)
def test_ids_and_headers_that_begin_with_a_mark_stay(tmp_path, text, options, expected):
    dataset = load(written(tmp_path, text), **options)
    assert pairs(dataset) == expected


@pytest.mark.parametrize("width", [3, 5, 8])
def test_lines_of_one_width_are_a_table_or_not(tmp_path, width):
    lines = [" ".join([str(n), str(100 + n), *["1"] * (width - 2)]) for n in range(39)]
    path = written(tmp_path, "\n".join(lines) + "\n", "x.txt")
    with (
        on_command_line(),
        pytest.raises(SparserecError, match=rf"hold {width} numbers.*--user 1 --item 2.*--format lightgcn"),
    ):
        load(path)
    assert load(path, **BARE).interactions.nnz == 39


@pytest.mark.parametrize("name", ["test_set.csv", "testset.csv", "test1.csv", "test_ratings.csv", "holdout.csv"])
def test_a_file_that_is_nearly_named_test_is_asked_about(tmp_path, name):
    written(tmp_path, "user,item\n1,2\n", "train.csv")
    written(tmp_path, "user,item\n1,3\n", name)
    with pytest.raises(SparserecError, match=rf"{name}: lies beside train\.csv and could be its test part"):
        load(tmp_path)
    (tmp_path / name).rename(tmp_path / "test.csv")
    assert load(tmp_path).test is not None
    written(tmp_path, "item,title\n1,3\n", "test_items.csv")
    written(tmp_path, "item,title\n1,3\n", "latest.csv")
    assert load(tmp_path).test is not None
    (tmp_path / "test.csv").unlink()
    (tmp_path / "test_items.csv").unlink()
    assert load(tmp_path).test is None


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_text_without_a_mark_is_refused_with_its_encoding(tmp_path, encoding):
    path = tmp_path / "x.csv"
    path.write_bytes("user,item\n1,2\n3,4\n".encode(encoding))
    for given in (None, "latin-1"):
        with pytest.raises(SparserecError, match=f"x.csv: .*NUL bytes.*encoding='{encoding}'"):
            load(path, encoding=given)
    assert pairs(load(path, encoding=encoding)) == {("1", "2"), ("3", "4")}


@pytest.mark.parametrize(("separator", "name"), [(" ", "space"), ("::", "::")])
def test_quotes_beside_plain_separators_are_told(tmp_path, separator, name):
    path = written(tmp_path, "".join(separator.join([f'"u{n}"', f'"i{n}"', "3"]) + "\n" for n in range(3)))
    notes = " / ".join(load(path, **BARE, separator=name).notes)
    assert "3 user ids stand in quotes, such as '\"u0\"'" in notes
    assert "3 item ids stand in quotes" in notes


def test_a_compressed_file_that_is_damaged_within(tmp_path):
    data = bytearray(gzip.compress(("user,item\n" + "1,2\n" * 1000).encode()))
    data[10] = 0xFF  # the kind of the first block
    with pytest.raises(zlib.error):
        gzip.decompress(data)
    (tmp_path / "x.csv.gz").write_bytes(data)
    with pytest.raises(SparserecError, match=r"x\.csv\.gz: cannot be decompressed"):
        load(tmp_path / "x.csv.gz")


def test_a_separator_of_two_bytes(tmp_path):
    path = tmp_path / "x.csv"
    for text in ("uþiþt\n1þ2þa\n\n3þ4þb\n", '"u"þ"i"þt\n1þ"2"þ"aþ\nb"\n3þ4þb\n'):
        path.write_bytes(text.encode("latin-1"))
        assert pairs(load(path, encoding="latin-1", separator="þ", user="u", item="i")) == {("1", "2"), ("3", "4")}
    path.write_bytes("1þ2þa\n3þþb\n".encode("latin-1"))
    with pytest.raises(SparserecError, match=r"x\.csv:2: no item id"):
        load(path, encoding="latin-1", separator="þ", **BARE)


def split_of(counts: list[int]) -> Split:
    users = np.repeat(np.arange(len(counts)), counts)
    items = np.concatenate([np.arange(n) for n in counts])
    names = Vocabulary.of([str(n) for n in range(len(counts))]), Vocabulary.of([str(n) for n in range(max(counts))])
    data = Interactions.of(users, items, *names)
    nothing = data.where(np.zeros(data.nnz, dtype=bool))
    return Split(data, nothing, nothing, "none", 0)


@pytest.mark.parametrize(("counts", "name"), [([3] * 9, "train.tsv"), ([3] * 8 + [2], "train.txt"), ([3], "train.txt")])
def test_a_split_is_written_as_what_load_reads(tmp_path, counts, name):
    parts = split_of(counts)
    assert [path.name for path in write_split(parts, tmp_path)] == [name]
    assert load(tmp_path).interactions.fingerprint() == parts.train.fingerprint()


def test_a_split_written_as_asked_is_asked_about(tmp_path):
    parts = split_of([3] * 9)
    assert [path.name for path in write_split(parts, tmp_path, format="lightgcn")] == ["train.txt"]
    with pytest.raises(SparserecError, match="could be a table or LightGCN text"):
        load(tmp_path)
    assert load(tmp_path, format="lightgcn").interactions.fingerprint() == parts.train.fingerprint()


def test_parts_of_other_lengths_tell_what_is_written(tmp_path):
    written(tmp_path, "user,item\n" + "".join(f"{u},{i}\n" for u in range(9) for i in range(6)))
    cut = split(load(tmp_path / "x.csv"), kind="random", seed=1, valid_users=0)
    assert [path.name for path in write_split(cut, tmp_path / "out")] == ["train.txt", "test.txt"]
    assert load(tmp_path / "out").interactions.nnz == cut.train.nnz


@pytest.mark.parametrize("separator", [":", "^", "~", "\x01"])
def test_a_separator_that_is_not_found_is_asked_for(tmp_path, separator):
    path = written(tmp_path, f"1{separator}2\n3{separator}4\n")
    with on_command_line(), pytest.raises(SparserecError, match=r"x\.csv:1: no separator is found .*--separator"):
        load(path, **BARE)
    assert pairs(load(path, **BARE, separator=separator)) == {("1", "2"), ("3", "4")}
    path = written(tmp_path, f"user{separator}item\n3{separator}4\n")
    with pytest.raises(SparserecError, match=r"no separator is found in the first line, 'user.*separator="):
        load(path)
    with pytest.raises(SparserecError, match=r"'\$' does not stand in the first line, 'user"):
        load(path, separator="$")
    assert pairs(load(path, separator=separator)) == {("3", "4")}


def test_a_table_written_by_r_is_asked_about(tmp_path):
    path = written(tmp_path, '"user" "item" "rating"\n"1" "u1" "i1" 3\n"2" "u2" "i2" 4\n', "x.txt")
    with pytest.raises(SparserecError, match=r"no separator is found .*separator="):
        load(path, format="delimited")
    with pytest.raises(SparserecError, match=r"x\.txt:2: the line has more fields"):
        load(path, separator="space")


def test_excel_tells_the_separator(tmp_path):
    text = "sep=;\nuser;item;title\n1;2;a, b, c, d\n,;5\n"
    path = written(tmp_path, text)
    assert pairs(load(path)) == {("1", "2"), (",", "5")}
    assert pairs(load(written(tmp_path, '"sep=,"\n1,2;5\n3,4;5\n'), **BARE)) == {("1", "2;5"), ("3", "4;5")}


def test_a_separator_that_stands_twice_is_asked_for(tmp_path):
    path = written(tmp_path, "1||2||3\n4||5||6\n")
    with on_command_line(), pytest.raises(SparserecError, match=r"nothing in the item column.* --separator '\|\|'"):
        load(path, **BARE)
    assert pairs(load(path, **BARE, separator="||")) == {("1", "2"), ("4", "5")}
    assert pairs(load(path, header=False, user=1, item=3)) == {("1", "2"), ("4", "5")}
