from __future__ import annotations

import itertools
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sparserec.errors import SparserecError
from sparserec.sparsity import budget_of, masks
from sparserec.sparsity.masks import (
    Growth,
    best_growth,
    droppable,
    forget_active,
    largest,
    largest_growable,
    largest_of_blocks,
    smallest_droppable,
    smallest_indices,
)

# -- worked by hand -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scores", "budget", "indptr", "columns"),
    [
        ([[5, 1, 4, 0], [2, 3, 3, 0.5]], 2, [0, 1, 2], [0, 1]),
        ([[5, 1, 4, 0], [2, 3, 3, 0.5]], 3, [0, 2, 3], [0, 2, 1]),
        ([[5, 1, 4, 0], [2, 3, 3, 0.5]], 4, [0, 2, 4], [0, 2, 1, 2]),
        ([[5, 1, 4, 0], [2, 3, 3, 0.5]], 7, [0, 3, 7], [0, 1, 2, 0, 1, 2, 3]),
        ([[5, 1, 4, 0], [2, 3, 3, 0.5]], 8, [0, 4, 8], [0, 1, 2, 3, 0, 1, 2, 3]),
        ([[9, 8, 7, 6], [1, 0.5, 0, 0]], 3, [0, 2, 3], [0, 1, 0]),
        ([[0, 0, 0, 0], [0, 0, 0, 0]], 3, [0, 2, 3], [0, 1, 0]),
        ([[0, 0, 0, 0], [0, 7, 0, 7]], 4, [0, 2, 4], [0, 1, 1, 3]),
    ],
)
def test_largest(scores, budget, indptr, columns):
    pointers, found = largest(np.array(scores, dtype=np.float32), budget)
    assert (pointers.tolist(), found.tolist()) == (indptr, columns)


def test_largest_compares_single_precision_so_that_what_ties_there_goes_by_index():
    pointers, found = largest(np.array([[1.0, 1.0 + 1e-9, 1.0 + 1e-6, 0.0]]), 2)
    assert (pointers.tolist(), found.tolist()) == ([0, 2], [0, 2])


@pytest.mark.parametrize("budget", [1, 9])
def test_largest_refuses_a_budget_that_does_not_fit(budget):
    with pytest.raises(SparserecError, match="does not fit"):
        largest(np.ones((2, 4)), budget)


@pytest.mark.parametrize(
    ("count", "indices"),
    [
        (-1, []),
        (0, []),
        (1, [1]),
        (2, [1, 3]),
        (3, [1, 3, 5]),
        (4, [1, 2, 3, 5]),
        (5, [1, 2, 3, 5, 7]),
        (7, [0, 1, 2, 3, 5, 6, 7]),
        (8, list(range(8))),
        (9, list(range(8))),
    ],
)
def test_smallest_indices(count, indices):
    assert smallest_indices(np.array([3.0, 1, 2, 1, 5, 1, 4, 2]), count).tolist() == indices


def test_smallest_indices_of_many_distinct_values():
    values = np.random.default_rng(0).permutation(3000).astype(np.float32)
    for count in range(1, 3000, 7):
        assert values[smallest_indices(values, count)].max() == count - 1
        assert len(smallest_indices(values, count)) == count


INDPTR = np.array([0, 3, 4, 8])
SCORES = np.array([1, 5, 5, 2, 0, 3, 1, 3], dtype=np.float32)


def test_droppable_is_all_but_the_first_largest_of_each_row():
    assert droppable(INDPTR, SCORES).tolist() == [True, False, True, False, True, False, True, True]


@pytest.mark.parametrize(
    ("count", "dropped"), [(0, []), (1, [4]), (2, [0, 4]), (3, [0, 4, 6]), (4, [0, 4, 6, 7]), (9, [0, 2, 4, 6, 7])]
)
def test_smallest_droppable_in_one_table(count, dropped):
    (drop,) = smallest_droppable([INDPTR], [SCORES], count)
    assert np.flatnonzero(drop).tolist() == dropped


@pytest.mark.parametrize(
    ("count", "first", "second"),
    [(1, [], [0]), (2, [0], [0]), (3, [0], [0, 2]), (4, [0], [0, 2, 3]), (9, [0, 2], [0, 2, 3])],
)
def test_smallest_droppable_over_two_tables(count, first, second):
    drop = smallest_droppable([np.array([0, 3, 4]), np.array([0, 4])], [SCORES[:4], SCORES[4:]], count)
    assert [np.flatnonzero(part).tolist() for part in drop] == [first, second]


