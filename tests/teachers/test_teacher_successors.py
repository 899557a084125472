"""What follows what: the counts are those of plain loops over histories."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from sparserec.recommenders.histories import Ordered
from sparserec.teachers import Following, LinearTeacher, OfHistories, decayed, successors

pytestmark = pytest.mark.usefixtures("one_thread")


def ordered(histories: list[list[int]]) -> Ordered:
    indptr = np.concatenate(([0], np.cumsum([len(history) for history in histories])))
    return Ordered(indptr.astype(np.int64), np.array([i for history in histories for i in history], dtype=np.int32))


def plain(histories: list[list[int]], n_items: int, how: Following) -> np.ndarray:
    counts, degrees = np.zeros((n_items, n_items)), np.zeros(n_items)
    for history in histories:
        for a, first in enumerate(history):
            degrees[first] += 1
            for b in range(a + 1, min(len(history), a + how.gap + 1)):
                weight = how.gap_decay ** (b - a - 1) / np.sqrt(len(history))
                counts[first, history[b]] += weight
                counts[history[b], first] += how.back * weight
    np.fill_diagonal(counts, 0)
    return counts * ((degrees + how.smoothing) ** -how.into)[:, None] * ((degrees + how.smoothing) ** -how.out)


HISTORIES = st.lists(st.lists(st.integers(0, 6), max_size=9, unique=True), min_size=1, max_size=12)
WAYS = st.builds(
    Following,
    gap=st.integers(1, 8),
    gap_decay=st.sampled_from([0.3, 0.8, 1.0]),
    back=st.sampled_from([0.0, 0.3, 1.0]),
    into=st.sampled_from([0.0, 0.7]),
    out=st.sampled_from([0.0, 0.3]),
    smoothing=st.sampled_from([1.0, 10.0]),
)


@settings(max_examples=60, deadline=None)
@given(HISTORIES, WAYS)
def test_counts_are_those_of_plain_loops(histories, how):
    found = successors(ordered(histories), 7, how).toarray()
    np.testing.assert_allclose(found, plain(histories, 7, how), rtol=1e-5, atol=1e-7)


@settings(max_examples=30, deadline=None)
@given(HISTORIES, WAYS, st.integers(1, 4))
def test_the_largest_weights_of_a_row_stay(histories, how, kept):
    whole, few = plain(histories, 7, how), successors(ordered(histories), 7, how, kept).toarray()
    for row, cut in zip(whole, few, strict=True):
        assert np.count_nonzero(cut) == min(kept, np.count_nonzero(row))
        assert np.allclose(np.sort(cut)[::-1][:kept], np.sort(row)[::-1][:kept], rtol=1e-5)


def test_an_item_that_was_taken_again_does_not_follow_itself():
    assert successors(ordered([[2, 2, 1]]), 3, Following()).diagonal().sum() == 0


def test_direction_counts_unless_it_is_forgotten():
    histories = ordered([[0, 1], [0, 1], [1, 2]])
    one_way = successors(histories, 3, Following(back=0.0)).toarray()
    assert one_way[0, 1] > 0
    assert one_way[1, 0] == 0
    both = successors(histories, 3, Following(back=1.0, into=0.5, out=0.5)).toarray()
    np.testing.assert_allclose(both, both.T, rtol=1e-6)


def test_threads_do_not_change_the_counts():
    generator = np.random.default_rng(0)
    histories = ordered([generator.permutation(40)[: generator.integers(2, 30)].tolist() for _ in range(80)])
    first, again = (successors(histories, 40, Following()) for _ in range(2))
    assert (first != again).nnz == 0


@settings(max_examples=30, deadline=None)
@given(HISTORIES, st.sampled_from([0.5, 0.9, 1.0]))
def test_scores_are_sums_over_a_history_by_age(histories, decay):
    weights = np.random.default_rng(1).random((7, 7)).astype(np.float32)
    scorer = OfHistories(LinearTeacher(sp.csr_array(weights)), decayed(ordered(histories), 7, decay))
    expected = np.zeros((len(histories), 7))
    for user, history in enumerate(histories):
        for age, item in enumerate(reversed(history)):
            expected[user] += decay**age * weights[item]
    np.testing.assert_allclose(scorer.score(np.arange(len(histories))), expected, rtol=1e-4, atol=1e-6)


def test_the_closed_form_of_the_method_page():
    """The formula as it is written down: a pair at places a < b counts 0.8^(b - a - 1) / sqrt(L), back 0.3 of it."""
    how = replace(Following(), gap=11)
    found = successors(ordered([[3, 1, 0], [1, 0]]), 4, how)
    degrees = np.array([2, 2, 0, 1])
    count = 1 / np.sqrt(3) + 1 / np.sqrt(2)
    assert found[1, 0] == pytest.approx(count / (degrees[1] + 10) ** 0.7 / (degrees[0] + 10) ** 0.3, rel=1e-6)
    assert found[0, 3] == pytest.approx(0.3 * 0.8 / np.sqrt(3) / 12**0.7 / 11**0.3, rel=1e-6)
