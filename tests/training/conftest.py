"""A small catalogue with structure, and settings that train on it in about a second."""

from __future__ import annotations

import pytest

from sparserec.interactions import synthetic

QUICK = {"model": "mf", "dim": 16, "density": 0.25, "epochs": 3, "batch_size": 256, "n_negatives": 64, "threads": 1}


@pytest.fixture(scope="session")
def catalogue():
    dataset, _ = synthetic(n_users=300, n_items=200, interactions_per_user=20, n_clusters=8, seed=3)
    return dataset


@pytest.fixture
def quick():
    return dict(QUICK)
