"""The device runtime gives what plain dense matrices give."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from catalogues import Catalogue, as_csr, catalogues
from hypothesis import given
from hypothesis import strategies as st

from sparserec.artefact import write
from sparserec.device import Recommender
from sparserec.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("device") / "model"


def rows_of(catalogue: Catalogue, **sizes):
    return st.lists(st.integers(0, len(catalogue.items) - 1), **sizes)


@given(catalogues(), st.data())
def test_recommend_for_a_history(path, catalogue, data):
    recommender = catalogue.open(path)
    history = data.draw(rows_of(catalogue, min_size=1, max_size=3))
    k = data.draw(st.integers(1, 12))
    scores = catalogue.scores(history)
    names = [str(i) for i in history]
    assert recommender.recommend(names, k=k) == catalogue.best(scores, k, set(history))
    np.testing.assert_array_equal(recommender.vector(names), catalogue.vector(history))


@given(catalogues(with_users=True), st.data())
def test_recommend_for_a_user(path, catalogue, data):
    recommender = catalogue.open(path)
    user = data.draw(st.integers(0, len(catalogue.users) - 1))
    history = data.draw(st.none() | rows_of(catalogue, max_size=3))
    k = data.draw(st.integers(1, 12))
    scores = catalogue.scores(user=user)
    expected = catalogue.best(scores, k, set(history or ()))
    assert recommender.recommend(history, f"user {user}", k) == expected
    np.testing.assert_array_equal(recommender.vector(user=f"user {user}"), catalogue.vector(user=user))


@given(catalogues(), st.data())
def test_exclude_and_candidates(path, catalogue, data):
    recommender = catalogue.open(path)
    history = data.draw(rows_of(catalogue, min_size=1, max_size=3))
    exclude = data.draw(rows_of(catalogue, max_size=4))
    candidates = data.draw(st.none() | rows_of(catalogue, max_size=6))
    k = data.draw(st.integers(1, 12))
    everything = set(range(len(catalogue.items)))
    left_out = set(history) | set(exclude) | (set() if candidates is None else everything - set(candidates))
    answer = recommender.recommend(history, k=k, exclude=iter(exclude), candidates=candidates)
    assert answer == catalogue.best(catalogue.scores(history), k, left_out)


@given(catalogues(with_users=True), st.data())
def test_all_ways_to_a_score_agree(path, catalogue, data):
    recommender = catalogue.open(path)
    n_items, n_users = len(catalogue.items), len(catalogue.users)
    by_user = recommender.score_users(np.arange(n_users))
    assert by_user.dtype == np.float32
    for user in range(n_users):
        np.testing.assert_array_equal(by_user[user], catalogue.scores(user=user))
        np.testing.assert_array_equal(recommender.score(range(n_items), user=f"user {user}"), by_user[user])
        assert recommender.recommend(user=f"user {user}", k=1)[0][1] == by_user[user].max()

    histories = [sorted(set(data.draw(rows_of(catalogue, min_size=1, max_size=3)))) for _ in range(3)]
    indptr = np.cumsum([0] + [len(history) for history in histories])
    by_history = recommender.score_histories(indptr, np.concatenate(histories))
    for row, history in enumerate(histories):
        np.testing.assert_array_equal(by_history[row], catalogue.scores(history))
        np.testing.assert_array_equal(recommender.score(range(n_items), history), by_history[row])


def test_score_gives_one_number_for_each_item_asked_for(path):
    recommender = Catalogue(np.array([[1, 0], [1, 2]], dtype=np.float32), None, None, None, False, "float16").open(path)
    assert recommender.score(["1", "0", "1", "1"], ["1"]).tolist() == [5, 1, 5, 5]
    assert recommender.score([], ["1"]).tolist() == []


def test_empty_histories_score_nothing(path):
    recommender = Catalogue(np.ones((3, 2), dtype=np.float32), None, None, None, False, "int8").open(path)
    assert recommender.score_histories(np.array([0, 0, 1]), np.array([2])).tolist() == [[0, 0, 0], [2, 2, 2]]
    assert recommender.score_histories(np.array([0]), np.array([], dtype=int)).shape == (0, 3)


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("values_dtype", ["int8", "float16"])
def test_a_larger_catalogue_with_rounding(path, dense, values_dtype):
    """Real numbers instead of exact ones: 500 items, 40 columns."""
    random = np.random.default_rng(0)
    items = random.normal(size=(500, 40)).astype(np.float32)
    items[random.random(items.shape) < (0 if dense else 0.8)] = 0
    items[:, 0] += 0.01
    write(
        path,
        items=items if dense else as_csr(items),
        item_ids=Vocabulary.of(map(str, range(500))),
        values_dtype=values_dtype,
    )
    recommender = Recommender.open(path)
    # The tables as the file has them: as near as the type allows.
    step = np.abs(items).max(axis=0) / 127 if values_dtype == "int8" else np.abs(items).max(axis=0) / 1024
    stored = np.array([recommender.vector([i]) for i in range(500)])
    assert (np.abs(stored - items) <= step / 2 * 1.001).all()
    history = [3, 77, 401]
    expected = stored @ stored[history].sum(axis=0)
    np.testing.assert_allclose(recommender.score(range(500), history), expected, rtol=1e-4, atol=1e-4)
    answer = recommender.recommend(history, k=20)
    assert [score for _, score in answer] == sorted((score for _, score in answer), reverse=True)
    left = np.sort(np.delete(expected, history))[::-1]
    np.testing.assert_allclose([score for _, score in answer], left[:20], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("values_dtype", "dense"), [("coded", False), ("int8", False), ("int8", True)])
def test_history_factors_in_every_way_to_a_score(path, values_dtype, dense):
    """Against NumPy with the table by its formula: steps and codes are computed here, and not read."""
    random = np.random.default_rng(2)
    items = random.normal(size=(200, 24)).astype(np.float32)
    items[random.random(items.shape) < (0 if dense else 0.7)] = 0
    items[:, 0] += 0.01
    factors = np.exp(random.normal(size=200)).astype(np.float32)
    names = [str(i) for i in range(200)]
    write(
        path,
        items=items if dense else as_csr(items),
        item_ids=Vocabulary.of(names),
        history_factors=factors,
        values_dtype=values_dtype,
    )
    if values_dtype == "coded":
        step = float(np.float32(np.abs(items[items != 0]).astype(float).mean() / 6))
        table = np.sign(items) * (np.abs(items).astype(float) // step + 0.5) * step
    else:
        step = (np.abs(items).max(axis=0) / np.float32(127)).astype(float)
        table = np.rint(items / step) * step
    log_step = float(np.float32(0.1))
    weights = factors.max() * np.exp(-log_step * np.rint(np.log(factors.max() / factors.astype(float)) / log_step))

    recommender = Recommender.open(path)
    histories = [random.choice(200, size, replace=False) for size in (1, 2, 7, 50)]
    indptr = np.cumsum([0] + [len(history) for history in histories])
    all_scores = recommender.score_histories(indptr, np.concatenate(histories))
    for history, scores in zip(histories, all_scores, strict=True):
        vector = (weights[history][:, None] * table[history]).sum(axis=0)
        expected = table @ vector
        ids = [names[item] for item in history]
        np.testing.assert_allclose(recommender.vector(ids), vector, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(recommender.score(names, ids), expected, rtol=1e-4, atol=1e-3)
        answer = recommender.recommend(ids, k=20)
        np.testing.assert_array_equal([score for _, score in answer], np.sort(np.delete(scores, history))[::-1][:20])
        np.testing.assert_array_equal([score for _, score in answer], scores[[int(name) for name, _ in answer]])


def test_coded_users(path):
    """Users' rows have a step of their own, and no history factor."""
    random = np.random.default_rng(3)
    items, users = (
        random.choice([-1, 1], size=(n, 4)) * random.uniform(0.1, size, (n, 4)) for n, size in ((30, 9), (5, 1))
    )
    write(
        path,
        items=as_csr(items.astype(np.float32)),
        users=as_csr(users.astype(np.float32)),
        item_ids=Vocabulary.of(map(str, range(30))),
        user_ids=Vocabulary.of("abcde"),
        history_factors=random.uniform(0.1, 1, 30),
        values_dtype="coded",
    )
    recommender = Recommender.open(path)
    for user, row in zip("abcde", users, strict=True):
        assert (np.abs(recommender.vector(user=user) - row) <= np.abs(users).mean() / 12 * 1.0001).all()
    stored = np.array([recommender.vector(user=user) for user in "abcde"])
    table = np.abs(items) // (np.abs(items.astype(np.float32)).astype(float).mean() / 6)
    table = np.sign(items) * (table + 0.5) * np.abs(items).mean() / 6
    np.testing.assert_allclose(recommender.score_users(np.arange(5)), stored @ table.T, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("dense", [False, True])
def test_threads_get_the_same_answers(path, dense):
    random = np.random.default_rng(1)
    items = random.normal(size=(300, 16)).astype(np.float32)
    write(path, items=items if dense else as_csr(items), item_ids=Vocabulary.of(map(str, range(300))))
    queries = [random.choice(300, 3, replace=False).tolist() for _ in range(200)]
    alone = [Recommender.open(path).recommend(query) for query in queries[:5]]
    shared = Recommender.open(path)
    with ThreadPoolExecutor(2) as pool:
        first, second = (pool.submit(lambda: [shared.recommend(query) for query in queries]) for _ in range(2))
        assert first.result() == second.result()
    assert first.result()[:5] == alone