def test_forget_active_marks_the_active_coordinates_of_the_watched_rows():
    # Three rows; row 0 has columns 0 and 3, row 1 has column 1, row 2 has columns 1, 2 and 3.
    indptr, columns = np.array([0, 2, 3, 6]), np.array([0, 3, 1, 1, 2, 3], dtype=np.uint8)
    scores = np.array([[8, 7, 6, 5], [4, 3, 2, 1]])
    forget_active(scores, np.array([0, 2]), indptr, columns)
    assert scores.tolist() == [[-1, 7, 6, -1], [4, -1, -1, -1]]


def test_forget_active_follows_each_rows_own_columns():
    # Rows of 3, 1, 0, 2 and 4 columns, every one different.
    indptr = np.array([0, 3, 4, 4, 6, 10])
    columns = np.array([0, 2, 5, 1, 3, 4, 0, 1, 4, 5], dtype=np.uint8)
    active = [[0, 2, 5], [1], [], [3, 4], [0, 1, 4, 5]]
    for rows in ([0, 1, 2, 3, 4], [4, 0], [3], [2, 3, 1, 0, 4]):
        scores = np.ones((len(rows), 6))
        forget_active(scores, np.array(rows), indptr, columns)
        assert [np.flatnonzero(own == -1).tolist() for own in scores] == [active[row] for row in rows]
        assert set(np.unique(scores)) <= {-1.0, 1.0}


@pytest.mark.parametrize("block", [1, 2, 3])
def test_active_rows_are_gone_through_in_blocks(block, monkeypatch):
    monkeypatch.setattr(masks, "ROWS", block)
    # As above with every row twice, so that blocks begin at rows other than the first.
    may = droppable(np.concatenate([INDPTR, INDPTR[1:] + 8]), np.tile(SCORES, 2))
    assert may.tolist() == [True, False, True, False, True, False, True, True] * 2
    test_forget_active_follows_each_rows_own_columns()


@pytest.mark.parametrize(
    ("count", "indices"), [(0, []), (1, [4]), (2, [1, 4]), (3, [1, 4, 5]), (4, [1, 2, 4, 5]), (6, [0, 1, 2, 3, 4, 5])]
)
def test_largest_of_blocks(count, indices):
    """Over the values 1, 6, 3, 2, infinity, 6; of the two of 6 the first goes first."""
    blocks = [np.array([1, 6, 3], np.float32), np.zeros(0, np.float32), np.array([2, np.inf, 6], np.float32)]
    assert largest_of_blocks(iter(blocks), count).tolist() == indices


def test_tables_and_scores_that_do_not_belong_together_are_refused():
    for indptrs, scores in (([INDPTR], [SCORES, SCORES]), ([INDPTR, INDPTR], [SCORES])):
        with pytest.raises(ValueError, match="zip"):
            smallest_droppable(indptrs, [part.copy() for part in scores], 2)


@given(
    hnp.arrays(np.float32, (7, 5), elements=st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0])),
    hnp.arrays(np.float32, (3, 5), elements=st.sampled_from([-1.0, 0.5, 3.0])),
    st.integers(0, 60),
    st.integers(1, 9),
)
def test_growing_in_blocks_is_growing_at_once(first, second, count, cells):
    joined = np.concatenate([first.reshape(-1), second.reshape(-1)])
    order = [i for i in np.argsort(-joined, kind="stable") if joined[i] > 0][:count]
    expected = np.zeros(len(joined), dtype=bool)
    expected[order] = True
    before = masks.CELLS
    try:
        masks.CELLS = cells
        found = largest_growable([first, second], count)
    finally:
        masks.CELLS = before
    grown = [np.zeros(part.shape, dtype=bool) for part in (first, second)]
    for own, (rows, columns) in zip(grown, found, strict=True):
        own[rows, columns] = True
    assert np.array_equal(np.concatenate([own.reshape(-1) for own in grown]), expected)


@given(hnp.arrays(np.float32, 60, elements=st.integers(1, 30).map(float)), st.integers(0, 60), st.integers(1, 9))
def test_dropping_in_blocks_is_dropping_at_once(scores, count, cells):
    indptr = np.array([0, 20, 21, 60])
    (whole,) = smallest_droppable([indptr], [scores.copy()], count)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(masks, "CELLS", cells)
        (parts,) = smallest_droppable([indptr], [scores.copy()], count)
    assert np.array_equal(parts, whole)


