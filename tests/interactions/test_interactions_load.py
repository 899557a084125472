"""Reading: every format, the choice of files in a folder, filters; answers worked by hand."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from sparserec.interactions import Dataset, Interactions, kcore, load
from sparserec.interactions.coding import natural_order
from sparserec.vocabulary import Vocabulary

# u2 touched b, 10, 9; 7 touched b twice
CSV = "userId,movieId,rating,timestamp\n7,b,4.0,30\nu2,10,2.5,11\nu2,9,5,12\n7,b,3.0,20\nu2,b,1,13\n"
PAIRS = [("7", "b", 30), ("u2", "9", 12), ("u2", "10", 11), ("u2", "b", 13)]


def triples(data: Interactions) -> list[tuple[str, str, int | None]]:
    times = [None] * data.nnz if data.timestamps is None else data.timestamps.tolist()
    users, items = data.users.to_list(), data.items.to_list()
    rows = zip(data.rows().tolist(), data.indices.tolist(), times, strict=True)
    return [(users[user], items[item], time) for user, item, time in rows]


def save(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_with_movielens_headers(tmp_path):
    dataset = load(save(tmp_path / "ratings.csv", CSV))
    assert isinstance(dataset, Dataset)
    assert dataset.timestamped
    assert dataset.test is None
    assert dataset.source == str(tmp_path / "ratings.csv")
    assert dataset.interactions.users.to_list() == ["7", "u2"]
    assert dataset.interactions.items.to_list() == ["9", "10", "b"]  # numbers in their order, then text
    assert triples(dataset.interactions) == PAIRS
    assert dataset.interactions.duplicates == 1


@pytest.mark.parametrize("separator", ["\t", ";", "|", ","])
def test_the_separator_is_found_from_the_header(tmp_path, separator):
    path = save(tmp_path / "x.csv", CSV.replace(",", separator))
    assert triples(load(path).interactions) == PAIRS


def test_every_format_gives_the_same_data_and_fingerprint(tmp_path):
    csv = load(save(tmp_path / "a.csv", CSV)).interactions
    inter = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n" + "\n".join(
        line.replace(",", "\t") for line in CSV.splitlines()[1:]
    )
    table = pl.read_csv(CSV.encode())
    table.write_parquet(tmp_path / "a.parquet")
    shuffled = table.with_columns(pl.col("movieId").cast(pl.Categorical)).sample(fraction=1, shuffle=True, seed=1)
    shuffled.write_parquet(tmp_path / "b.pq")
    for path in (save(tmp_path / "a.inter", inter), tmp_path / "a.parquet", tmp_path / "b.pq"):
        other = load(path).interactions
        assert triples(other) == PAIRS, path
        assert other.fingerprint() == csv.fingerprint()


def test_lightgcn_and_csv_agree(tmp_path):
    text = load(save(tmp_path / "a.txt", "10 3 20\n9 3\n")).interactions
    table = load(save(tmp_path / "a.csv", "user,item\n9,3\n10,20\n10,3\n")).interactions
    assert text.users.to_list() == ["9", "10"]
    assert text.fingerprint() == table.fingerprint()


def test_named_columns_and_ids_exactly_as_written(tmp_path):
    path = save(tmp_path / "x.csv", 'what,when,who\n007,5,"Ann, B."\n7,6, x \n"say ""hi""",7,é\n1.0,8,é\n')
    data = load(path, user="who", item="what", timestamp="when").interactions
    assert sorted(triples(data)) == sorted(
        [("Ann, B.", "007", 5), (" x ", "7", 6), ("é", 'say "hi"', 7), ("é", "1.0", 8)]
    )
    assert data.items.to_list() == ["007", "7", "1.0", 'say "hi"']
    untimed = load(path, user="who", item="what")
    assert not untimed.timestamped
    assert untimed.interactions.timestamps is None


