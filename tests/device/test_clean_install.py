"""The wheel, installed beside NumPy and safetensors alone, recommends."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"

ANSWERS = """
import json, sys
from pathlib import Path
from sparserec.device import Recommender
golden = Path(sys.argv[1])
recommender = Recommender.open(golden / "golden.safetensors")
for case in json.loads((golden / "expected.json").read_text(encoding="utf-8")):
    assert [list(pair) for pair in recommender.recommend(**case["query"])] == case["answer"], case["query"]
heavy = "torch scipy numba polars pyarrow pydantic sklearn matplotlib typer rich".split()
print(json.dumps([name for name in heavy if name in sys.modules]))
import sparserec
print(json.dumps(sparserec.__file__))
"""

NO_TRAINING = """
import sparserec
try:
    sparserec.train
except sparserec.SparserecError as error:
    print(error)
"""


def called(*command: object, folder: Path) -> str:
    done = subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, so that the working tree stays as it is."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(
        ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("*.egg-info", "__pycache__", "node_modules")
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, folder)
    called(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist", ".", folder=folder)
    (built,) = (folder / "dist").glob("sparserec-*-py3-none-any.whl")
    return built


@pytest.fixture(scope="module")
def clean_python(wheel, tmp_path_factory) -> Path:
    """A Python with the wheel, NumPy and safetensors, and nothing else."""
    folder = tmp_path_factory.mktemp("clean")
    called(sys.executable, "-m", "venv", "--without-pip", folder / "env", folder=folder)
    python = folder / "env" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    purelib = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(called(python, "-I", "-c", purelib, folder=folder).strip())
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    for name in ("numpy", "safetensors"):
        home = Path(find_spec(name).origin).parent
        for part in (home, home.parent / f"{name}.libs"):
            if part.exists():
                (packages / part.name).symlink_to(part)
    return python


def test_the_wheel_holds_the_package_and_nothing_of_the_tests(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "sparserec/device/recommender.py" in names
    assert "sparserec/py.typed" in names
    assert {"sparserec/web/src/index.js", "sparserec/web/page/index.html", "sparserec/web/page/main.js"} <= set(names)
    assert all(name.startswith(("sparserec/", "sparserec-")) for name in names)


def test_answers_with_numpy_and_safetensors_alone(clean_python, tmp_path):
    loaded, home = called(clean_python, "-I", "-W", "error", "-c", ANSWERS, GOLDEN, folder=tmp_path).splitlines()
    assert loaded == "[]"
    assert str(clean_python.parents[1]) in home
    assert str(ROOT / "src") not in home


def test_writes_the_page_with_numpy_and_safetensors_alone(clean_python, tmp_path):
    code = "import sys, pathlib; from sparserec.page import write_page; write_page(*map(pathlib.Path, sys.argv[1:]))"
    called(clean_python, "-I", "-W", "error", "-c", code, GOLDEN / "golden.safetensors", "page", folder=tmp_path)
    assert sorted(path.name for path in (tmp_path / "page").iterdir()) == ["index.html", "sw.js"]


def test_training_names_the_extra_that_it_needs(clean_python, tmp_path):
    message = called(clean_python, "-I", "-c", NO_TRAINING, folder=tmp_path)
    assert message.startswith("sparserec.train needs ")
    assert "not installed: pip install 'sparserec[train]'" in message
