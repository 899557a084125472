"""Ways to run a few lines: a thread beside an event loop, as in a notebook, `python -c`, standard input."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import sparserec

SOURCE = str(Path(sparserec.__file__).resolve().parents[1])
QUICK = 'dict(recipe="mf", dim=8, density=0.5, epochs=1, batch_size=64, n_negatives=8, threads=1)'
LINES = f"""
import asyncio, sparserec
from concurrent.futures import ThreadPoolExecutor

def trained(path):
    return sparserec.train(path, **{QUICK}).ended

async def cell():
    with ThreadPoolExecutor(1) as pool:
        beside = await asyncio.get_running_loop().run_in_executor(pool, trained, "ratings.csv")
    return beside, trained("ratings.csv")

print(asyncio.run(cell()))
"""


@pytest.mark.slow
def test_in_a_thread_in_a_running_loop_and_from_standard_input(ratings):
    environment = {**os.environ, "PYTHONPATH": SOURCE, "OMP_NUM_THREADS": "1"}
    folder = ratings.parent
    for arguments, given in (([], LINES), (["-c", LINES], "")):
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, input=given, env=environment, cwd=folder, capture_output=True, text=True, check=False, timeout=500
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == "('finished', 'finished')"
