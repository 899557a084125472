"""The README's blocks run as they are printed, on a file that has low ratings too."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """Code blocks of the README in a language, "" for those without one."""
    fences = re.split(r"^```", README, flags=re.MULTILINE)[1::2]
    return [code for name, _, code in (fence.partition("\n") for fence in fences) if name == language]


(PYTHON,) = blocks("python")
(SHELL,) = (block for block in blocks("") if block.startswith("sparserec "))


def write_ratings(folder: Path) -> None:
    """ratings.csv as MovieLens has it, ratings of 4 and 5, and as many of 1 to 3; and the titles."""
    from sparserec.interactions import synthetic

    lines = ["userId,movieId,rating,timestamp"]
    for seed, low in ((5, 4), (6, 1)):
        data, _ = synthetic(n_users=200, n_items=400, interactions_per_user=20, n_clusters=8, seed=seed)
        facts = data.interactions
        for number, (user, item) in enumerate(zip(facts.rows(), facts.indices, strict=True)):
            rating = low + number % (2 if low == 4 else 3)
            lines.append(f"{user},{item},{rating},{1000 + number}")
    (folder / "ratings.csv").write_text("\n".join(lines) + "\n")
    titles = ["movieId,title", *(f"{movie},Film {movie}" for movie in range(1, 500))]
    (folder / "movies.csv").write_text("\n".join(titles) + "\n")


def run(folder: Path, *command: str) -> str:
    """What a command prints, run in a folder with this Python's programs; it must end well."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    places = {"PATH": path, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=os.environ | places, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def python_block(tmp_path_factory) -> tuple[Path, str]:
    """The folder in which the Python block ran, and what it printed."""
    folder = tmp_path_factory.mktemp("python")
    write_ratings(folder)
    return folder, run(folder, "python", "-c", PYTHON)


@pytest.fixture(scope="module")
def shell_block(tmp_path_factory) -> tuple[Path, str]:
    """The folder in which the shell block ran, and what it printed."""
    folder = tmp_path_factory.mktemp("shell")
    write_ratings(folder)
    return folder, run(folder, "bash", "-ec", SHELL)


def test_the_python_block(python_block):
    assert len([line for line in PYTHON.splitlines() if line.strip()]) <= 10
    _, printed = python_block
    assert "recall@20" in printed
    assert re.search(r"\[\('\d+', ", printed)


def test_the_shell_block(shell_block):
    _, printed = shell_block
    assert "recall@20" in printed
    assert "bytes" in printed


@pytest.mark.slow
def test_the_shell_goes_on_with_what_the_python_block_made(python_block):
    first, *others = SHELL.splitlines()
    assert first.startswith("sparserec train ")
    run(python_block[0], "bash", "-ec", "\n".join(others))


@pytest.mark.slow
def test_a_run_of_the_python_block_is_opened_and_evaluated_later(python_block):
    later = 'from sparserec import Run; print(Run.open("run").evaluate("test").as_dict())'
    assert "recall@20" in run(python_block[0], "python", "-c", later)


def test_the_page_of_the_web_command(shell_block):
    (command,) = re.findall(r"`(sparserec web [^`]+)`", README)
    run(shell_block[0], "bash", "-ec", command)
    assert "<html" in (shell_block[0] / "model-web" / "index.html").read_text()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake (\w+)", README)) - {"wheel"}))
def test_the_makefile_has_what_the_readme_names(target):
    run(ROOT, "make", "--dry-run", target)


def test_the_makefile_makes_a_wheel():
    assert "make wheel" in README
    run(ROOT, "make", "--dry-run", "wheel")
