"""Search of the demo page: words in any order, without case and accents, what many took first, a typo forgiven."""

from __future__ import annotations

import json
import random
import time

import pytest

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
    "Schindler's List (1993)",
    "Lilo & Stitch (2002)",
    "Straße, Die",
    "Smørrebrød",
    "Heart <3 = ~ love €",
    "😀👩‍👩‍👧 (Emoji)",
    '"Quoted"',
]
FOUND = {
    "matrix": [1, 2, 4],
    "  THE   matrix ": [1, 2],
    "miserables les": [3],
    "MISÉRABLES": [3],
    "mise\u0301rables": [3],
    "2001 mind": [0],
    "hidden-dragon": [5],
    "angstrom": [6],
    "項目": [7],
    "$.^": [8],
    "c++": [8],
    "schindlers": [9],
    "schindler\u2019s list": [9],
    "lilo and stitch": [10],
    "STRASSE": [11],
    "straße": [11],
    "smorrebrod": [12],
    "<3": [13],
    "=": [13],
    "~": [13],
    "€": [13],
    "😀": [14],
    "👩‍👩‍👧": [14],
    '"': [15],
    "(": [3, 2, 1, 0, 5, 8, 9, 10, 14],
    "nothing": [],
    "<<<": [],
    "£": [],
    "🦆": [],
    "§ \\ [ ] ( ) * + ? ^ $ | { }": [],
    "\ud800": [],
}


@pytest.fixture
def search(node, tmp_path):
    """What `find` gives for queries over titles, whose places among each other may be given."""

    def find(titles, queries, places=None):
        paths = []
        for name, content in (("titles", titles), ("queries", queries), ("places", places)):
            if content is not None:
                paths.append(tmp_path / f"{name}.json")
                paths[-1].write_text(json.dumps(content))
        return node("search.mjs", *paths)

    return find


def test_search(search):
    *answers, everything, letter = search(TITLES, [*FOUND, "", "a"])
    for query, answer in zip(FOUND, answers, strict=True):
        if query != "(":
            assert answer["rows"] == FOUND[query], query
        assert answer["matches"] == len(FOUND[query]), query
        assert answer["close"] is False, query
    assert everything["matches"] == len(TITLES)
    assert sorted(everything["rows"]) == list(range(len(TITLES)))
    assert letter["rows"][0] == 0


def test_what_many_took_comes_first(search):
    titles = ["Toys (1992)", "Toy Story 2 (1999)", "Toy, The (1982)", "Toy Story (1995)", "Tin Toy", "Atoyac"]
    toys, story_2, the_toy, story, tin, inside = range(6)
    popularity = [3, 1, 4, 0, 5, 2]
    found = [answer["rows"] for answer in search(titles, ["toy", "toys", "toy st", "sto", ""], popularity)]
    assert found[0] == [story, story_2, the_toy, tin, toys, inside]  # whole words weigh more, parts of words come last
    assert found[1] == [toys]
    assert found[2] == found[3] == [story, story_2]
    assert found[4] == [story, story_2, inside, toys, the_toy, tin]


def test_a_much_more_popular_title_may_go_on_after_the_word(search):
    titles = ["Minor God", "Godfather, The (1972)"]
    assert search(titles, ["god"], [1, 0])[0]["rows"] == [0, 1]
    many = [*titles, *(f"other {i}" for i in range(20))]
    assert search(many, ["god"], [20, 0, *range(1, 20), 21])[0]["rows"] == [1, 0]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("tyo stroy", "Toy Story (1995)"),
        ("toy sotry", "Toy Story (1995)"),
        ("tyo", "Toy Story (1995)"),
        ("toy stori", "Toy Story (1995)"),
        ("incpetion", "Inception (2010)"),
        ("incepton", "Inception (2010)"),
        ("incepttion", "Inception (2010)"),
        ("inceptoin", "Inception (2010)"),
        ("imception", "Inception (2010)"),
        ("incetpi", "Inception (2010)"),  # not typed to its end
        ("shawshenk redemtion", "Shawshank Redemption, The (1994)"),
        ("amelié poulian", "Amélie Poulain"),
    ],
)
def test_a_typo_is_forgiven(search, typed, meant):
    titles = ["Inside Out", "Toys (1992)", "Two Towers, The", "Shark", "Inc.", "Amelia", "To Die For", "Story"]
    answer = search([*titles, meant], [typed])[0]
    assert answer["rows"][0] == len(titles)
    assert answer["close"] is True
    assert answer["matches"] <= 2


def test_no_typo_is_seen_where_something_matches_or_too_little_is_left(search):
    titles = ["Toy Story", "Tyrant", "Oz", "Up"]
    assert search(titles, ["ty", "zo", "pu", "xyz", "stxyx"]) == [
        {"rows": [1], "matches": 1, "close": False},
        *[{"rows": [], "matches": 0, "close": False}] * 4,
    ]


def test_a_list_is_cut_and_all_matches_are_counted(search):
    many, some = search([f"title {i}" for i in range(500)], ["title", "49"])
    assert many == {"rows": list(range(30)), "matches": 500, "close": False}
    assert some["rows"][:2] == [49, 490]
    assert some["matches"] == 15


def test_any_text_can_be_searched_for(search):
    """Whatever is typed, in whatever alphabet, there is an answer; so with titles."""
    generator = random.Random(0)
    signs = [
        *"aeiouxyz019 <>=~^`|\\+$€£§°\"'()[]{}?*.,;:!/&%#@-_",
        *(
            "\u0301",
            "\u200d",
            "\ufe0f",
            "\ufeff",
            "\x00",
            "\u2028",
            "\u202e",
            "😀",
            "👩‍🚀",
            "ﬁ",
            "ß",
            "İ",
            "項",
            "ع",
            "\udc00",
        ),
    ]
    texts = ["".join(generator.choices(signs, k=generator.randrange(1, 12))) for _ in range(2000)]
    answers = search(texts[:300], texts)
    for row, answer in enumerate(answers[:300]):
        assert row in answer["rows"] or answer["matches"] > 30, texts[row]
    assert all(len(answer["rows"]) == min(answer["matches"], 30) for answer in answers)


def test_long_texts_take_no_long_time(search):
    words = ["".join(random.Random(i).choices("abcdefgh", k=9)) for i in range(20_000)]
    began = time.monotonic()
    search(words, ["x" * 100_000, "x y z " * 10_000, " ".join(words[:3000]), "abcdefgh" * 4])
    assert time.monotonic() - began < 20
