"""Tables to test with."""

from __future__ import annotations

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
def quietly(one_thread):
    """Every test of this folder runs on one thread unless it asks for more."""
