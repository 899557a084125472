import pytest

from sparserec import SparserecError
from sparserec.page import Title, read_named_titles, read_titles


def read(tmp_path, text, name="titles.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_titles(path)


def test_movielens(tmp_path):
    text = 'movieId,title,genres\n1,Toy Story (1995),Adventure|Comedy\n6,"Heat, again",(no genres listed)\n'
    assert read(tmp_path, text) == {"1": Title("Toy Story (1995)", "Adventure, Comedy"), "6": Title("Heat, again", "")}


@pytest.mark.parametrize(
    "text",
    [
        "item_id\tname\n7\tSeven, or so\n",
        "Name\tItem ID\r\nSeven, or so\t7\r\n",
        '\ufeffid,year,title\n7,1999,  "Seven, or so"\n'.replace('  "', '"'),
        'asin,title\n7," Seven, or so "\n\n7,another\n8,\n',
    ],
)
def test_headers_of_other_forms(tmp_path, text):
    assert read(tmp_path, text) == {"7": Title("Seven, or so", "")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column of ids"),
        ("a,b\n1,2\n", "no column of ids; ids are in one of movieid, "),
        ("movieId,year\n1,2\n", "no column of titles; "),
        ("id,title\n1,Heat, again\n", "line 2: 3 columns, but the header has 2; put texts"),
        ("id,title\n1\n", "line 2: 1 columns"),
        ('id,title\n1,"Heat\n', "not a table of CSV or TSV"),
        (b"id,title\n1,\xff\n", "not text in UTF-8"),
    ],
)
def test_refusals(tmp_path, text, message):
    with pytest.raises(SparserecError, match=message) as caught:
        read(tmp_path, text)
    assert "titles.csv" in str(caught.value)


@pytest.mark.parametrize(
    ("header", "noun"),
    [
        ("movieId,title", "films"),
        ("title\tBook ID", "books"),
        ("\ufeffasin,title", "products"),
        ("id,title", "items"),
    ],
)
def test_what_items_are_called(tmp_path, header, noun):
    (tmp_path / "titles.csv").write_text(header + "\n", encoding="utf-8")
    assert read_named_titles(tmp_path / "titles.csv")[1] == noun


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(SparserecError, match="absent: no such file"):
        read_titles(tmp_path / "absent")
    with pytest.raises(SparserecError, match="cannot be read"):
        read_titles(tmp_path)
