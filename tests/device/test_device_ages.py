"""The order of a history: the runtime gives what plain loops over dense matrices give."""

from __future__ import annotations

import numpy as np
import pytest
from aged import Aged, aged_models, table
from catalogues import as_csr
from hypothesis import given
from hypothesis import strategies as st

from sparserec import SparserecError
from sparserec.artefact import TableData, write
from sparserec.device import Recommender, shortlist
from sparserec.device.ages import Ages
from sparserec.vocabulary import Vocabulary

NEAR = {"rtol": 2e-5, "atol": 2e-5}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("ages") / "model"


def items_of(n: int, **sizes):
    return st.lists(st.integers(0, n - 1), **sizes)


@given(aged_models(), st.data())
def test_vectors_and_scores_are_those_of_plain_loops(path, model, data):
    recommender, plain = model.open(path)
    history, dislikes = data.draw(items_of(model.n, max_size=8)), data.draw(items_of(model.n, max_size=2, unique=True))
    if not history and not dislikes:
        history = [0]
    vector = plain.vector(history, dislikes)
    np.testing.assert_allclose(recommender.vector(history, dislikes=dislikes), vector, **NEAR)
    scores = recommender.score(range(model.n), history, dislikes=dislikes)
    np.testing.assert_allclose(scores, plain.scores(vector), **NEAR)
    k = data.draw(st.integers(1, model.n + 1))
    answer = recommender.recommend(history, k=k, dislikes=dislikes)
    left = [item for item in range(model.n) if item not in history and item not in dislikes]
    assert answer == [(str(i), scores[i]) for i in sorted(left, key=lambda i: (-scores[i], i))[:k]]


@given(aged_models(), st.data())
def test_reasons_add_up_to_the_score(path, model, data):
    recommender, plain = model.open(path)
    history, dislikes = data.draw(items_of(model.n, min_size=1, max_size=6)), data.draw(items_of(model.n, max_size=1))
    parts = plain.parts(history, dislikes)
    explained = recommender.recommend(history, k=model.n, dislikes=dislikes, explain=True, exclude_history=False)
    assert len(explained) == model.n - len(dislikes)
    for one in explained:
        because = dict(one.because)
        assert sorted(because) == sorted(map(str, parts))
        row = int(one.item)
        expected = {str(item): part @ plain.items[row] * plain.factors[row] for item, part in parts.items()}
        np.testing.assert_allclose([because[item] for item in expected], list(expected.values()), **NEAR)
        assert sum(because.values()) == pytest.approx(one.score, rel=1e-4, abs=1e-4)


@given(aged_models(), st.data())
def test_what_the_file_does_not_know_makes_nothing_older(path, model, data):
    recommender, _ = model.open(path)
    history = data.draw(items_of(model.n, min_size=1, max_size=5))
    mixed = [name for item in history for name in (item, *data.draw(st.sampled_from([(), ("elsewhere", "gone")])))]
    assert recommender.recommend(mixed, unknown="ignore") == recommender.recommend(history)
    with_disliked = [*history, 0]  # what is in both counts as disliked alone
    if any(history):
        apart = recommender.recommend([item for item in history if item], dislikes=[0])
        assert recommender.recommend(with_disliked, dislikes=[0]) == apart


@given(aged_models(), st.data())
def test_all_ways_to_a_score_agree(path, model, data):
    recommender, _ = model.open(path)
    assert recommender.ordered == (min(model.arguments["age_decay"]) < 1)
    histories = [data.draw(items_of(model.n, max_size=5, unique=True)) for _ in range(3)]
    indptr = np.cumsum([0] + [len(history) for history in histories])
    scores = recommender.score_histories(indptr, np.concatenate([*histories, []]).astype(np.int64))
    for row, history in zip(scores, histories, strict=True):
        if not history:
            assert not row.any()
            continue
        np.testing.assert_array_equal(recommender.score(range(model.n), history), row)
        with_candidates = recommender.recommend(history, candidates=range(model.n), k=model.n, exclude_history=False)
        assert with_candidates == recommender.recommend(history, k=model.n, exclude_history=False)


@given(aged_models())
def test_a_user_of_the_table_has_no_order(path, model):
    recommender, _ = model.open(path)
    if not recommender.has_users:
        return
    alone = recommender.recommend(user="user 1", k=model.n)
    n = range(model.n)
    assert recommender.recommend(n, user="user 1", k=model.n, exclude_history=False) == alone
    assert recommender.recommend(n[::-1], user="user 1", k=model.n, exclude_history=False) == alone


