from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sparserec.errors import SparserecError
from sparserec.sparsity import parse_budget
from sparserec.sparsity.evidence import accumulate
from sparserec.sparsity.sampling import sample_rows
from sparserec.sparsity.schedules import drop_fraction, is_due

# -- samples of rows ------------------------------------------------------------------------------------------------


@given(hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(0, 1e6)), st.integers(0, 40), st.integers(0, 99))
def test_sampled_rows_are_distinct_ascending_and_as_many_as_asked_for(importance, count, seed):
    rows = sample_rows(importance, count, np.random.default_rng(seed))
    assert len(rows) == min(count, len(importance))
    assert (np.diff(rows) > 0).all()
    assert ((rows >= 0) & (rows < len(importance))).all()
    assert np.array_equal(rows, sample_rows(importance, count, np.random.default_rng(seed)))


@given(
    hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(0, 1e6)),
    st.lists(st.integers(0, 12), max_size=5),
    st.integers(0, 99),
)
def test_samples_after_each_other_are_one_sample_dealt_out(importance, counts, seed):
    drawn, known = 0, np.zeros(0, dtype=np.int64)
    for count in counts:
        rows = sample_rows(importance, count, np.random.default_rng(seed), drawn)
        assert len(rows) == min(count, max(0, len(importance) - drawn))
        assert (np.diff(rows) > 0).all()
        drawn += count
        known = np.sort(np.concatenate([known, rows]))
        assert np.array_equal(known, sample_rows(importance, drawn, np.random.default_rng(seed)))


def test_a_single_row_is_drawn_in_proportion_to_its_importance():
    importance = np.array([1.0, 2, 5, 12])
    generator = np.random.default_rng(0)
    drawn = np.bincount([sample_rows(importance, 1, generator)[0] for _ in range(4000)], minlength=4)
    np.testing.assert_allclose(drawn / 4000, importance / importance.sum(), atol=0.04)


def test_more_important_rows_are_drawn_more_often():
    importance = np.array([1.0, 2, 4, 8, 16, 32])
    generator = np.random.default_rng(1)
    drawn = np.bincount(np.concatenate([sample_rows(importance, 3, generator) for _ in range(3000)]), minlength=6)
    assert (np.diff(drawn) > 100).all()


def test_rows_of_no_importance_come_last():
    importance, generator = np.array([0, 3, 0, 1e-9, 0]), np.random.default_rng(2)
    for _ in range(50):
        assert sample_rows(importance, 2, generator).tolist() == [1, 3]
        three = sample_rows(importance, 3, generator).tolist()
        assert {1, 3} < set(three)
    filled = {sample_rows(importance, 3, generator).sum() - 4 for _ in range(100)}
    assert filled == {0, 2, 4}


# -- schedules ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "fraction"),
    [(0, 0.4), (25, 0.2 * (1 + math.sqrt(0.5))), (50, 0.2), (75, 0.2 * (1 - math.sqrt(0.5))), (100, 0), (101, 0)],
)
def test_the_dropped_share_decays_as_a_cosine(step, fraction):
    assert drop_fraction(step, 100, 0.4) == pytest.approx(fraction)


def test_nothing_is_dropped_when_exploration_ends_at_once():
    assert drop_fraction(0, 0, 0.4) == 0


def test_exploration_is_due_at_every_interval_before_its_end():
    assert [step for step in range(100) if is_due(step, 10, 45)] == [10, 20, 30, 40]
    assert [step for step in range(100) if is_due(step, 10, 40)] == [10, 20, 30]
    assert [step for step in range(5) if is_due(step, 1, 3)] == [1, 2]
    assert not any(is_due(step, 10, 0) for step in range(100))


# -- evidence -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("signed", [[1 - 4, 2 + 1], [10, 20], [3, -4]]),
        ("absolute", [[1 + 4, 2 + 1], [10, 20], [3, 4]]),
        ("last", [[-4, 1], [0, 0], [3, -4]]),
        ("decay", [[0.99 * 1 - 4, 0.99 * 2 + 1], [10, 20], [3, -4]]),
    ],
)
def test_evidence_adds_up_in_the_rows_that_were_touched(kind, expected):
    evidence = torch.tensor([[0.0, 0], [10, 20], [0, 0]])
    accumulate(kind, evidence, torch.tensor([0]), torch.tensor([[1.0, 2]]))
    accumulate(kind, evidence, torch.tensor([0, 2]), torch.tensor([[-4.0, 1], [3, -4]]))
    torch.testing.assert_close(evidence, torch.tensor(expected, dtype=torch.float32), rtol=1e-6, atol=0)


# -- budgets in bytes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("16B/item", 1600),
        ("1.5 B / item", 150),
        ("0.3B/item", 30),
        ("2kB/item", 200_000),
        ("500kB", 500_000),
        ("500KB", 500_000),
        ("2MB", 2_000_000),
        ("3GB", 3_000_000_000),
        ("2.01MB", 2_010_000),
        ("1.001kB", 1001),
        ("4.1MB", 4_100_000),
        (" 1 GiB ", 2**30),
        ("1.5mib", 3 * 2**19),
        ("3KiB", 3072),
        ("7b", 7),
        ("0.0001kB", 0),
    ],
)
def test_a_budget_is_read_as_it_is_written(text, size):
    assert parse_budget(text, 100) == size


@pytest.mark.parametrize(
    "text",
    ["", "16", "B", "-1MB", "1,5MB", "1.MB", ".5MB", "1e3B", "16B/user", "16B/items", "2 TB", "2MB extra", "MB2"],
)
def test_a_budget_that_can_not_be_read_is_refused(text):
    with pytest.raises(SparserecError, match="can't be read"):
        parse_budget(text, 100)
