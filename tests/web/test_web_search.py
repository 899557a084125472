"""Search of the demo page: words in any order, without case and accents, the closest first."""

import json

TITLES = [
    "A Beautiful Mind (2001)",
    "Matrix, The (1999)",
    "The Matrix Revisited (2001)",
    "Misérables, Les (1995)",
    "Animatrix",
    "Crouching Tiger, Hidden Dragon (Wo hu cang long) (2000)",
    "ÅNGSTRÖM",
    "項目 8",
    "C++ (and $.^)",
]
FOUND = {
    "matrix": [1, 2, 4],
    "  THE   matrix ": [2, 1],
    "miserables les": [3],
    "MISÉRABLES": [3],
    "mise\u0301rables": [3],
    "2001 mind": [0],
    "hidden-dragon": [5],
    "angstrom": [6],
    "項目": [7],
    "$.^": [8],
    "c++": [8],
    "nothing": [],
}


def test_search(node, tmp_path):
    (tmp_path / "titles.json").write_text(json.dumps(TITLES))
    (tmp_path / "queries.json").write_text(json.dumps([*FOUND, "", "a"]))
    *answers, everything, letter = node("search.mjs", tmp_path / "titles.json", tmp_path / "queries.json")
    for query, answer in zip(FOUND, answers, strict=True):
        assert answer["rows"] == FOUND[query], query
        assert answer["matches"] == len(FOUND[query])
    assert everything == {"rows": list(range(len(TITLES))), "matches": len(TITLES)}
    assert letter["matches"] == 8
    assert letter["rows"][0] == 6


def test_a_list_is_cut_and_all_matches_are_counted(node, tmp_path):
    (tmp_path / "titles.json").write_text(json.dumps([f"title {i}" for i in range(500)]))
    (tmp_path / "queries.json").write_text(json.dumps(["title", "49"]))
    many, some = node("search.mjs", tmp_path / "titles.json", tmp_path / "queries.json")
    assert many == {"rows": list(range(30)), "matches": 500}
    assert some["rows"][:2] == [49, 490]
    assert some["matches"] == 15
