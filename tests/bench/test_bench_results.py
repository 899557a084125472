"""The results file survives a kill at any byte, and the worker skips what is in it."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

import pytest

from sparserec.bench.results import Entry, Job, Results
from sparserec.bench.work import Conditions, work
from sparserec.errors import SparserecError


def job(seed, method="SET", phase="run"):
    return Job(phase, "tiny", "mf", method, 0.1, {"dim": 8, "seed": seed})


def test_entries_come_back_and_the_last_of_a_job_counts(tmp_path):
    results = Results(tmp_path / "deep" / "r.jsonl")
    assert results.entries() == []
    for seed, valid in ((0, 0.1), (1, 0.2), (0, 0.3)):
        results.append(Entry(job(seed), {"valid": valid}))
    assert [(entry.job.settings["seed"], entry.figures["valid"]) for entry in results.entries()] == [(0, 0.3), (1, 0.2)]
    assert len(results.path.read_text().splitlines()) == 3


def test_a_line_cut_off_at_any_byte_is_as_if_it_had_not_been_begun(tmp_path):
    results = Results(tmp_path / "r.jsonl")
    results.append(Entry(job(0), {"valid": 0.1}))
    whole = results.path.read_bytes()
    results.append(Entry(job(1), {"valid": 0.2}))
    both = results.path.read_bytes()
    for size in range(len(whole), len(both)):
        results.path.write_bytes(both[:size])
        assert [entry.job for entry in results.entries()] == [job(0)]
        results.append(Entry(job(2), {"valid": 0.3}))
        assert [entry.job for entry in results.entries()] == [job(0), job(2)]
        assert results.path.read_bytes().startswith(whole)


@pytest.mark.parametrize("line", ["{", "3", '{"job": {}, "found": {}}', '{"job": {"phase": "run"}}'])
def test_a_damaged_line_is_named(tmp_path, line):
    results = Results(tmp_path / "r.jsonl")
    results.append(Entry(job(0), {"valid": 0.1}))
    with results.path.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(SparserecError, match=r"r\.jsonl:2: not a result"):
        results.entries()


@pytest.fixture
def conditions(tmp_path):
    return Conditions(data=tmp_path, runs=tmp_path / "runs", workers=2)


@pytest.fixture
def do(tmp_path, monkeypatch):
    """A function whose jobs count themselves; seed 7 fails."""
    (tmp_path / "countjob.py").write_text(
        "import pathlib, sys\n"
        "def do(call):\n"
        "    seed = call['job']['settings']['seed']\n"
        "    pathlib.Path(call['data'], f'{seed}.ran').touch(exist_ok=False)\n"
        "    if seed == 7: sys.exit('the seventh one')\n"
        "    print('noise')\n"
        "    return {'seconds': 2.0, 'valid': seed / 10, 'folder': call['folder']}\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}", prepend=os.pathsep)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "countjob", raising=False)
    return importlib.import_module("countjob").do


def test_work_does_what_is_missing_and_tells_how_far_it_is(tmp_path, conditions, do):
    results, told = Results(tmp_path / "r.jsonl"), []
    results.append(Entry(job(0), {"seconds": 4.0, "valid": 0.0}))
    work([job(seed) for seed in range(4)], results, conditions, told.append, do)
    assert sorted(path.name for path in tmp_path.glob("*.ran")) == ["1.ran", "2.ran", "3.ran"]
    assert sorted(entry.figures["valid"] for entry in results.entries()) == [0.0, 0.1, 0.2, 0.3]
    assert (told[0].done, told[0].total, told[0].entry) == (1, 4, None)
    assert told[0].seconds_left == 3 * 4 / 2
    assert (told[-1].done, told[-1].seconds_left) == (4, 0.0)
    assert len({entry.figures["folder"] for entry in results.entries() if "folder" in entry.figures}) == 3
    told.clear()
    work([job(seed) for seed in range(4)], results, conditions, told.append, do)
    assert [(standing.done, standing.entry) for standing in told] == [(4, None)]


def test_a_job_that_fails_is_named_and_the_others_are_kept(tmp_path, conditions, do):
    results = Results(tmp_path / "r.jsonl")
    with pytest.raises(SparserecError, match=r"SET at 0.1, seed 7 \(run\) failed \(the seventh one\)"):
        work([job(1), job(7)], results, conditions, lambda standing: None, do)
    assert [entry.job for entry in results.entries()] == [job(1)]


def test_the_run_phase_goes_on_in_the_folder_that_tuning_left(tmp_path, conditions):
    from sparserec.bench.work import folder_of

    assert folder_of(job(0, phase="tune"), tmp_path) == folder_of(job(0), tmp_path)
    assert folder_of(job(1), tmp_path) != folder_of(job(0), tmp_path)


def test_a_function_of_a_script_finds_what_lies_beside_it(tmp_path):
    (tmp_path / "beside_it.py").write_text("def twice(n):\n    return 2 * n\n")
    (tmp_path / "script.py").write_text("def main(n):\n    import beside_it\n    return beside_it.twice(n)\n")
    command = [sys.executable, "-m", "sparserec.bench.fresh", str(tmp_path / "script.py"), "main", '{"n": 4}']
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "8"
