"""Scripts that are run in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import sparserec

SOURCE = str(Path(sparserec.__file__).resolve().parents[1])

RATINGS = "user,item\n" + "".join(f"u{u},i{(u * step + step) % 30}\n" for u in range(40) for step in range(1, 8))

QUICK = 'dict(recipe="mf", dim=8, density=0.5, epochs=1, batch_size=64, n_negatives=8, threads=1)'
"""Settings that train in a moment, as they stand in a script."""


@pytest.fixture
def ratings(tmp_path) -> Path:
    path = tmp_path / "ratings.csv"
    path.write_text(RATINGS)
    return path


@pytest.fixture
def script(tmp_path):
    """Run Python code as a file of its own, in a folder of its own; its standard output."""

    def run(code: str, *arguments: object, **environment: str) -> str:
        path = tmp_path / "script.py"
        path.write_text(code.replace("QUICK", QUICK), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, path, *map(os.fspath, arguments)],
            env={**os.environ, "PYTHONPATH": SOURCE, "OMP_NUM_THREADS": "2", **environment},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=500,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run