def peak_of(function):
    """Bytes that are held at most beyond what there was."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_temporaries_are_of_the_size_of_a_block():
    """Ten blocks of scores are looked at; what is held is a few blocks, and what is found."""
    cells, few = 1 << 17, 100
    parts = [np.arange(size, dtype=np.float32) for size in (4 * cells, 6 * cells)]
    # Two blocks of best values, 4 bytes, and of their places, 8; of the block looked at values, a mask and places.
    assert peak_of(lambda: largest_of_blocks(iter(parts), few)) < 50 * cells
    # With many to be found there is room for a quarter more of them.
    many = 8 * cells
    assert peak_of(lambda: largest_of_blocks(iter(parts), many)) < (12 * 1.25 + 9 + 14) * many


def test_rows_are_gone_through_a_block_at_a_time():
    rows, length = 1 << 14, 4
    indptr = np.arange(20 * rows + 1) * length
    scores = np.tile(np.array([1, 4, 2, 3], dtype=np.float32), 20 * rows)
    # For each entry of a block some places and numbers; the answer is a byte an entry.
    assert peak_of(lambda: droppable(indptr, scores)) < len(scores) + 80 * rows * length
    columns = np.tile(np.arange(length, dtype=np.uint8), 20 * rows)
    grow = np.ones((20 * rows, length), dtype=np.float32)
    assert peak_of(lambda: forget_active(grow, np.arange(20 * rows), indptr, columns)) < 100 * rows * length
    assert (grow == -1).all()


@pytest.mark.parametrize(
    ("count", "first", "second"),
    [
        (0, [], []),
        (1, [], [(0, 1)]),
        (2, [(0, 1)], [(0, 1)]),
        (3, [(0, 1), (1, 0)], [(0, 1)]),
        (4, [(0, 1), (1, 0)], [(0, 0), (0, 1)]),
        (9, [(0, 1), (1, 0)], [(0, 0), (0, 1)]),
    ],
)
def test_largest_growable(count, first, second):
    scores = [np.array([[-1, 4], [4, 0]], dtype=np.float32), np.array([[3, 6], [-1, 0]], dtype=np.float32)]
    found = largest_growable(scores, count)
    assert [list(zip(*map(np.ndarray.tolist, part), strict=True)) for part in found] == [first, second]


def test_largest_growable_without_watched_rows():
    found = largest_growable([np.zeros((0, 3), np.float32), np.array([[0, 2.0, 0]], np.float32)], 5)
    assert [[part.tolist() for part in pair] for pair in found] == [[[], []], [[0], [1]]]


GROWTH = hnp.arrays(np.float32, st.integers(0, 12), elements=st.sampled_from([0.5, 1.0, 2.0, 3.0]))


@given(st.lists(st.tuples(GROWTH, GROWTH), min_size=1, max_size=3), st.integers(0, 40))
def test_the_best_of_two_choices_is_that_of_both_together(scores, count):
    """Each coordinate has a row that names its table and choice, and a column that names its place."""
    choices = [
        [
            Growth(np.full(len(own), 10 * table + choice), np.arange(len(own), dtype=np.int32), own)
            for table, own in enumerate(pair[choice] for pair in scores)
        ]
        for choice in (0, 1)
    ]
    every = [
        (-score, 10 * table + choice, column)
        for table, pair in enumerate(scores)
        for choice, own in enumerate(pair)
        for column, score in enumerate(own.tolist())
    ]
    expected = {(row, column) for _, row, column in sorted(every, key=lambda each: each[0])[:count]}
    found = best_growth(*choices, count)
    assert len(found) == len(scores)
    for table, part in enumerate(found):
        assert part.rows.dtype == np.int64
        assert part.columns.dtype == np.int32
        assert set((part.rows // 10).tolist()) <= {table}
        assert all(scores[table][row % 10][column] == score for row, column, score in triples(part))
    assert {(row, column) for part in found for row, column, _ in triples(part)} == expected


def triples(part):
    return list(zip(part.rows.tolist(), part.columns.tolist(), part.scores.tolist(), strict=True))


def test_growth_is_ordered_by_row_then_column():
    part = Growth(np.array([4, 1, 4]), np.array([7, 2, 0], np.int32), np.array([1, 2, 3], np.float32))
    assert triples(part.ordered()) == [(1, 2, 2), (4, 0, 3), (4, 7, 1)]


# -- in general -----------------------------------------------------------------------------------------------------


@st.composite
def score_matrices(draw):
    """Scores with many ties, and a budget that fits."""
    n, d = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    scores = draw(hnp.arrays(np.float32, (n, d), elements=st.integers(0, 4).map(float)))
    return scores, draw(st.integers(n, n * d))


@given(score_matrices())
def test_largest_is_exact_and_leaves_no_row_empty(case):
    scores, budget = case
    indptr, columns = largest(scores, budget)
    n, d = scores.shape
    assert len(columns) == indptr[-1] == budget
    assert (np.diff(indptr) >= 1).all()
    rows = np.repeat(np.arange(n), np.diff(indptr))
    assert sorted({*zip(rows.tolist(), columns.tolist(), strict=True)}) == list(zip(rows, columns, strict=True))
    # Each row's first largest entry, then the others by score, lowest index first.
    best = [(row, int(scores[row].argmax())) for row in range(n)]
    others = [(row, column) for row in range(n) for column in range(d) if (row, column) not in best]
    others.sort(key=lambda place: -scores[place])
    assert sorted(best + others[: budget - n]) == list(zip(rows, columns, strict=True))


@st.composite
def ragged_tables(draw):
    """Row pointers and scores with many ties of one to three tables, and a count."""
    lengths = draw(st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=5), min_size=1, max_size=3))
    indptrs = [np.concatenate(([0], np.cumsum(part))) for part in lengths]
    scores = [
        draw(hnp.arrays(np.float32, int(indptr[-1]), elements=st.integers(0, 3).map(float))) for indptr in indptrs
    ]
    return indptrs, scores, draw(st.integers(0, 40))


@given(ragged_tables())
def test_smallest_droppable_drops_the_smallest_and_empties_no_row(case):
    indptrs, scores, count = case
    drop = smallest_droppable(indptrs, scores, count)
    candidates = []
    for table, (indptr, own) in enumerate(zip(indptrs, scores, strict=True)):
        for first, last in itertools.pairwise(indptr):
            best = first + own[first:last].argmax()
            candidates += [(own[slot], table, slot) for slot in range(first, last) if slot != best]
    expected = {(table, slot) for _, table, slot in sorted(candidates)[:count]}
    assert {(table, slot) for table, part in enumerate(drop) for slot in np.flatnonzero(part)} == expected
    for indptr, part in zip(indptrs, drop, strict=True):
        assert (np.add.reduceat(~part, indptr[:-1]) >= 1).all()


@given(
    st.lists(
        hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=5), elements=st.integers(-1, 3)),
        min_size=1,
        max_size=3,
    ),
    st.integers(0, 40),
)
def test_largest_growable_takes_the_largest_candidates(scores, count):
    found = largest_growable(scores, count)
    candidates = sorted(
        (-score, table, row, column)
        for table, part in enumerate(scores)
        for (row, column), score in np.ndenumerate(part)
        if score > 0
    )
    grown = [
        (table, row, column)
        for table, (rows, columns) in enumerate(found)
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
    ]
    assert grown == sorted(place[1:] for place in candidates[:count])


@given(hnp.arrays(np.float32, st.integers(0, 30), elements=st.integers(0, 4).map(float)), st.integers(0, 35))
def test_smallest_indices_is_a_stable_sort(values, count):
    assert smallest_indices(values, count).tolist() == sorted(np.argsort(values, kind="stable")[:count].tolist())


# -- budgets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("density", "n_rows", "dim", "budget"),
    [
        (0.1, 10, 10, 10),
        (0.3, 10, 7, 21),
        (0.7, 10, 10, 70),
        (0.29, 10, 10, 29),
        (0.57, 100, 100, 5700),
        (0.999, 10, 7, 69),
        (1e-5, 10, 200_000, 20),
        (1, 10, 7, 70),
        (0.07, 1_000_000, 256, 17_920_000),
    ],
)
def test_a_density_is_the_decimal_number_that_was_written(density, n_rows, dim, budget):
    assert budget_of(density, n_rows, dim) == budget


@given(st.integers(1, 1000), st.integers(1, 10_000), st.integers(1, 512))
def test_a_budget_is_the_floor_of_the_exact_product(thousandths, n_rows, dim):
    expected = thousandths * n_rows * dim // 1000
    if Fraction(thousandths, 1000) * dim < 1:
        with pytest.raises(SparserecError, match="at least"):
            budget_of(thousandths / 1000, n_rows, dim)
    else:
        assert budget_of(thousandths / 1000, n_rows, dim) == expected


@pytest.mark.parametrize("density", [0, -0.5, 1.0001, 2, float("nan"), float("inf")])
def test_a_density_outside_its_range_is_refused(density):
    with pytest.raises(SparserecError, match=r"\(0, 1\]"):
        budget_of(density, 10, 10)


def test_a_density_of_less_than_one_parameter_a_row_is_refused():
    with pytest.raises(SparserecError, match=r"must be at least 0\.142857"):
        budget_of(0.1, 10, 7)