@given(aged_models(item_columns=True), st.data())
def test_similar_items_are_what_both_add_to_one_another(path, model, data):
    recommender, plain = model.open(path)
    row = data.draw(st.integers(0, model.n - 1))
    lengths = np.sqrt((plain.items**2).sum(axis=1))
    expected = {}
    for other in set(range(model.n)) - {row}:
        given_away, received = plain.adds(row, 0) @ plain.items[other], plain.adds(other, 0) @ plain.items[row]
        expected[str(other)] = (given_away + received) / 2 / np.sqrt(lengths[row] * lengths[other])
    found = recommender.similar(row, k=model.n)
    assert sorted(item for item, _ in found) == sorted(expected)
    np.testing.assert_allclose([number for _, number in found], [expected[item] for item, _ in found], **NEAR)
    assert [number for _, number in found] == sorted((number for _, number in found), reverse=True)


@given(aged_models())
def test_popular_items_of_every_kind_of_file(path, model):
    recommender, plain = model.open(path)
    found = recommender.popular(model.n)
    assert sorted(int(item) for item, _ in found) == list(range(model.n))
    numbers = [number for _, number in found]
    assert numbers == sorted(numbers, reverse=True)
    if model.arguments["history_factors"] is not None or recommender.has_users or len(plain.decay) == 1:
        return
    together = sum(plain.adds(item, 0) for item in range(model.n))
    np.testing.assert_allclose(numbers, [plain.scores(together)[int(item)] for item, _ in found], **NEAR)


def ten(path, decay: tuple[float, ...], extra: int = 0) -> Recommender:
    """Ten items; row i has the number i + 1 in column i - 1, which with two numbers is that of item i - 1."""
    matrix = np.zeros((10, 10 + extra), dtype=np.float32)
    matrix[np.arange(10), extra + np.arange(-1, 9) % 10] = np.arange(1, 11)
    write(path, items=as_csr(matrix), item_ids=Vocabulary.of("abcdefghij"), values_dtype="float16", age_decay=decay)
    return Recommender.open(path)


def test_item_columns_worked_by_hand(path):
    """Row j has j + 1 in the column of item j - 1: of (a, b), b is new and leads to c by 3, a is old and leads to b."""
    recommender = ten(path, (0.5, 0.25))
    assert recommender.recommend(["a", "b"], k=2) == [("c", 3.0), ("d", 0.0)]
    assert recommender.recommend(["b", "a"], k=2) == [("c", 0.75), ("d", 0.0)]
    assert recommender.recommend(["b", "a", "b"], k=1) == [("c", 3.0)]
    assert recommender.recommend(["a", "e", "b"], dislikes=["c"], k=2) == [("f", 1.5), ("g", 0.0)]
    (best,) = recommender.recommend(["c", "a", "b"], k=1, explain=True, exclude_history=False)
    assert (best.item, best.because) == ("c", (("b", 3.0), ("c", 0.0), ("a", 0.0)))
    assert recommender.vector(["c", "a"]).tolist() == [1, 0, 0.25, 0, 0, 0, 0, 0, 0, 0]
    assert recommender.similar("b", 2) == [("a", pytest.approx(2**-0.5)), ("c", pytest.approx(1.5 / 6**0.5))]
    assert recommender.popular(3) == [("j", 10.0), ("i", 9.0), ("h", 8.0)]


def test_one_number_worked_by_hand(path):
    """With rows that lie in ordinary columns, only those of one item have a product with its row."""
    recommender = ten(path, (0.5,))
    assert recommender.vector(["a", "b", "c"]).tolist() == [2 * 0.5, 3, 0, 0, 0, 0, 0, 0, 0, 0.25]
    assert recommender.score([*"abc"], ["a", "b", "c"]).tolist() == [0.25, 2, 9]
    assert recommender.score([*"abc"], ["c", "b", "a"]).tolist() == [1, 2, 2.25]
    assert recommender.score([*"abc"], ["c", "b"], dislikes=["a"]).tolist() == [-1, 4, 4.5]


def test_powers_are_made_one_from_another():
    """As the browser makes them; a power that is computed at once may differ in its last digit."""
    decay = np.float32(0.7)
    expected, power = [], 1.0
    for _ in range(400):
        expected.append(power)
        power *= float(decay)
    assert Ages(np.array([decay]), 3, 5).of_rows(400).tolist() == expected[::-1]
    assert Ages(np.array([decay, decay]), 3, 5).of_columns(400).tolist() == expected[::-1]
    assert Ages(np.array([decay]), 3, 5).of_rows(0).tolist() == []


def test_an_order_that_does_not_decay_is_no_order(path):
    """With ones, a file gives what the same file without them gives, to the last digit."""
    random = np.random.default_rng(0)
    arguments = {
        "items": as_csr(table(random, 60, 9, 0.4)),
        "item_ids": Vocabulary.of(map(str, range(60))),
        "history_factors": np.exp(random.normal(size=60)),
    }
    answers = []
    for decay in (None, (1.0,)):
        write(path, **arguments, age_decay=decay)
        recommender = Recommender.open(path)
        answers.append([recommender.recommend(h, explain=True) for h in ([3], [5, 2, 9], [9, 5, 2])])
        answers[-1].append(recommender.similar(4))
        answers[-1].append(recommender.popular())
        assert not recommender.ordered
    assert answers[0] == answers[1]


