"""Settings that all tests share."""

from __future__ import annotations

import sys

import numba
import pytest
import torch
from hypothesis import HealthCheck, settings

# The first call of a kernel compiles it, so the time of a single example says nothing.
settings.register_profile("sparserec", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=35)
settings.load_profile("sparserec")

QUICK = {"model": "mf", "dim": 16, "density": 0.25, "epochs": 3, "batch_size": 256, "n_negatives": 64, "threads": 1}
QUICK |= {"data": {"holdout": True}}  # what is exported can be evaluated on the test part


@pytest.fixture(scope="session")
def catalogue():
    """A small catalogue with structure."""
    from sparserec.interactions import synthetic

    return synthetic(n_users=300, n_items=200, interactions_per_user=20, n_clusters=8, seed=3)[0]


@pytest.fixture
def quick():
    """Settings that train on it in about a second."""
    return dict(QUICK)


@pytest.fixture(scope="module")
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
    before = numba.get_num_threads(), torch.get_num_threads()

    def both(function):
        results = []
        for threads in (1, 2):
            numba.set_num_threads(threads)
            torch.set_num_threads(threads)
            results.append(function())
        return results

    yield both
    numba.set_num_threads(before[0])
    torch.set_num_threads(before[1])


@pytest.fixture
def sparserec(monkeypatch, capsys):
    """Run the command line in this process: arguments in; exit code, standard output and standard error out."""

    from sparserec.cli import main

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["sparserec", *map(str, args)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        found = capsys.readouterr()
        return code, found.out, found.err

    monkeypatch.setenv("COLUMNS", "200")
    return run
