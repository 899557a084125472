"""Every id can be given on the command line; unknown ones are named; titles stand beside ids and find them."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from test_cli_texts import IDS, model

from sparserec.cli.titles import folded


def items(out: str) -> list[str]:
    return [found["item"] for found in json.loads(out)]


def escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace(",", "\\,").replace(" ", "\\ ")


@pytest.fixture
def file(tmp_path) -> Path:
    return model(tmp_path / "m")


@pytest.mark.parametrize("name", [name for name in IDS if "\x00" not in name])
def test_every_id_can_be_given(sparserec, file, tmp_path, name):
    expected = sorted(set(IDS) - {name})
    ways = [["--history", name], ["--history", escaped(name)], [f"--history={escaped(name)}"]]
    for way in ways:
        code, out, err = sparserec("recommend", file, *way, "-k", 99, "--json")
        assert (code, err) == (0, ""), way
        assert sorted(items(out)) == expected
    code, out, _ = sparserec("similar", file, "-k", 99, "--json", "--", name)
    assert (code, sorted(items(out))) == (0, expected)
    if not name.startswith("--"):
        assert sparserec("similar", file, name)[0] == 0


def test_ids_of_files(sparserec, file, tmp_path, monkeypatch):
    lines = [name for name in IDS[:-1] if "\n" not in name and "\r" not in name]
    (tmp_path / "ids.txt").write_text("\n".join(lines) + "\n\n", encoding="utf-8", newline="")
    (tmp_path / "dos.txt").write_text("\r\n".join(lines), encoding="utf-8", newline="")
    (tmp_path / "ids.json").write_text(json.dumps([*IDS[:-1], 9007199254740993]))
    for name, given in (("ids.txt", lines), ("dos.txt", lines), ("ids.json", IDS)):
        code, out, err = sparserec("recommend", file, "--history-file", tmp_path / name, "--json", "-k", 99)
        assert (code, err) == (0, "")
        assert set(items(out)) == set(IDS) - set(given)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x,y\n[/]\n")))
    code, out, _ = sparserec(
        "recommend", file, "--history-file", "-", "--candidates-file", tmp_path / "ids.txt", "--json"
    )
    assert (code, "x,y" in items(out)) == (0, False)
    for bad, message in (
        (b'{"a": 1}', "not a JSON list of ids"),
        (b"[1.5]", "not a JSON list"),
        (b"\xff", "not text in UTF-8"),
    ):
        (tmp_path / "bad.json").write_bytes(bad)
        code, _, err = sparserec("recommend", file, "--history-file", tmp_path / "bad.json")
        assert code == 2
        assert message in err
    code, _, err = sparserec("recommend", file, "--history-file", tmp_path / "none")
    assert (code, "no such file" in err) == (2, True)


def test_commas_blanks_and_repeated_options(sparserec, tmp_path):
    file = model(tmp_path / "m", ["a", "b", "c", "a,b", "d e"])
    for way, left in (
        (["--history", "a,b"], ["c", "a,b", "d e"]),
        (["--history", " a , b ,,"], ["c", "a,b", "d e"]),
        (["--history", "a", "--history", "c,b"], ["a,b", "d e"]),
        (["--history", "a\\,b"], ["a", "b", "c", "d e"]),
        (["--history", "a\\,b,c"], ["a", "b", "d e"]),
        (["--history", "d e,c"], ["a", "b", "a,b"]),
    ):
        code, out, _ = sparserec("recommend", file, *way, "--json")
        assert (code, sorted(items(out))) == (0, sorted(left)), way


def test_unknown_ids_are_named_and_can_be_left_out(sparserec, tmp_path):
    file = model(tmp_path / "m", ["a", "b", "c"])
    code, out, err = sparserec("recommend", file, "--history", "a,[z]")
    assert (code, out) == (2, "")
    assert "unknown item in the history '[z]'" in err
    assert "--unknown ignore leaves such ids out" in err
    query = ["--history", "a,[z]", "--exclude", "c,q", "--dislikes", "y", "--unknown", "ignore"]
    code, out, err = sparserec("recommend", file, *query, "--json")
    assert (code, items(out)) == (0, ["b"])
    assert err.splitlines() == [
        "left out of --history, as the file does not have them: '[z]'",
        "left out of --dislikes, as the file does not have them: 'y'",
        "left out of --exclude, as the file does not have them: 'q'",
    ]
    code, out, err = sparserec("recommend", file, "--history", "q,r", "--unknown", "ignore", "--json")
    assert (code, items(out)) == (0, ["c", "b", "a"])
    assert "nothing of the history is in the file, so this is what is popular in it" in err
    code, _, err = sparserec("recommend", file, "--user", "u", "--unknown", "ignore")
    assert (code, "no user table" in err) == (2, True)


def test_dislikes_and_what_was_taken(sparserec, tmp_path):
    file = model(tmp_path / "m", ["a", "b", "c"])
    code, out, _ = sparserec("recommend", file, "--history", "c", "--no-exclude-history", "--json", "-k", 1)
    assert (code, items(out)) == (0, ["c"])
    code, out, _ = sparserec("recommend", file, "--history", "b", "--dislikes", "c", "--json")
    assert (code, items(out)) == (0, ["a"])


def test_titles(sparserec, tmp_path):
    file, titles = model(tmp_path / "m", ["1", "2", "3", "4"]), tmp_path / "t.csv"
    titles.write_text('movieId,title\n1,"Amélie (2001)"\n2,Toy Story\n3,A Story of Toys\n9,Toy Box\n', encoding="utf-8")
    _, out, _ = sparserec("recommend", file, "--history", "1", "--titles", titles, "--explain", "--json")
    first = json.loads(out)[0]
    assert (first["item"], first["title"], first["because"][0]["title"]) == ("4", None, "Amélie (2001)")
    _, out, _ = sparserec("recommend", file, "--history", "1", "--titles", titles, "--explain")
    assert "A Story of Toys" in out
    assert "Amélie (2001) (" in out
    _, out, _ = sparserec("similar", file, "1", "--titles", titles, "-k", 2)
    assert "similar to Amélie (2001)" in out


FOUND = {
    "amelie": ["1"],
    "AMÉLIE": ["1"],
    "2001 amel": ["1"],
    "toy story": ["2", "3"],
    "toy": ["2", "3"],
    "toys": ["3"],
    "STORY, toy!": ["3", "2"],
    "tory": ["3", "2"],
    "(": ["1"],
    "toy box": [],
    " ": [],
}


@pytest.mark.parametrize("text", FOUND)
def test_find(sparserec, tmp_path, text):
    """In the file the third item is more popular than the second; 9 is no item of it."""
    file, titles = model(tmp_path / "m", ["1", "2", "3"]), tmp_path / "t.tsv"
    titles.write_text("id\ttitle\n1\tAmélie (2001)\n2\tToy Story\n3\tA Story of Toys\n9\tToy Box\n", encoding="utf-8")
    code, out, err = sparserec("find", file, text, "--titles", titles, "--json")
    assert (code, err, items(out)) == (0, "", FOUND[text])
    code, out, err = sparserec("find", file, text, "--titles", titles, "-k", 1)
    assert code == 0
    if not FOUND[text]:
        assert f"matches {text!r}" in err
    elif len(FOUND[text]) > 1:
        assert "1 more match; -k 2 prints all" in err


def test_find_without_titles_searches_ids(sparserec, file):
    code, out, _ = sparserec("find", file, "OFF", "--json")
    assert (code, items(out)) == (0, ["50% [off]"])
    code, out, _ = sparserec("find", file, "--json", "--", "-5")
    assert (code, "-5" in items(out)) == (0, True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Straße", "strasse"),
        ("Łódź", "lodz"),
        ("Ærø", "aero"),
        ("ﬁn", "fin"),
        ("E\u0301", "e"),
        ("a-b_c", "a b c"),
        ("東京", "東京"),
    ],
)
def test_folding(text, expected):
    assert folded(text) == expected