@pytest.mark.parametrize("values_dtype", ["int8", "coded"])
@pytest.mark.parametrize("decay", [(0.8,), (0.8, 0.7)])
def test_the_shortlist_is_the_top_of_all_scores(path, monkeypatch, values_dtype, decay):
    """A table of the size where bounds are used: the answer is that of scoring all of it."""
    for name, number in (("SMALL", 0), ("LEAST", 0), ("MOST", 1e9)):
        monkeypatch.setattr(shortlist, name, number)
    random, n, ordinary = np.random.default_rng(1), 900, 12
    lengths = random.integers(1, 40, n)
    dim = ordinary + n if len(decay) == 2 else ordinary
    columns = [np.sort(random.choice(dim, min(length, dim), replace=False)) for length in lengths]
    indptr = np.cumsum([0] + [len(each) for each in columns])
    values = (random.random(indptr[-1]) * np.repeat(np.exp2(-4 * random.random(n)), np.diff(indptr))).astype(np.float32)
    items = TableData(indptr, np.concatenate(columns), values, dim)
    write(path, items=items, item_ids=Vocabulary.of(map(str, range(n))), values_dtype=values_dtype, age_decay=decay)
    recommender, answered = Recommender.open(path), 0
    for size in (1, 3, 40):
        for k in (1, 2, 5):
            history = random.choice(n, size, replace=False).tolist()
            vector, taken = recommender.vector(history), np.array(history)
            answered += recommender._shortlist.best(vector, k, taken) is not None
            scores = recommender.score(range(n), history)
            best = sorted(set(range(n)) - set(history), key=lambda i, scores=scores: (-scores[i], i))[:k]
            assert recommender.recommend(history, k=k) == [(str(i), scores[i]) for i in best]
    assert answered >= 6


def test_long_histories_do_not_end_in_numbers_that_are_none(path):
    """What is old enough counts nothing."""
    recommender = ten(path, (1e-30, 1e-30))
    history = [*"abcdefghij"]
    assert np.isfinite(recommender.vector(history)).all()
    assert recommender.score(["j"], history)[0] == pytest.approx(10 * np.float32(1e-30), abs=1e-35)
    assert Aged.of(path).decay == [np.float32(1e-30)] * 2


REFUSED = {
    "none at all": ((), "one or two numbers above 0 and up to 1"),
    "three": ((0.5, 0.5, 0.5), "one or two numbers"),
    "zero": ((0.0,), "one or two numbers above 0"),
    "below zero": ((0.5, -0.5), "above 0"),
    "above one": ((1.0000001,), "up to 1"),
    "too small for single precision": ((1e-60,), "above 0"),
    "not a number": ((float("nan"),), "above 0"),
    "a text": (("half",), "one or two numbers"),
    "a matrix": ([[0.5]], "one or two numbers"),
    "one number alone": (0.5, "one or two numbers"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_numbers_that_are_no_decay_are_not_written(path, case):
    decay, message = REFUSED[case]
    with pytest.raises(SparserecError, match=message):
        write(
            path.with_name("none"),
            items=as_csr(np.eye(3, dtype=np.float32)),
            item_ids=Vocabulary.of("abc"),
            age_decay=decay,
        )
    assert not path.with_name("none").exists()


def test_tables_that_can_not_have_it(path):
    ids = Vocabulary.of("abc")
    with pytest.raises(SparserecError, match="age_decay needs a sparse item table"):
        write(path, items=np.eye(3, dtype=np.float32), item_ids=ids, age_decay=(0.5,))
    with pytest.raises(SparserecError, match="a column for each item: there are 3 items, but 2 columns"):
        write(path, items=as_csr(np.ones((3, 2), np.float32)), item_ids=ids, age_decay=(0.5, 0.5))


def test_the_example_of_the_format_page(path):
    rows = np.array([[3, 0, 0, 5], [4, 8, 0, 0], [1, 6, 2, 0]], dtype=np.float32)
    write(
        path,
        items=as_csr(rows),
        item_ids=Vocabulary.of("012"),
        history_factors=np.array([2, 1, 1]),
        values_dtype="float16",
        age_decay=(0.5, 0.25),
    )
    recommender, factor = Recommender.open(path), float(np.float32(2 * np.exp(-np.float64(np.float32(0.1)) * 7)))
    assert factor == pytest.approx(1, rel=0.01)  # as the file can say it
    vector = recommender.vector([1, 0, 1])
    assert vector.tolist() == [4 * factor + 3, 0.25, 1, 0]
    assert recommender.recommend([1, 0, 1])[0][1] == pytest.approx(10.5, abs=0.04)
    assert recommender.vector([1, 0]).tolist() == [6 + 4 * factor * 0.5, 1, 0.25, 0]
    assert recommender.recommend([1, 0])[0][1] == pytest.approx(14.5, abs=0.04)
