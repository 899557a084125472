"""Tables to test with."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from sparserec.tables import SparseTable


def random_table(n, dim, seed, density=0.3):
    """A sparse table with random values and at least one active parameter in each row, and its dense mask."""
    generator = np.random.default_rng(seed)
    mask = generator.random((n, dim)) < density
    mask[np.arange(n), generator.integers(0, dim, n)] = True
    indptr = np.concatenate(([0], np.cumsum(mask.sum(axis=1))))
    values = generator.standard_normal(indptr[-1]).astype(np.float32)
    return SparseTable(indptr, np.nonzero(mask)[1], values, dim), mask


@pytest.fixture(scope="session")
def make_table():
    return random_table


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Tables are tiny here: to wake a second thread takes longer than all of their work."""
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(before)


@pytest.fixture
def on_threads():
    """Run a function on one thread and on two, and return both results."""
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("needs two threads")
    before = numba.get_num_threads()

    def both(function):
        results = []
        for threads in (1, 2):
            numba.set_num_threads(threads)
            results.append(function())
        return results

    yield both
    numba.set_num_threads(before)
