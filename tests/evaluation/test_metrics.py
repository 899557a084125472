"""Metrics: worked by hand, and held equal to ranx."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparserec.errors import SparserecError
from sparserec.evaluation import METRICS, Popularity, evaluate, top_k
from sparserec.evaluation.topk import mask_history
from sparserec.interactions import Interactions
from sparserec.vocabulary import Vocabulary


class Fixed:
    """A scorer with the scores given."""

    def __init__(self, scores):
        self._scores = np.asarray(scores, dtype=np.float32)
        self.n_items = self._scores.shape[1]

    def score(self, users):
        return self._scores[users]


def facts(pairs, n_users, n_items):
    users, items = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    names = [Vocabulary.of([str(number) for number in range(n)]) for n in (n_users, n_items)]
    return Interactions.of(users, items, *names)


# Four items are relevant; the list of five has hits at ranks 1, 3 and 4.
HITS = np.array([[True, False, True, True, False]])
RELEVANT = np.array([4])
IDEAL = 1 + 1 / math.log2(3) + 1 / math.log2(4) + 1 / math.log2(5)
BY_HAND = {
    ("recall", 5): 3 / 4,
    ("recall", 2): 1 / 4,
    ("recall_capped", 2): 1 / 2,
    ("precision", 5): 3 / 5,
    ("hit_rate", 1): 1.0,
    ("mrr", 5): 1.0,
    ("map", 5): (1 / 1 + 2 / 3 + 3 / 4) / 4,
    ("ndcg", 5): (1 + 1 / math.log2(4) + 1 / math.log2(5)) / IDEAL,
    ("ndcg", 1): 1.0,
}


@pytest.mark.parametrize(("case", "expected"), BY_HAND.items(), ids=str)
def test_metrics_worked_by_hand(case, expected):
    name, k = case
    assert METRICS[name](HITS, RELEVANT, k)[0] == pytest.approx(expected, rel=1e-12)


# Two users, with lists of four of which only the first two count; the first has one relevant item, the second three.
LISTS = np.array([[False, True, True, False], [False, False, True, True]])
IN_TWO = {
    "recall": [1, 0],
    "recall_capped": [1, 0],
    "precision": [1 / 2, 0],
    "hit_rate": [1, 0],
    "mrr": [1 / 2, 0],
    "map": [1 / 2, 0],
    "ndcg": [1 / math.log2(3), 0],
}


@pytest.mark.parametrize("name", METRICS)
def test_what_comes_after_the_first_k_does_not_count(name):
    values = METRICS[name](LISTS, np.array([1, 3]), 2)
    assert values.dtype == np.float64
    assert values.tolist() == pytest.approx(IN_TWO[name], rel=1e-12)


def test_the_first_hit_counts_for_mrr():
    assert METRICS["mrr"](np.array([[False, False, True, True]]), np.array([2]), 4)[0] == pytest.approx(1 / 3)
    assert METRICS["mrr"](np.array([[False, False, True, True]]), np.array([2]), 2)[0] == 0


@given(
    st.integers(2, 12).flatmap(
        lambda n: st.lists(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0]), min_size=n, max_size=n), min_size=1)
    ),
    st.integers(1, 15),
)
def test_top_k_is_a_stable_sort(scores, k):
    scores = np.array(scores, dtype=np.float32)
    found = top_k(scores, k)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    assert np.array_equal(found[:, : order.shape[1]], order)
    assert (found[:, order.shape[1] :] == -1).all()


def test_items_of_the_history_are_not_ranked():
    scores = np.array([[3.0, 2.0, 1.0]], dtype=np.float32)
    history = facts([(0, 0)], 1, 3)
    mask_history(scores, history.indptr, history.indices, np.array([0]))
    assert top_k(scores, 3).tolist() == [[1, 2, -1]]


def test_a_small_evaluation_by_hand():
    # user 0 ranks 3 > 2 > 1 > 0 and has taken 3; user 1 ranks 0 > 1 > 2 > 3; user 2 has nothing held out.
    scorer = Fixed([[0, 1, 2, 3], [3, 2, 1, 0], [0, 0, 0, 1]])
    history = facts([(0, 3), (1, 3), (2, 0)], 3, 4)
    relevant = facts([(0, 1), (1, 0), (1, 2)], 3, 4)
    found = evaluate(scorer, history, relevant, ks=(1, 2), per_user=True)
    assert found.users == 2
    assert found.skipped == 1
    assert found["recall@1"] == pytest.approx((0 + 1 / 2) / 2)
    assert found["recall@2"] == pytest.approx((1 + 1 / 2) / 2)
    assert found["hit_rate@1"] == pytest.approx(1 / 2)
    assert found["coverage@1"] == pytest.approx(2 / 4)  # items 2 and 0
    assert found.per_user["recall@2"].tolist() == [1.0, 0.5]
    assert found.as_dict()["users"] == 2


def random_case(seed, n_users=40, n_items=60):
    generator = np.random.default_rng(seed)
    scores = generator.standard_normal((n_users, n_items)).astype(np.float32)
    drawn = generator.random((n_users, n_items))
    history = facts(list(zip(*np.nonzero(drawn < 0.2), strict=True)), n_users, n_items)
    relevant = facts(list(zip(*np.nonzero(drawn > 0.9), strict=True)), n_users, n_items)
    return scores, history, relevant


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_the_block_does_not_change_the_result(block):
    scores, history, relevant = random_case(0)
    whole = evaluate(Fixed(scores), history, relevant, ks=(5, 20))
    assert evaluate(Fixed(scores), history, relevant, ks=(5, 20), block=block) == whole


def test_equal_to_ranx():
    pytest.importorskip("ranx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ranx import Qrels, Run
        from ranx import evaluate as ranx_evaluate

    scores, history, relevant = random_case(1)
    ours = evaluate(Fixed(scores), history, relevant, ks=(1, 5, 20))
    qrels, run = {}, {}
    for user in range(len(scores)):
        items = relevant.indices[relevant.indptr[user] : relevant.indptr[user + 1]]
        if len(items) == 0:
            continue
        qrels[str(user)] = {str(item): 1 for item in items}
        taken = set(history.indices[history.indptr[user] : history.indptr[user + 1]].tolist())
        run[str(user)] = {str(i): float(s) for i, s in enumerate(scores[user]) if i not in taken}
    names = {"recall": "recall", "ndcg": "ndcg", "precision": "precision", "hit_rate": "hit_rate", "mrr": "mrr"}
    names["map"] = "map"
    wanted = [f"{theirs}@{k}" for theirs in names.values() for k in (1, 5, 20)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = ranx_evaluate(Qrels(qrels), Run(run), wanted)
    for name, other in names.items():
        for k in (1, 5, 20):
            assert ours[f"{name}@{k}"] == pytest.approx(theirs[f"{other}@{k}"], abs=1e-9), (name, k)


def test_popularity_ranks_by_degree():
    history = facts([(0, 2), (1, 2), (1, 0)], 2, 3)
    assert Popularity(history, 3).score(np.array([0, 1])).tolist() == [[1, 0, 2], [1, 0, 2]]


@pytest.mark.parametrize("ks", [(), (0,), (-1, 5)])
def test_k_out_of_range(ks):
    scores, history, relevant = random_case(0)
    with pytest.raises(SparserecError, match="k must be at least 1"):
        evaluate(Fixed(scores), history, relevant, ks=ks)


def test_a_score_that_is_no_number_is_named():
    scores, history, relevant = random_case(0)
    scores[3, 4] = np.nan
    with pytest.raises(SparserecError, match="user 3 "):
        evaluate(Fixed(scores), history, relevant)


def test_nobody_has_held_out_items():
    scores, history, _ = random_case(0)
    with pytest.raises(SparserecError, match="nothing to evaluate"):
        evaluate(Fixed(scores), history, facts([], 40, 60))


def test_memory_is_bounded_by_a_block():
    seen = []

    class Counting(Fixed):
        def score(self, users):
            seen.append(len(users))
            return super().score(users)

    scores, history, relevant = random_case(2)
    evaluate(Counting(scores), history, relevant, block=8)
    assert max(seen) == 8


def test_scores_that_may_not_be_written_are_copied():
    scores, history, relevant = random_case(3)
    frozen = Fixed(scores)
    frozen._scores.flags.writeable = False
    frozen.score = lambda users: frozen._scores[users[0] : users[-1] + 1]
    keep = frozen._scores.copy()
    evaluate(frozen, history, relevant, users=np.arange(40)[np.diff(relevant.indptr) > 0][:1])
    assert np.array_equal(frozen._scores, keep)