def test_a_named_column_wins_over_a_common_name(tmp_path):
    path = save(tmp_path / "x.csv", "user,item,product\n1,2,3\n")
    assert triples(load(path, item="product").interactions) == [("1", "3", None)]


def test_blank_lines_byte_order_mark_and_windows_line_ends(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b"\xef\xbb\xbfuser,item,time\r\n1,2,5\r\n\r\n3,4,6\r\n\r\n")
    assert triples(load(path).interactions) == [("1", "2", 5), ("3", "4", 6)]
    path = save(tmp_path / "x.txt", "1 2\r\n\n3\t4  5\n")
    assert triples(load(path).interactions) == [("1", "2", None), ("3", "4", None), ("3", "5", None)]


def test_timestamps_are_whole_numbers(tmp_path):
    path = save(tmp_path / "x.csv", "user,item,time\n1,1,1.5e3\n1,2,-2.5\n1,3,9007199254740993\n")
    assert [time for _, _, time in triples(load(path).interactions)] == [1500, -3, 9007199254740993]


def test_parquet_dates_become_microseconds(tmp_path):
    table = pl.DataFrame({"user": [1], "item": [2], "when": ["1970-01-02"]})
    table.with_columns(pl.col("when").str.to_date()).write_parquet(tmp_path / "x.parquet")
    data = load(tmp_path / "x.parquet", timestamp="when").interactions
    assert triples(data) == [("1", "2", 86_400_000_000)]


def test_recbole_columns_may_be_named_with_their_type(tmp_path):
    path = save(tmp_path / "x.inter", "who:token\tuser_id:token\titem_id:token\n1\t2\t3\n")
    assert triples(load(path, user="who:token").interactions) == [("1", "3", None)]
    assert triples(load(path, user="who").interactions) == [("1", "3", None)]
    assert triples(load(path).interactions) == [("2", "3", None)]


def test_lightgcn_folder(tmp_path):
    save(tmp_path / "train.txt", "0 5 7\n2\n1 5\n1 11\n")
    save(tmp_path / "test.txt", "1 9 5 9\n0\n2 7\n")
    dataset = load(tmp_path)
    assert dataset.interactions.users.to_list() == ["0", "1", "2"]  # 2 stands alone, and is known
    assert dataset.interactions.items.to_list() == ["5", "7", "11"]  # the test file adds none
    assert triples(dataset.interactions) == [
        ("0", "5", None),
        ("0", "7", None),
        ("1", "5", None),
        ("1", "11", None),
    ]
    assert dataset.test is not None
    assert triples(dataset.test) == [("1", "5", None), ("1", "9", None), ("2", "7", None)]
    assert dataset.test.duplicates == 1
    assert dataset.test.items.to_list() == ["5", "7", "11", "9"]  # but for itself, behind the others


def test_a_validation_file_is_read_into_train(tmp_path):
    save(tmp_path / "train.tsv", "user_id\titem_id\na\tx\n")
    save(tmp_path / "valid.tsv", "user_id\titem_id\nb\ty\n")
    save(tmp_path / "test.tsv", "user_id\titem_id\nb\tx\n")
    dataset = load(tmp_path)
    assert triples(dataset.interactions) == [("a", "x", None), ("b", "y", None)]
    assert dataset.test is not None
    assert triples(dataset.test) == [("b", "x", None)]


@pytest.mark.parametrize(
    ("files", "pairs"),
    [
        ({"ratings.csv": "user,item\n1,2\n", "movies.csv": "movieId,title\n1,x\n"}, [("1", "2", None)]),
        (
            {"a.inter": "user_id:token\titem_id:token\n3\t4\n", "a.csv": "id\n1\n", "b.txt": "x"},
            [("3", "4", None)],
        ),
        ({"whatever.csv": "user,item\n5,6\n", "notes.md": "hello"}, [("5", "6", None)]),
        ({"train.csv": "user,item\n5,6\n", "test.csv": "user,item\n5,6\n", "x.csv": "y"}, [("5", "6", None)]),
    ],
)
def test_the_file_of_a_folder(tmp_path, files, pairs):
    for name, text in files.items():
        save(tmp_path / name, text)
    assert triples(load(tmp_path).interactions) == pairs


