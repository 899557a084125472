"""The browser runtime under Node.js and in Chromium; what is missing is named when a test is skipped."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WEB = ROOT / "web"
GOLDEN = ROOT / "tests" / "golden"
# The bad files are made by the same code as for the Python reader.
sys.path[:0] = [str(ROOT / "tests" / "hostile"), str(GOLDEN)]


@pytest.fixture(scope="session")
def node():
    """Run a script of this folder under Node.js: arguments in; what it prints, as JSON, out."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("needs Node.js 20 or newer: apt-get install nodejs")

    def run(script: str, *args: object, timeout: float = 120):
        done = subprocess.run(
            [program, "--expose-gc", HERE / script, *map(str, args)],
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return json.loads(done.stdout)

    return run
