"""Answers that can be told by hand, and questions that can't be answered."""

from __future__ import annotations

import math

import numpy as np
import pytest
from catalogues import as_csr

from sparserec import SparserecError
from sparserec.artefact import write
from sparserec.device import Recommender
from sparserec.vocabulary import Vocabulary


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def opened(path, items, ids, **more) -> Recommender:
    users = more.pop("users", None)
    if users is not None:
        more |= {"users": as_csr(np.array(users, dtype=np.float32)), "user_ids": Vocabulary.of(more.pop("user_ids"))}
    write(path, items=as_csr(np.array(items, dtype=np.float32)), item_ids=Vocabulary.of(ids), **more)
    return Recommender.open(path)


@pytest.fixture
def line(path) -> Recommender:
    """Items that score 1, 3, 2, 2, 4 for a history of the first, and two users."""
    names = ["one", "three", "two", "deux", "four"]
    users = {"users": [[1], [-1]], "user_ids": "uv"}
    return opened(path, [[1], [3], [2], [2], [4]], names, **users, values_dtype="float16")


@pytest.mark.parametrize("dense", [False, True])
def test_checkerboard(path, dense):
    """Users like the items of their own colour; of those, each one's own number is withheld and must come first."""
    n = 8
    items = np.array([[i % 2 == 0, i % 2 == 1] for i in range(n)], dtype=np.float32)
    names = [f"square {i}" for i in range(n)]
    write(path, items=items if dense else as_csr(items), item_ids=Vocabulary.of(names))
    recommender = Recommender.open(path)
    for user in range(n):
        history = [names[i] for i in range(n) if i % 2 == user % 2 and i != user]
        (best, score), *others = recommender.recommend(history, k=n)
        assert (best, score) == (names[user], 3.0)
        assert others == [(names[i], 0.0) for i in range(n) if i % 2 != user % 2]


def test_a_history(line):
    assert line.recommend(["one"]) == [("four", 4.0), ("three", 3.0), ("two", 2.0), ("deux", 2.0)]
    assert line.recommend(["one"], k=2) == [("four", 4.0), ("three", 3.0)]
    assert line.recommend(["four", "three"]) == [("two", 14.0), ("deux", 14.0), ("one", 7.0)]


def test_a_history_counts_each_item_once_in_any_order(line):
    once = line.recommend(["one", "two"])
    assert line.recommend(["two", "one", "two", "one"]) == once
    assert line.recommend(np.array(["one", "two"])) == once
    np.testing.assert_array_equal(line.vector(np.array(["one", "two", "one"])), [3])


def test_ties_go_to_the_lower_row(line):
    assert line.recommend(["one"], k=3)[-1][0] == "two"
    assert line.recommend(["one", "two"], k=3)[-1][0] == "deux"


def test_ties_everywhere(path):
    names = [str(i) for i in range(200)]
    recommender = opened(path, np.ones((200, 3)), names)
    for k in (1, 7, 199):
        assert [name for name, _ in recommender.recommend(["5"], k=k)] == [n for n in names if n != "5"][:k]


def test_a_user(line):
    assert [name for name, _ in line.recommend(user="u")] == ["four", "three", "two", "deux", "one"]
    assert [name for name, _ in line.recommend(user="v")] == ["one", "two", "deux", "three", "four"]


def test_a_history_beside_a_user_only_leaves_items_out(line):
    assert line.recommend(["four"], "v") == [("one", -1.0), ("two", -2.0), ("deux", -2.0), ("three", -3.0)]
    assert line.recommend([], "v", k=1) == [("one", -1.0)]


def test_exclude_and_candidates(line):
    assert line.recommend(["one"], exclude=["four", "two"]) == [("three", 3.0), ("deux", 2.0)]
    assert line.recommend(["one"], candidates=["deux", "two", "one"]) == [("two", 2.0), ("deux", 2.0)]
    assert line.recommend(["one"], exclude=["two"], candidates=["deux", "two"]) == [("deux", 2.0)]
    assert line.recommend(["one"], candidates=[]) == []
    assert line.recommend(["one", "two", "three"], exclude=["four", "deux"]) == []


def test_more_asked_for_than_left(line):
    assert len(line.recommend(["one"], k=10**9)) == 4
    assert len(line.recommend(["one"], k=np.int64(3))) == 3


