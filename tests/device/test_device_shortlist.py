"""The best items by posting lists and bounds are those of scoring everything, ties included."""

from __future__ import annotations

import numpy as np
import pytest
from catalogues import as_csr
from hypothesis import given
from hypothesis import strategies as st

from sparserec.artefact import write
from sparserec.artefact.reader import read
from sparserec.device import Recommender, shortlist
from sparserec.device.lists import by_column, by_row, norms
from sparserec.device.postings import Postings
from sparserec.device.shortlist import Shortlist
from sparserec.device.topk import LANES, kth_largest, top_k
from sparserec.vocabulary import Vocabulary

N, DIM = 900, 12


@pytest.fixture(scope="module", autouse=True)
def _small_tables_too():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shortlist, "SMALL", 0)
        yield


def slow(scores: np.ndarray, k: int, left_out: list[int]) -> tuple[list[int], list[float]]:
    ranked = sorted(set(range(len(scores))) - set(left_out), key=lambda i: (-scores[i], i))[:k]
    return ranked, [float(scores[i]) for i in ranked]


def table(path, values_dtype: str, levels: int, skew: float, seed: int):
    """Items of very different length; few levels make many equal scores."""
    random = np.random.default_rng(seed)
    values = random.integers(1, levels + 1, (N, DIM)) * random.choice([-1.0, 1.0], (N, DIM))
    values *= random.random((N, DIM)) < 0.3
    values[:, 0] += values[:, 0] == 0
    values *= np.exp2(np.floor(-skew * random.random((N, 1)) * 4))
    ids = Vocabulary.of(map(str, range(N)))
    write(path, items=as_csr(values.astype(np.float32)), item_ids=ids, values_dtype=values_dtype)
    return read(path).items


@pytest.mark.parametrize("values_dtype", ["coded", "int8", "float16"])
@pytest.mark.parametrize(("levels", "skew"), [(1, 0), (1, 1), (3, 1), (1000, 2)])
def test_the_shortlist_is_the_top_of_all_scores(tmp_path, values_dtype, levels, skew):
    postings = Postings(table(tmp_path / "model", values_dtype, levels, skew, seed=levels))
    made, answered = Shortlist(postings), 0
    random = np.random.default_rng(levels)
    for k in (1, 2, 5):
        for size in (1, 3, 40):
            for _ in range(8):
                taken = random.choice(N, size, replace=False)
                vector = postings.vector(taken) * np.exp(2 * random.normal(size=DIM))
                found = made.best(vector, k, taken)
                if found is None:
                    continue
                answered += 1
                scores = postings.of(vector)
                assert (found[0].tolist(), found[1].tolist()) == slow(scores, k, taken.tolist())
                np.testing.assert_array_equal(postings.of_rows(vector, taken), scores[taken])
    assert answered > (10 if levels == 1 else 60)


def test_what_is_behind_the_front_is_found(tmp_path):
    """The best item is so short that only its bound, and no sum over the front, can tell."""
    values = np.zeros((N, DIM), dtype=np.float32)
    values[:, 0] = np.linspace(100, 200, N)
    values[:, 1] = -1
    values[700:, 0] = 1
    values[800, 1:4] = 30
    write(tmp_path / "m", items=as_csr(values), item_ids=Vocabulary.of(map(str, range(N))), values_dtype="float16")
    postings = Postings(read(tmp_path / "m").items)
    vector = np.zeros(DIM)
    vector[:4] = -1, 2, 2, 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shortlist, "FRONT", 0.7)
        made = Shortlist(postings)
    assert postings.places(np.array([800]))[0] >= made._front
    rows, scores = made.best(vector, 2, np.array([3]))
    assert (rows.tolist(), scores.tolist()) == slow(postings.of(vector), 2, [3])
    assert rows[0] == 800


@pytest.mark.parametrize("scale", [0.0, 1e-120, 1e160, np.inf])
def test_vectors_without_a_bound_are_left_to_the_plain_way(tmp_path, scale):
    postings = Postings(table(tmp_path / "model", "coded", 9, 1, seed=1))
    with np.errstate(all="ignore"):
        assert Shortlist(postings).best(np.full(DIM, scale), 2, np.array([0])) is None


def test_recommend_takes_the_short_way_and_the_plain_one_to_the_same_answer(tmp_path):
    table(tmp_path / "model", "coded", 5, 1, seed=3)
    recommender = Recommender.open(tmp_path / "model")
    random = np.random.default_rng(0)
    histories = [random.choice(N, 4, replace=False).tolist() for _ in range(20)]
    short = [recommender.recommend(history, k=5, exclude=[7, 8]) for history in histories]
    assert any(recommender._shortlist.best(recommender.vector(h), 5, np.array(h)) is not None for h in histories)
    recommender._shortlist = None
    assert [recommender.recommend(history, k=5, exclude=[7, 8]) for history in histories] == short


@given(st.lists(st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 2.0, np.inf]), min_size=1, max_size=400), st.integers(1, 9))
def test_top_k(numbers, k):
    scores = np.array(numbers, dtype=np.float32)
    there = np.flatnonzero(scores > -np.inf).tolist()
    assert top_k(scores, k).tolist() == sorted(there, key=lambda i: (-scores[i], i))[:k]


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_at_least_k_scores_reach_the_bound(seed, k):
    scores = np.random.default_rng(seed).integers(-50, 50, size=k + seed % (LANES * 200)).astype(np.float64)
    bound = kth_largest(scores, k)
    assert np.count_nonzero(scores >= bound) >= k
    assert bound in scores


def test_lists_hold_the_table(tmp_path):
    items = table(tmp_path / "model", "float16", 7, 1, seed=2)
    full = np.zeros((N, DIM))
    full[np.repeat(np.arange(N), np.diff(items.indptr)), items.columns] = items.values
    lengths = norms(items)
    assert (lengths >= np.sqrt((full**2).sum(axis=1))).all()
    np.testing.assert_allclose(lengths, np.sqrt((full**2).sum(axis=1)), rtol=1e-5)
    order = np.random.default_rng(0).permutation(N)
    rows = by_row(items, order)
    columns = by_column(rows, DIM)
    again, turned = np.zeros((N, DIM)), np.zeros((N, DIM))
    for number in range(N):
        keys, codes, _ = rows.of(np.array([number]))
        assert keys.tolist() == sorted(keys.tolist())
        again[order[number], keys] = codes
    for column in range(DIM):
        keys, codes, _ = columns.of(np.array([column]))
        turned[order[keys], column] = codes
    np.testing.assert_array_equal(again, full)
    np.testing.assert_array_equal(turned, full)


@pytest.mark.parametrize("values_dtype", ["coded", "int8", "float16"])
def test_indices_and_counts_are_what_a_32_bit_machine_takes(tmp_path, values_dtype):
    """There, NumPy refuses int64 as an index of bincount or a count of repeat; intp and what fits an int32 pass."""
    postings = Postings(table(tmp_path / "model", values_dtype, 9, 1, seed=4))
    for lists in (postings.rows, postings.columns):
        keys, _, lengths = lists.of(np.arange(3))
        assert np.can_cast(keys.dtype, np.int32, "safe")
        assert lengths.dtype == lists.starts.dtype == np.intp
    assert postings.order.dtype == postings._places.dtype == np.int32
    assert Shortlist(postings)._middle.dtype == np.intp
