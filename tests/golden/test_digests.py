"""What training gives stays the same to the byte, on machines and with libraries like those of digests.json."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def digests():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
        import digests
    if json.loads(digests.FILE.read_text())["environment"] != digests.environment():
        pytest.skip("the digests are those of another processor or of other libraries")
    return digests


@pytest.mark.parametrize("name", ["fism", "spectral", "mf", "lightgcn"])
def test_the_same_seed_gives_the_bytes_that_it_always_gave(digests, tmp_path, name):
    assert digests.digest(name, tmp_path) == json.loads(digests.FILE.read_text())["digests"][name]
