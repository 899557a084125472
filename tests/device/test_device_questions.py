"""Unknown ids, dislikes, what was taken wanted again, popular and similar items: answers told by hand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, IntEnum

import numpy as np
import pytest
from catalogues import as_csr, catalogues
from hypothesis import given

from sparserec import SparserecError
from sparserec.artefact import write
from sparserec.device import Recommender
from sparserec.vocabulary import Vocabulary


def opened(path, items, ids, users=None, dense=False, **more) -> Recommender:
    def table(rows):
        matrix = np.array(rows, dtype=np.float32)
        return matrix if dense else as_csr(matrix)

    if users is not None:
        more |= {"users": table(users), "user_ids": Vocabulary.of(f"u{i}" for i in range(len(users)))}
    write(path, items=table(items), item_ids=Vocabulary.of(ids), values_dtype="float16", **more)
    return Recommender.open(path)


@pytest.fixture(params=[False, True], ids=["sparse", "dense"])
def colours(tmp_path, request) -> Recommender:
    """Two items along each of two columns, and one along both; users like the first column."""
    rows = [[1, 0], [2, 0], [0, 1], [0, 2], [1, 1]]
    ids = ["red", "crimson", "blue", "navy", "violet"]
    return opened(tmp_path / "model", rows, ids, [[1, 0], [2, 1]], dense=request.param)


def names(found) -> list[str]:
    return [name for name, _ in found]


def test_unknown_ids_are_left_out_when_asked_and_can_be_told(colours):
    expected = colours.recommend(["red"], exclude=["navy"], candidates=["crimson", "navy", "blue"])
    query = {
        "history": ["mauve", "red", "taupe", "mauve"],
        "exclude": ["ochre", "navy"],
        "candidates": ["crimson", "navy", "blue", "ochre"],
        "dislikes": ["sepia"],
    }
    assert colours.recommend(**query, unknown="ignore") == expected == [("crimson", 2.0), ("blue", 0.0)]
    for argument, ids in query.items():
        with pytest.raises(SparserecError, match=r"unknown .*'(mauve|ochre|sepia)'"):
            colours.recommend(**{"history": ["red"], argument: ids})
    assert colours.unknown_items(query["history"]) == ["mauve", "taupe"]
    assert colours.unknown_items(["red"]) == colours.unknown_items(None) == []
    assert [colours.has_item(name) for name in ("red", "mauve", "", "\ud800", 7)] == [True] + [False] * 4
    assert colours.vector(["red", "mauve"], unknown="ignore").tolist() == [1, 0]
    assert colours.score(["navy"], ["blue", "mauve"], unknown="ignore").tolist() == [2]
    with pytest.raises(SparserecError, match="unknown item 'mauve'"):
        colours.score(["mauve"], ["blue"], unknown="ignore")
    with pytest.raises(SparserecError, match="unknown user 'me'"):
        colours.recommend(user="me", unknown="ignore")
    assert colours.recommend(["red"], candidates=["mauve"], unknown="ignore") == []


def test_a_history_of_which_nothing_is_known_leads_to_popular_items(colours):
    with pytest.raises(SparserecError, match=r"none of the 2 ids of the history is among the 5 known; popular\(\)"):
        colours.recommend(["mauve", "taupe"], unknown="ignore")
    with pytest.raises(SparserecError, match=r"the history is empty; .* popular\(\)"):
        colours.recommend([], unknown="ignore")
    assert names(colours.recommend(["mauve"], user="u0", k=1, unknown="ignore")) == ["crimson"]


@pytest.mark.parametrize("unknown", ["skip", None, True, "Ignore"])
def test_no_other_ways_with_unknown_ids(colours, unknown):
    for ask in (colours.recommend, colours.vector):
        with pytest.raises(SparserecError, match="unknown must be 'error' or 'ignore'"):
            ask(["red"], unknown=unknown)
    for ask in (colours.popular, lambda **more: colours.similar("red", **more)):
        with pytest.raises(SparserecError, match="unknown must be 'error' or 'ignore'"):
            ask(unknown=unknown)


def test_dislikes_subtract_and_are_never_recommended(colours):
    assert colours.vector(["red"], dislikes=["navy"]).tolist() == [1, -2]
    assert colours.recommend(["red"], dislikes=["navy"]) == [("crimson", 2.0), ("violet", -1.0), ("blue", -2.0)]
    assert colours.score(["blue"], ["red"], dislikes=["navy", "navy"]).tolist() == [-2]
    assert names(colours.recommend(dislikes=["crimson"], k=2)) == ["blue", "navy"]
    assert colours.recommend(user="u0", dislikes=["crimson"], k=1) == [("blue", 0.0)]
    # What is in both counts as disliked alone, however it is asked.
    both = colours.recommend(["red", "navy"], dislikes=["navy"], exclude_history=False, candidates=["red", "navy"])
    assert both == [("red", 1.0)]


def test_reasons_name_dislikes_with_their_sign(colours):
    (best, *_) = colours.recommend(["red", "crimson"], dislikes=["blue"], k=1, explain=True)
    assert (best.item, best.score) == ("violet", 2.0)
    assert best.because == (("crimson", 2.0), ("red", 1.0), ("blue", -1.0))


def test_what_was_taken_can_be_wanted_again(colours):
    assert colours.recommend(["crimson"], k=2, exclude_history=False) == [("crimson", 4.0), ("red", 2.0)]
    assert names(colours.recommend(["crimson"], user="u0", k=1, exclude_history=False)) == ["crimson"]
    assert names(colours.recommend(["crimson"], exclude=["crimson"], exclude_history=False, k=1)) == ["red"]
    again = colours.recommend(["crimson", "blue"], candidates=["crimson", "blue"], exclude_history=False)
    assert again == [("crimson", 4.0), ("blue", 1.0)]


@given(catalogue=catalogues(with_users=False))
def test_taken_items_are_ranked_where_they_would_stand(tmp_path_factory, catalogue):
    model = catalogue.open(tmp_path_factory.mktemp("model") / "model")
    expected = catalogue.best(catalogue.scores([0]), len(catalogue.items), set())
    assert model.recommend(["0"], k=len(catalogue.items), exclude_history=False) == expected


def test_popular_items_by_history_factors(tmp_path):
    """The smallest factor first; of equal ones the longer row, then the first."""
    rows, factors = [[1], [1], [2], [1], [1]], np.array([0.5, 1, 1, 1, 0.25])
    model = opened(tmp_path / "model", rows, "abcde", history_factors=factors)
    assert names(model.popular()) == ["e", "a", "c", "b", "d"]
    numbers = [number for _, number in model.popular()]
    assert numbers == sorted(numbers, reverse=True)
    assert names(model.popular(2, exclude=["e"])) == ["a", "c"]
    assert names(model.popular(candidates=["d", "b", "z"], unknown="ignore")) == ["b", "d"]
    with pytest.raises(SparserecError, match="unknown candidate item 'z'"):
        model.popular(candidates=["z"])
    with pytest.raises(SparserecError, match="k must be"):
        model.popular(0)


def test_popular_items_by_users_and_by_length(colours, tmp_path):
    assert names(colours.popular()) == ["crimson", "violet", "red", "navy", "blue"]
    lengths = opened(tmp_path / "lengths", [[1, 0], [3, 0], [2, 2]], "abc")
    assert lengths.popular() == [("b", 3.0), ("c", pytest.approx(8**0.5)), ("a", 1.0)]


def test_similar_items(colours):
    assert colours.similar("red") == [
        ("crimson", pytest.approx(2 / math.sqrt(2))),
        ("violet", pytest.approx(1 / 2**0.25)),
        ("blue", 0.0),
        ("navy", 0.0),
    ]
    assert names(colours.similar("navy", 1)) == ["blue"]
    assert names(colours.similar("navy", exclude=["blue", "mauve"], unknown="ignore", k=1)) == ["violet"]
    assert names(colours.similar("navy", candidates=["red", "violet", "navy"])) == ["violet", "red"]
    with pytest.raises(SparserecError, match="unknown item 'mauve'"):
        colours.similar("mauve")


ODD = {
    "a number": (5, "history: ids come as a list, such as .5., not as 5"),
    "bytes": (b"red", "history: ids come as a list"),
    "a text": ("red", r"history: ids come as a list, not as one text: \['red'\]"),
    "a function": (len, "history: ids come as a list"),
}


@pytest.mark.parametrize("case", ODD)
def test_odd_arguments(colours, case):
    history, message = ODD[case]
    with pytest.raises(SparserecError, match=message):
        colours.recommend(history)


def test_none_is_no_list_of_ids(colours):
    plain = colours.recommend(["red"])
    assert colours.recommend(["red"], exclude=None, dislikes=None, candidates=None) == plain
    assert colours.recommend(iter(["red"])) == colours.recommend({"red": 1}) == plain
    with pytest.raises(SparserecError, match=r"exclude: ids come as a list, such as .7., not as 7"):
        colours.recommend(["red"], exclude=7)
    with pytest.raises(SparserecError, match="give a history of item ids or a user"):
        colours.recommend(None)


@dataclass
class Asking:
    """A catalogue whose ids are texts that missing values and the like look like, and ways to ask with one of them."""

    model: Recommender

    def ways(self, name) -> dict:
        ask, known = self.model.recommend, ["i1"]
        return {
            "history": lambda: ask([name]),
            "exclude": lambda: ask(known, exclude=[name], unknown="ignore"),
            "candidates": lambda: ask(known, candidates=[name], unknown="ignore"),
            "dislikes": lambda: ask(known, dislikes=[name], unknown="ignore"),
            "user": lambda: ask(user=name),
            "explained": lambda: ask([name], explain=True),
            "item": lambda: self.model.similar(name),
            "items": lambda: self.model.score([name], known),
            "vector": lambda: self.model.vector([name]),
            "popular": lambda: self.model.popular(exclude=[name], unknown="ignore"),
            "ids": lambda: self.model.unknown_items([name]),
            "has_item": lambda: self.model.has_item(name),
        }


@pytest.fixture
def asking(tmp_path) -> Asking:
    ids = ["i1", "None", "nan", "True", "<NA>", "NaT", "7", "7.0", "1.5", "['i1']", "b'i1'", "inf", "16777216"]
    table, names = as_csr(np.ones((len(ids), 1), dtype=np.float32)), Vocabulary.of(ids)
    write(tmp_path / "model", items=table, item_ids=names, users=table, user_ids=names, values_dtype="float16")
    return Asking(Recommender.open(tmp_path / "model"))


NO_IDS = [
    *(None, float("nan"), np.float32("nan"), float("inf"), True, np.bool_(True), np.datetime64("NaT")),
    *(np.timedelta64(7, "s"), 1.5, np.float64(1.5), ["i1"], ("i1",), {}, b"i1", np.array(["i1"]), len),
]


@pytest.mark.parametrize("name", NO_IDS, ids=repr)
def test_what_is_neither_text_nor_a_whole_number_is_no_id(asking, name):
    for argument, ask in asking.ways(name).items():
        if argument == "user" and name is None:
            continue
        with pytest.raises(SparserecError, match="an id is a text or a whole number, not ") as error:
            ask()
        if argument in ("history", "exclude", "candidates", "dislikes", "user", "item", "items", "ids"):
            assert str(error.value).startswith(f"{argument}: an id is a text or a whole number, not ")


@pytest.mark.parametrize(
    "name",
    [
        7,
        7.0,
        np.float32(7),
        np.float64(7),
        np.int8(7),
        np.uint64(7),
        np.str_("7"),
        np.array(7),
        np.array("7"),
    ],
    ids=repr,
)
def test_texts_and_whole_numbers_of_every_type_are_ids(asking, name):
    for argument, ask in asking.ways("7").items():
        assert np.array_equal(asking.ways(name)[argument](), ask()), argument
    assert [found for found, _ in asking.model.recommend(["i1"], exclude=[name])].count("7") == 0
    assert asking.model.has_item(name)


def test_arrow_and_enumerations_are_ids_by_their_values(asking):
    arrow = pytest.importorskip("pyarrow", reason="needs Arrow: pip install pyarrow")
    expected = asking.model.recommend(["i1", "7"])
    assert asking.model.recommend(arrow.array(["i1", "7"])) == expected
    with pytest.raises(SparserecError, match="history: an id is a text or a whole number, not None"):
        asking.model.recommend(arrow.array(["i1", None]))
    assert asking.model.recommend([Enum("Item", {"FIRST": "i1"}, type=str).FIRST, IntEnum("N", {"A": 7}).A]) == expected


@pytest.mark.parametrize(
    ("name", "bits"), [(2.0**53, 53), (-(2.0**53), 53), (np.float64(1e300), 53), (np.float32(2**24), 24)], ids=repr
)
def test_floats_that_lost_digits_are_no_ids(asking, name, bits):
    for ask in asking.ways(name).values():
        with pytest.raises(SparserecError, match=rf"the id .* is beyond 2\^{bits}, where floats lose digits"):
            ask()


def test_numbers_of_more_digits_than_are_written_out(asking):
    for ask in asking.ways(10**5000).values():
        with pytest.raises(SparserecError, match="more digits than Python writes out; give it as text"):
            ask()
    with pytest.raises(SparserecError, match=r"ids come as a list, such as \[a value of type int\]"):
        asking.model.recommend(10**5000)
    with pytest.raises(SparserecError, match="k must be a whole number of at least 1, not a value of type int"):
        asking.model.recommend(["i1"], k=-(10**5000))
    assert len(asking.model.recommend(["i1"], k=10**5000)) == asking.model.n_items - 1


@pytest.mark.parametrize("unknown", [np.array(["error", "ignore"]), np.array([]), ["ignore"], {}], ids=repr)
def test_unknown_is_a_text(asking, unknown):
    model = asking.model
    for ask in (
        lambda **more: model.recommend(["i1"], **more),
        model.popular,
        lambda **more: model.similar("7", **more),
    ):
        with pytest.raises(SparserecError, match="unknown must be 'error' or 'ignore', not "):
            ask(unknown=unknown)
