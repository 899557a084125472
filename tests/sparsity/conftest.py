"""Settings of the tests of masks and explorers."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module", autouse=True)
def quietly(one_thread):
    """Every test of this folder runs on one thread unless it asks for more."""