def test_format_overrides_the_name(tmp_path):
    path = save(tmp_path / "x.dat", "user,item\n5,6\n")
    assert triples(load(path, format="delimited").interactions) == [("5", "6", None)]


def test_min_rating_keeps_what_is_at_least_that_and_drops_the_other_ids(tmp_path):
    data = load(save(tmp_path / "r.csv", CSV), min_rating=4).interactions
    assert triples(data) == [("7", "b", 30), ("u2", "9", 12)]
    assert data.items.to_list() == ["9", "b"]
    assert data.duplicates == 0  # the other rating of the pair was below
    assert triples(load(tmp_path / "r.csv", min_rating=4.5).interactions) == [("u2", "9", 12)]


def test_kcore_by_hand(tmp_path):
    # Item d has one interaction; without it user 3 has one left; without that, item c has one, and so on.
    path = save(tmp_path / "x.csv", "user,item,time\n1,a,1\n1,b,2\n2,a,3\n2,b,4\n2,c,5\n3,c,6\n3,d,7\n3,d,8\n")
    data = load(path, kcore=2).interactions
    assert triples(data) == [("1", "a", 1), ("1", "b", 2), ("2", "a", 3), ("2", "b", 4)]
    assert data.items.to_list() == ["a", "b"]
    assert data.duplicates == 1
    assert load(path, kcore=1).interactions.nnz == 7


def test_kcore_is_the_largest_such_part():
    rng = np.random.default_rng(3)
    pairs = rng.integers(0, [40, 30], size=(200, 2))
    names = Vocabulary.of(map(str, range(40))), Vocabulary.of(f"i{i}" for i in range(30))
    full = Interactions.of(*pairs.T, *names)
    core = kcore(full, 4)
    assert core.nnz > 0
    assert core.user_degrees().min() >= 4
    assert core.item_degrees().min() >= 4
    left = {(u, i) for u, i, _ in triples(full)}  # the slow twin: remove one pair at a time
    while True:
        users, items = [u for u, _ in left], [i for _, i in left]
        weak = {(u, i) for u, i in left if users.count(u) < 4 or items.count(i) < 4}
        if not weak:
            break
        left.remove(weak.pop())
    assert {(u, i) for u, i, _ in triples(core)} == left


def test_natural_order_is_an_order_of_the_ids_themselves():
    names = ["b", "10", "9", "a", "007", "7", "-1", "99999999999999999999999", "1.5", "é"]
    order = ["007", "7", "9", "10", "99999999999999999999999", "-1", "1.5", "a", "b", "é"]
    for shift in range(len(names)):
        turned = pl.Series(names[shift:] + names[:shift])
        assert turned.gather(natural_order(turned)).to_list() == order


@pytest.mark.data
@pytest.mark.skipif("SPARSEREC_DATA" not in os.environ, reason="SPARSEREC_DATA is not set")
def test_real_data_sets():
    root = Path(os.environ["SPARSEREC_DATA"])
    gowalla = load(root / "gowalla")
    data = gowalla.interactions
    assert (data.n_users, data.n_items, data.nnz, data.duplicates) == (29_858, 40_981, 810_128, 0)
    assert gowalla.test is not None
    assert (gowalla.test.nnz, gowalla.test.duplicates) == (217_242, 0)
    assert data.users.to_list() == [str(i) for i in range(29_858)]
    assert data.items.to_list() == [str(i) for i in range(40_981)]
    movies = load(root / "ml-latest-small" / "ratings.csv")
    data = movies.interactions
    assert (data.n_users, data.n_items, data.nnz, movies.timestamped) == (671, 9_066, 100_004, True)
    assert triples(data)[0] == ("1", "31", 1260759144)
    assert load(root / "ml-latest-small").interactions.fingerprint() == data.fingerprint()
