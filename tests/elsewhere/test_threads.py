"""Numbers of threads that no machine has."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from sparserec import cores
from sparserec.errors import SparserecError, SparserecWarning
from sparserec.runs import threads

TAKEN = """
import os, warnings
warnings.simplefilter("ignore")
import sparserec
from sparserec.runs import set_threads
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    set_threads(None)
    import numba, torch
    print(torch.get_num_threads(), numba.get_num_threads(), len(os.sched_getaffinity(0)))
    print(*(one.message for one in told if "THREADS" in str(one.message)), sep="|")
"""


@pytest.fixture
def variables(monkeypatch):
    """The environment after `correct_variables`, and what was said of it, on a machine with four cores."""

    def corrected(**given: str) -> tuple[dict[str, str | None], list[str]]:
        for name in cores.VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(cores, "usable_cores", lambda: 4)
        monkeypatch.setattr(cores, "corrected", [])
        cores.correct_variables()
        return {name: cores.os.environ.get(name) for name in given}, cores.corrected

    return corrected


@pytest.mark.parametrize("name", cores.VARIABLES)
@pytest.mark.parametrize(
    ("given", "taken"),
    [("1", "1"), ("4", "4"), ("5", "4"), ("100000", "4"), (" 9 ", "4"), ("0", None), ("-3", None), ("two", None)],
)
def test_variables_of_the_environment(variables, name, given, taken):
    found, words = variables(**{name: given})
    assert found == {name: taken}
    assert [name in line and given.strip() in line for line in words] == ([] if taken == given else [True])


def test_levels_of_nesting_and_empty_variables(variables):
    assert variables(OMP_NUM_THREADS="100,2")[0] == {"OMP_NUM_THREADS": "4,2"}
    assert variables(OMP_NUM_THREADS="") == ({"OMP_NUM_THREADS": None}, [])
    assert variables(NUMBA_NUM_THREADS="2,2")[0] == {"NUMBA_NUM_THREADS": None}
    assert variables(OMP_NUM_THREADS="٣")[0] == {"OMP_NUM_THREADS": None}


@pytest.mark.parametrize(("given", "taken"), [("100000", "100000 is more"), ("all of them", "no number of threads")])
def test_libraries_never_see_such_a_number(script, given, taken):
    numbers, words = script(TAKEN, OMP_NUM_THREADS=given, NUMBA_NUM_THREADS=given).splitlines()
    torch_threads, numba_threads, most = map(int, numbers.split())
    assert 1 <= torch_threads <= most
    assert 1 <= numba_threads <= most
    assert words.count(taken) == 2


def test_more_threads_than_cores_are_told_and_not_taken(monkeypatch):
    monkeypatch.setattr(threads, "available_cores", lambda: 3)
    with pytest.warns(SparserecWarning, match="1000 threads are more than the 3 cores here: 3 are taken"):
        assert threads.checked_threads(1000) == 3
    assert threads.checked_threads(3) == 3
    assert threads.checked_threads(np.int64(2)) == 2
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    assert threads.checked_threads(None) == 3


@pytest.mark.parametrize("count", [0, -1, 1.5, "2", True])
def test_what_is_no_number_of_threads(count):
    with pytest.raises(SparserecError, match="threads must be"):
        threads.checked_threads(count)


def test_the_command_line_says_it_in_a_line(sparserec, ratings, tmp_path, monkeypatch):
    monkeypatch.setattr(threads, "available_cores", lambda: 2)
    settings = ["--recipe", "mf", "--dim", "8", "--density", "0.5", "--epochs", "1", "--set", "batch_size=64"]
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        code, _, err = sparserec("train", ratings, "--out", tmp_path / "run", "--threads", "1000", *settings)
    assert code == 0
    assert err.strip() == "note: 1000 threads are more than the 2 cores here: 2 are taken"