def test_factors_by_hand(path):
    """History factors weigh the rows that are summed, item factors the scores."""
    recommender = opened(
        path,
        [[1, 0], [0, 1], [1, 1]],
        "abc",
        item_factors=np.array([1, 1, 0.5]),
        history_factors=np.array([2, 3, 1]),
        values_dtype="float16",
    )
    # The largest factor is kept; log(3 / 2) is 4.05 and log(3) 10.99 steps of 0.1.
    factors = [3 * math.exp(-0.4), 3]
    np.testing.assert_allclose(recommender.vector(["a", "b"]), factors, rtol=1e-6)
    np.testing.assert_allclose(recommender.vector(["c"]), [3 * math.exp(-1.1)] * 2, rtol=1e-6)
    ((name, score),) = recommender.recommend(["a", "b"])
    assert (name, score) == ("c", pytest.approx(sum(factors) / 2))
    assert recommender.recommend(["a"]) == [("c", pytest.approx(factors[0] / 2)), ("b", 0.0)]


def test_numbers_stand_for_their_text(path):
    recommender = opened(path, np.ones((3, 1)), ["10", "20", "30"], users=[[1]], user_ids=["7"])
    assert recommender.recommend([10]) == recommender.recommend(["10"]) == [("20", 1.0), ("30", 1.0)]
    assert recommender.recommend([10], exclude=[20], candidates=[20, 30]) == [("30", 1.0)]
    assert recommender.recommend(user=7, k=1) == [("10", 1.0)]
    assert recommender.recommend(np.array([10])) == recommender.recommend([10])


def test_what_the_file_holds(line, path):
    assert (line.n_items, line.n_users, line.has_users) == (5, 2, True)
    assert line.item_ids == ["one", "three", "two", "deux", "four"]
    assert line.user_ids == ["u", "v"]
    assert line.card.nnz == 7
    assert line.nbytes > 0
    without = opened(path, [[1]], "a")
    assert (without.n_users, without.has_users, without.user_ids) == (0, False, [])


def test_a_catalogue_of_one_item(path):
    recommender = opened(path, [[1]], "a")
    assert recommender.recommend(["a"]) == []
    assert recommender.score(["a"], ["a"]).tolist() == [1]


REFUSED = {
    "unknown item in the history": ({"history": ["one", "five"]}, "unknown item in the history 'five'.* 5 known"),
    "unknown user": ({"user": "w"}, "unknown user 'w': not among the 2 known; for example, 'u' is one"),
    "unknown item to exclude": ({"history": ["one"], "exclude": ["five"]}, "unknown excluded item 'five'"),
    "unknown candidate": ({"history": ["one"], "candidates": ["five"]}, "unknown candidate item 'five'"),
    "empty history": ({"history": []}, "history is empty; give at least one item id"),
    "nothing": ({}, "give a history of item ids or a user"),
    "no items": ({"history": ["one"], "k": 0}, "k must be a whole number of at least 1, not 0"),
    "fewer than no items": ({"history": ["one"], "k": -1}, "not -1"),
    "items and a half": ({"history": ["one"], "k": 1.5}, "not 1.5"),
    "a truth value": ({"history": ["one"], "k": True}, "not True"),
    "items as text": ({"history": ["one"], "k": "3"}, "not '3'"),
    "a text as the history": ({"history": "one"}, r"ids come as a list, not as one text: \['one'\]"),
    "a text to exclude": ({"history": ["one"], "exclude": "two"}, "ids come as a list"),
    "a broken text": ({"history": ["\ud800"]}, "unknown item in the history"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(line, case):
    query, message = REFUSED[case]
    with pytest.raises(SparserecError, match=message):
        line.recommend(**query)


def test_refused_vectors_and_scores(line):
    with pytest.raises(SparserecError, match="history is empty"):
        line.vector([])
    with pytest.raises(SparserecError, match="give a history"):
        line.score(["one"])
    with pytest.raises(SparserecError, match="unknown item 'five'"):
        line.score(["five"], ["one"])


def test_a_user_of_a_file_without_users(path):
    recommender = opened(path, [[1], [1]], "ab")
    with pytest.raises(SparserecError, match="no user table; give a history of item ids instead"):
        recommender.recommend(user="a")
    with pytest.raises(SparserecError, match="no user table; score histories instead"):
        recommender.score_users(np.array([0]))
    with pytest.raises(SparserecError, match=r"give a history of item ids$"):
        recommender.recommend()
