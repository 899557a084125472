"""Install the oldest versions that pyproject.toml allows into an environment of their own, and run tests with them.

    python tests/oldest.py                    # those that say most in little time
    python tests/oldest.py tests/runs -x      # what is given, as for pytest

What the device side, the command line, training and the ONNX export declare is installed at its lower bound, and so are
the libraries whose frames are read; what these need in turn, and what runs the tests, in the newest version that fits.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".venv-oldest"
EXTRAS = ("train", "onnx")
FRAMES = ("duckdb", "pandas")
"""Of the extra dev: what users bring their own frames in."""
RUNNERS = ("pytest", "hypothesis", "psutil", "build", "setuptools>=77")
TESTS = ("tests/settings", "tests/artefact", "tests/device", "tests/interactions", "tests/evaluation", "tests/runs")

NOT_PROMISED = ("tests/runs/test_runs_train.py::test_a_killed_process_resumes_to_the_same_bytes",)
"""What holds for one set of versions alone, that of constraints.txt: with torch 2.4.0 a last digit differed."""


def pins() -> list[str]:
    """Requirements at their lower bounds. A package that is declared twice is taken at the higher one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = [*project["dependencies"]]
    for extra in EXTRAS:
        declared += project["optional-dependencies"][extra]
    declared += [line for line in project["optional-dependencies"]["dev"] if line.startswith(FRAMES)]
    oldest: dict[str, tuple[int, ...]] = {}
    for line in declared:
        found = re.fullmatch(r"([A-Za-z0-9_.-]+)>=([0-9.]+)", line)
        if found is None:
            raise SystemExit(f"{line!r} in pyproject.toml has no lower bound")
        version = tuple(map(int, found[2].split(".")))
        oldest[found[1]] = max(version, oldest.get(found[1], ()))
    return [f"{name}=={'.'.join(map(str, version))}" for name, version in oldest.items()]


def main(arguments: list[str]) -> int:
    """Make the environment where it is missing or its pins have changed, and run the tests; pytest's exit code."""
    python = FOLDER / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted, written = "\n".join([*pins(), *RUNNERS]), FOLDER / "pins.txt"
    if not written.exists() or written.read_text() != wanted:
        venv.create(FOLDER, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted.split()], check=True)
        written.write_text(wanted)
    print(wanted, flush=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    # Warnings of old packages about newer ones are no errors here.
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "default"]
    command += [*(f"--deselect={test}" for test in NOT_PROMISED), *(arguments or TESTS)]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
