import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from sparserec.sparsity import Spectrum, history_start, local_factors
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
