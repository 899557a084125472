import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from sparserec import nearest
from sparserec.nearest import best_of_rows
from sparserec.sparsity import Spectrum, history_start, local, local_factors
from sparserec.sparsity.initial import normalised
from sparserec.sparsity.local import leaders, neighbours


def random_interactions(seed, users=40, items=25, density=0.15):
    generator = np.random.default_rng(seed)
    return sp.csr_array((generator.random((users, items)) < density).astype(np.float32))


def groups_of(sizes, seed=0, users_each=6):
    """Users who take most of one group each: items of different groups are never taken together."""
    generator, blocks = np.random.default_rng(seed), []
    for size in sizes:
        block = (generator.random((users_each, size)) < 0.8).astype(np.float32)
        block[:, 0] = 1
        block[0] = 1
        blocks.append(block)
    return sp.csr_array(sp.block_diag(blocks))


@given(seed=st.integers(0, 2**31), count=st.integers(1, 30))
@settings(max_examples=30, deadline=None)
def test_neighbours_are_those_of_a_plain_sort(seed, count):
    matrix = normalised(random_interactions(seed))
    found, alike = neighbours(matrix, count)
    graph = (matrix.T @ matrix).toarray()
    for item in range(len(graph)):
        others = [j for j in np.flatnonzero(graph[item]) if j != item]
        kept = found[item][found[item] >= 0]
        assert len(kept) == min(count, len(others))
        np.testing.assert_allclose(np.sort(graph[item, others])[::-1][:count], alike[item, : len(kept)], rtol=1e-5)
        np.testing.assert_allclose(graph[item, kept], alike[item, : len(kept)], rtol=1e-5)
        assert (found[item, len(kept) :] == -1).all()


def test_equal_neighbours_come_by_index():
    matrix = normalised(sp.csr_array(np.ones((3, 4), dtype=np.float32)))
    found, _ = neighbours(matrix, 2)
    assert found.tolist() == [[1, 2], [0, 2], [0, 1], [0, 1]]


def test_each_group_has_one_leader_and_covers_its_items():
    interactions = groups_of([5, 3, 8, 4])
    factors = local_factors(normalised(interactions), np.asarray(interactions.sum(axis=0)).ravel(), columns=100)
    assert factors.shape == (20, 4)
    group = np.repeat([0, 1, 2, 3], [5, 3, 8, 4])
    for column in range(4):
        members = factors[:, [column]].nonzero()[0]
        assert len(set(group[members])) == 1
        assert len(members) == np.sum(group == group[members[0]])


def test_a_leader_reproduces_its_similarities_exactly():
    interactions = groups_of([6, 4])
    matrix = normalised(interactions)
    factors = local_factors(matrix, np.asarray(interactions.sum(axis=0)).ravel(), columns=100)
    ours, graph = (factors @ factors.T).toarray(), (matrix.T @ matrix).toarray()
    for column in range(2):
        leader = int(factors[:, [column]].toarray().argmax())
        np.testing.assert_allclose(ours[leader], graph[leader], rtol=1e-5)


def test_leaders_come_by_degree_and_an_item_of_one_interaction_leads_nobody():
    found = np.array([[1], [0], [-1], [4], [3]], dtype=np.int32)
    alike = np.array([[0.9], [0.9], [0], [0.9], [0.9]], dtype=np.float32)
    chosen = leaders(found, alike, np.ones(5, np.float32), np.array([3, 5, 9, 1, 2]), 0.5)
    assert chosen.tolist() == [1, 4]
    assert leaders(found, alike, np.ones(5, np.float32), np.array([3, 5, 9, 1, 2]), 0.95).tolist() == [1, 0, 4]


@pytest.mark.parametrize("budget", [20, 33, 60])
def test_group_columns_share_the_budget_of_the_start_exactly(budget):
    interactions = groups_of([5, 3, 8, 4])
    degrees = np.asarray(interactions.sum(axis=0)).ravel()
    generator = np.random.default_rng(0)
    items, _ = np.linalg.qr(generator.standard_normal((20, 6)))
    spectrum = Spectrum(np.linspace(1, 0.3, 6, dtype=np.float32), items.astype(np.float32))
    local = local_factors(normalised(interactions), degrees, columns=100)
    mask = history_start(spectrum, degrees, budget, local=local).mask
    assert len(mask.columns) == len(mask.values) == budget
    assert np.diff(mask.indptr).min() >= 1
    assert mask.columns.max() < 6 + local.shape[1]
    for row in range(20):
        assert (np.diff(mask.columns[mask.indptr[row] : mask.indptr[row + 1]].astype(int)) > 0).all()


@pytest.mark.parametrize("cells", [1, 25, 75, 26 * 25])
def test_neighbours_are_found_in_blocks_of_items(cells, monkeypatch):
    matrix = normalised(random_interactions(3))
    whole = neighbours(matrix, 4)
    monkeypatch.setattr(nearest, "CELLS", cells)  # of 25 items: one at a time, one, three, all
    seen = []

    def watched(indptr, *others):
        seen.append(len(indptr) - 1)
        return best_of_rows(indptr, *others)

    monkeypatch.setattr(local, "best_of_rows", watched)
    for one, other in zip(whole, neighbours(matrix, 4), strict=True):
        np.testing.assert_array_equal(one, other)
    assert max(seen) == {1: 1, 25: 1, 75: 3, 650: 25}[cells]
    assert sum(seen) == 25


