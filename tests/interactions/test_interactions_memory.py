"""A file much larger than its CSR is read without ever being held whole."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

ROWS = 3_000_000
PROGRAM = """
import re, sys
from sparserec.interactions import load
def peak():  # of this program alone; getrusage would count the parent's, inherited on fork
    with open("/proc/self/status") as status:
        return int(re.search(r"VmHWM:\\s+([0-9]+) kB", status.read())[1]) * 1024
small, large = sys.argv[1:]
load(small)  # so that imports and thread pools are not counted
before = peak()
data = load(large).interactions
print(data.nnz + data.duplicates, peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/status")
def test_peak_memory_is_bounded_by_the_interactions(tmp_path):
    rng = np.random.default_rng(0)
    note = "a review that nobody reads here, " * 8
    table = pl.DataFrame(
        {
            "user_id": rng.integers(0, 30_000, ROWS),
            "note": [note] * ROWS,
            "item_id": rng.integers(0, 5_000, ROWS),
            "timestamp": rng.integers(10**9, 2 * 10**9, ROWS),
        }
    )
    head = table.head(1000)
    head.write_csv(tmp_path / "small.csv")
    table.write_csv(tmp_path / "large.csv")
    size = (tmp_path / "large.csv").stat().st_size
    del table
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "small.csv"), str(tmp_path / "large.csv")]
    threads = os.environ | {"POLARS_MAX_THREADS": "2"}  # each thread reads some of the file ahead
    run = subprocess.run(command, check=True, capture_output=True, text=True, env=threads)
    rows, grown = map(int, run.stdout.split())
    assert rows == ROWS
    assert size > 800e6
    assert grown < size / 2, (grown, size)
