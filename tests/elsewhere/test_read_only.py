"""A package folder and a home that can't be written, as in a container without root."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "sparserec"

CALL = """
import warnings
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    import numpy as np
    from sparserec.evaluation import top_k
    from sparserec.evaluation.topk import _top_k
    import sparserec
    best = top_k(np.array([[1.0, 3.0, 2.0]], dtype=np.float32), 2)
    assert best.tolist() == [[1, 2]], best
words = [str(one.message) for one in told if "kept" in str(one.message)]
print(sparserec.__file__, sum(_top_k.stats.cache_hits.values()), len(words), *words, sep="|")
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="permissions and privileges of Linux")


@pytest.fixture
def place():
    """A folder that everybody can look into, with the package in it, which nobody can write to."""
    folder = Path(tempfile.mkdtemp(prefix="sparserec-test-"))
    shutil.copytree(SOURCE, folder / "sparserec", ignore=shutil.ignore_patterns("__pycache__", "web"))
    (folder / "temporary").mkdir()
    (folder / "temporary").chmod(0o1777)
    for path in folder.rglob("*"):
        if path.name != "temporary":
            path.chmod(0o555 if path.is_dir() else 0o444)
    folder.chmod(0o555)
    yield folder
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(folder)


def without_privileges() -> None:
    """Take from root the right to write anywhere; whoever else runs the tests has none to lose."""
    drop_from_bounding_set, override, read_search = 24, 1, 2
    for capability in (override, read_search):
        ctypes.CDLL(None).prctl(drop_from_bounding_set, capability, 0, 0, 0)


def called(folder: Path, temporary: Path) -> list[str]:
    """Run the call there."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(folder),
        "HOME": str(folder / "home"),
        "TMPDIR": str(temporary),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", CALL],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=without_privileges,  # nothing else runs here
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().split("|")


def test_kernels_are_kept_in_a_folder_of_ones_own(place):
    temporary = place / "temporary"
    home, hits, told, *_ = called(place, temporary)
    assert home.startswith(str(place))
    assert (hits, told) == ("0", "0")
    (kept,) = temporary.iterdir()
    assert kept.name.startswith("sparserec-")
    assert kept.stat().st_mode & 0o777 == 0o700
    assert called(place, temporary)[1:3] == ["1", "0"]


def test_a_folder_of_anybody_else_is_not_trusted(place):
    (place / "temporary" / f"sparserec-{os.getuid()}").mkdir()
    (place / "temporary" / f"sparserec-{os.getuid()}").chmod(0o777)
    _, hits, told, words = called(place, place / "temporary")
    assert (hits, told) == ("0", "1")
    assert "NUMBA_CACHE_DIR" in words
    assert list((place / "temporary" / f"sparserec-{os.getuid()}").iterdir()) == []