def test_where_there_are_fewer_neighbours_there_is_no_similarity():
    found, alike = neighbours(normalised(groups_of([2, 1])), 3)
    assert found.tolist() == [[1, -1, -1], [0, -1, -1], [-1, -1, -1]]
    assert (alike[:, 0] > 0).tolist() == [True, True, False]
    assert not alike[:, 1:].any()
    assert (found.dtype, alike.dtype) == (np.int32, np.float32)


def test_of_equal_degrees_the_lower_index_leads_and_a_group_begins_at_its_border():
    n = 60  # pairs of neighbours: 0 and 1, 2 and 3, and so on
    partner = np.arange(n) ^ 1
    found, alike = partner[:, None].astype(np.int32), np.full((n, 1), 0.75, np.float32)
    own, degrees = np.ones(n, np.float32), np.full(n, 7)
    assert leaders(found, alike, own, degrees, 0.75).tolist() == list(range(0, n, 2))
    assert leaders(found, alike, own, degrees, 0.76).tolist() == list(range(n))


def test_of_many_items_of_few_degrees_the_lower_index_leads():
    generator, n = np.random.default_rng(0), 500
    degrees = generator.integers(2, 5, n)
    found, alike = np.roll(np.arange(n), 1)[:, None].astype(np.int32), np.zeros((n, 1), np.float32)
    chosen = leaders(found, alike, np.ones(n, np.float32), degrees, 0.5)
    assert chosen.tolist() == sorted(range(n), key=lambda item: (-degrees[item], item))


def test_similarities_are_seen_relative_to_those_of_the_items_with_themselves():
    # A similarity of 3 is a cosine of 3 / (2 * 3) between an item of 4 and one of 9.
    found, alike = np.array([[1], [0]], dtype=np.int32), np.full((2, 1), 3, np.float32)
    own, degrees = np.array([4, 9], np.float32), np.array([8, 9])
    assert leaders(found, alike, own, degrees, 0.5).tolist() == [1]
    assert leaders(found, alike, own, degrees, 0.51).tolist() == [1, 0]


def test_the_settings_that_groups_have_unless_told_otherwise():
    interactions = random_interactions(1, users=300, items=80, density=0.1)
    matrix, degrees = normalised(interactions), np.asarray(interactions.sum(axis=0)).ravel()

    def factors(**more):
        return local_factors(matrix, degrees, columns=50, **more).toarray()

    plain = factors()
    np.testing.assert_array_equal(plain, factors(count=30, near=0.1))
    for more in ({"count": 29}, {"count": 31}, {"near": 0.2}):
        other = factors(**more)
        assert other.shape != plain.shape or not np.array_equal(plain, other), more


def test_no_more_columns_than_asked_for_and_those_of_the_largest_degrees():
    interactions = groups_of([5, 3, 8, 4])
    degrees = np.asarray(interactions.sum(axis=0)).ravel()
    every, some = (local_factors(normalised(interactions), degrees, columns=count) for count in (100, 2))
    assert some.shape == (20, 2)
    np.testing.assert_array_equal(some.toarray(), every.toarray()[:, :2])


def test_an_item_in_no_group_has_an_empty_row_wherever_it_stands():
    interactions = sp.csr_array(sp.block_diag([np.ones((3, 1)), np.ones((5, 2)), np.zeros((1, 1))]), dtype=np.float32)
    # Item 0 has no neighbour, 1 and 2 are a group whose first leads, 3 has no interactions.
    factors = local_factors(normalised(interactions), np.array([3, 5, 5, 0]), columns=9)
    assert factors.dtype == np.float32
    np.testing.assert_allclose(factors.toarray(), np.array([[0], [1], [1], [0]]) * np.sqrt(0.5), rtol=1e-6)
    assert factors.nnz == 2


def test_the_last_item_can_lead():
    interactions = sp.csr_array(sp.block_diag([np.ones((3, 1)), np.array([[1, 1], [0, 1], [1, 1]])]), dtype=np.float32)
    factors = local_factors(normalised(interactions), np.array([3, 2, 3]), columns=9)
    assert factors.nnz == 2  # not of the item without neighbours, whose places are empty
    assert factors.toarray().argmax() == 2


def test_columns_of_groups_stand_behind_those_of_the_spectrum_even_where_the_last_of_these_is_empty():
    items = np.eye(4, dtype=np.float32)
    spectrum = Spectrum(np.array([1, 0.9, 0.8, 0], np.float32), items)
    beside = sp.csr_array((np.full(4, 0.5, np.float32), (np.arange(4), np.zeros(4, int))), shape=(4, 1))
    mask = history_start(spectrum, np.ones(4), 5, power=1.0, local=beside).mask
    # Of each item its own column, but of the last, which the spectrum does not know; then the first of the halves.
    assert mask.columns.tolist() == [0, 4, 1, 2, 4]
