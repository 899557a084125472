"""Files with a transformer: vectors, scores and lists are those of the format page, what has no meaning is refused."""

from __future__ import annotations

import numpy as np
import pytest
from encoders import Plain, encoded_file, encoder_files
from hypothesis import given, settings
from hypothesis import strategies as st

from sparserec import SparserecError
from sparserec.device import Recommender

CLOSE = {"rtol": 1e-9, "atol": 1e-9}


@settings(max_examples=60)
@given(encoder_files(), st.data())
def test_vectors_and_scores_are_those_of_the_format(tmp_path_factory, how, data):
    path = tmp_path_factory.mktemp("encoder") / "m"
    model = encoded_file(path, **how)
    plain, items = Plain(path), st.integers(0, how["n"] - 1)
    history = data.draw(st.lists(items, min_size=1, max_size=2 * how["length"] + 2))
    vector = plain.vector(history)
    np.testing.assert_allclose(model.vector(history), vector, **CLOSE)
    scores = plain.items @ vector
    np.testing.assert_allclose(model.score(range(how["n"]), history), scores, rtol=1e-5, atol=1e-5)
    best = model.recommend(history, k=how["n"])
    assert {item for item, _ in best} == {str(i) for i in range(how["n"])} - {str(i) for i in history}
    np.testing.assert_allclose([s for _, s in best], [scores[int(i)] for i, _ in best], rtol=1e-5, atol=1e-5)
    assert [s for _, s in best] == sorted((s for _, s in best), reverse=True)


@settings(max_examples=40)
@given(encoder_files(), st.data())
def test_histories_in_blocks_score_as_one_by_one(tmp_path_factory, how, data):
    path = tmp_path_factory.mktemp("encoder") / "m"
    model = encoded_file(path, **how)
    random = np.random.default_rng(how["seed"])
    sizes = data.draw(st.lists(st.integers(0, how["n"]), max_size=90))
    histories = [random.permutation(how["n"])[:size] for size in sizes]
    indptr = np.concatenate(([0], np.cumsum(sizes, dtype=np.int64))).astype(np.int64)
    together = model.score_histories(indptr, np.concatenate([*histories, np.zeros(0, int)]).astype(np.int64))
    assert together.shape == (len(sizes), how["n"])
    for scores, history in zip(together, histories, strict=True):
        if not len(history):
            assert not scores.any()
            continue
        alone = model.score(range(how["n"]), history.tolist())
        np.testing.assert_allclose(scores, alone, rtol=1e-5, atol=1e-6)


def test_the_order_counts_and_what_is_older_than_the_length_does_not(tmp_path):
    model = encoded_file(tmp_path / "m", length=3)
    assert model.ordered
    assert not model.explains
    assert not np.allclose(model.vector([1, 2, 3]), model.vector([2, 1, 3]))
    assert np.array_equal(model.vector([7, 8, 1, 2, 3]), model.vector([1, 2, 3]))
    # All of the history is left out all the same.
    assert not {"7", "8", "1", "2", "3"} & {item for item, _ in model.recommend([7, 8, 1, 2, 3])}
    assert "7" in {item for item, _ in model.recommend([7, 8, 1, 2, 3], exclude_history=False)}


def test_an_id_twice_stands_where_it_stands_last(tmp_path):
    model = encoded_file(tmp_path / "m")
    assert model.recommend([3, 7, 3, 5]) == model.recommend([7, 3, 5])
    assert model.recommend([3, "unheard of", 5], unknown="ignore") == model.recommend([3, 5])


def test_what_is_disliked_is_left_out_of_history_and_answer(tmp_path):
    model = encoded_file(tmp_path / "m")
    assert np.array_equal(model.vector([3, 4, 5], dislikes=[4]), model.vector([3, 5]))
    best = model.recommend([3, 4, 5], dislikes=[4, 9], k=12)
    assert best == [pair for pair in model.recommend([3, 5], k=12) if pair[0] not in ("4", "9")]
    for history in ([], None, [4]):
        with pytest.raises(SparserecError, match="of what was taken alone: give a history with an id that is not disl"):
            model.recommend(history, dislikes=[4])


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ({"history": [1], "explain": True}, "gives no reasons item by item; ask without explain=True"),
        ({"history": []}, "the history is empty"),
        ({}, "give a history of item ids"),
        ({"user": "7"}, "no user table; give a history"),
        ({"history": ["x"], "unknown": "ignore"}, "none of the 1 ids of the history is among the 12 known"),
    ],
)
def test_what_it_cannot_answer(tmp_path, question, message):
    model = encoded_file(tmp_path / "m")
    with pytest.raises(SparserecError, match=message):
        model.recommend(**question)


def test_popular_is_by_the_state_about_which_all_lie(tmp_path):
    model = encoded_file(tmp_path / "m", n=40)
    plain = Plain(tmp_path / "m")
    scores = plain.items @ np.array(plain.vectors[-1])
    expected = np.argsort(-scores, kind="stable")[:5]
    best = model.popular(5)
    assert [item for item, _ in best] == [str(i) for i in expected]
    np.testing.assert_allclose([s for _, s in best], scores[expected], rtol=1e-5)


def test_similar_is_of_rows_as_in_other_files(tmp_path):
    model = encoded_file(tmp_path / "m")
    rows = Plain(tmp_path / "m").items
    lengths = np.linalg.norm(rows, axis=1)
    alike = rows @ rows[4] / np.sqrt(lengths * lengths[4])
    assert [int(i) for i, _ in model.similar(4, 5)] == [i for i in np.argsort(-alike, kind="stable") if i != 4][:5]


def test_long_histories_take_little_memory_and_answer_alike(tmp_path):
    """More places than are computed at a time; what is hidden of later ones stays hidden."""
    model = encoded_file(tmp_path / "m", n=300, length=200, dim=4, blocks=3)
    history = np.random.default_rng(0).permutation(300)[:170].tolist()
    np.testing.assert_allclose(model.vector(history), Plain(tmp_path / "m").vector(history), **CLOSE)


def test_large_tables_are_shortlisted_with_the_same_answer(tmp_path, monkeypatch):
    from sparserec.device import shortlist

    model = encoded_file(tmp_path / "m", n=3000, dim=12)
    expected = model.recommend([5, 17, 300], k=7)
    for name, value in (("SMALL", 0), ("LEAST", 0), ("MOST", 1e9)):
        monkeypatch.setattr(shortlist, name, value)
    assert Recommender.open(tmp_path / "m").recommend([5, 17, 300], k=7) == expected
    assert model.nbytes > Recommender.open(tmp_path / "m")._items.nbytes
