"""Settings that all tests share."""

from __future__ import annotations

import numba
import pytest
from hypothesis import HealthCheck, settings

# The first call of a kernel compiles it, so the time of a single example says nothing.
settings.register_profile("sparserec", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
settings.load_profile("sparserec")


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
    before = numba.get_num_threads()

    def both(function):
        results = []
        for threads in (1, 2):
            numba.set_num_threads(threads)
            results.append(function())
        return results

    yield both
    numba.set_num_threads(before)
