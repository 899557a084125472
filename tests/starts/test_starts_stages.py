"""Stages of a start: each leaves its result, and a run that was interrupted begins at the stage it was in."""

from __future__ import annotations

import numpy as np
import pytest

import sparserec
from sparserec.errors import SparserecError
from sparserec.starts import history, lists, spectrum, stages, teaching
from sparserec.starts.stages import load_stage, save_stage
from sparserec.training import load_state

FISM = {"recipe": "fism", "dim": 32, "budget": "30B/item", "batch_size": 64, "epochs": 2, "threads": 1}
TEACHER = {"length": 40, "epochs": 2, "dim": 16, "ease": 0.25, "share": 0.5, "spectrum": "low"}
STAGES = {
    "spectrum": (spectrum, "choose_spectrum"),
    "teacher": (teaching, "choose_teachers"),
    "lists": (lists, "write_lists"),
    "table": (history, "after_an_epoch"),
}
"""What is called once or more in each stage, in the order of the stages."""


@pytest.fixture(scope="module")
def whole(catalogue, tmp_path_factory):
    run = sparserec.train(catalogue, tmp_path_factory.mktemp("stages") / "whole", **FISM, teacher=TEACHER)
    run.export(run.folder.parent / "whole.safetensors")
    return (run.folder.parent / "whole.safetensors").read_bytes()


def counted(monkeypatch, refuse=None):
    """Count what each stage calls; the one to refuse is interrupted as by Ctrl-C."""
    calls = dict.fromkeys(STAGES, 0)

    def counting(stage, real):
        def called(*arguments, **settings):
            calls[stage] += 1
            if stage == refuse:
                raise KeyboardInterrupt
            return real(*arguments, **settings)

        return called

    for stage, (module, name) in STAGES.items():
        monkeypatch.setattr(module, name, counting(stage, getattr(module, name)))
    return calls


@pytest.mark.parametrize("stage", STAGES)
def test_an_interrupted_start_goes_on_at_its_stage(catalogue, whole, tmp_path, monkeypatch, stage):
    settings = {**FISM, "refit": False, "teacher": TEACHER}
    with monkeypatch.context() as patch:
        counted(patch, refuse=stage)
        with pytest.raises(KeyboardInterrupt):
            sparserec.train(catalogue, tmp_path / "run", **settings)
    left = {path.name for path in (tmp_path / "run").iterdir()} if (tmp_path / "run").exists() else set()
    assert ("spectrum.stage" in left) == (stage != "spectrum")
    assert ("teacher.stage" in left) == (stage in ("lists", "table"))
    with monkeypatch.context() as patch:
        calls = counted(patch)
        run = sparserec.train(catalogue, tmp_path / "run", resume=True, **settings)
    before = list(STAGES)[: list(STAGES).index(stage)]
    assert [calls[name] for name in before] == [0] * len(before)
    assert all(calls[name] for name in STAGES if name not in before)
    assert not list(run.folder.glob("*.stage"))
    other = sparserec.train(catalogue, tmp_path / "other", **settings)
    for name in ("best.safetensors", "start.safetensors", "teacher.npy"):
        assert (run.folder / name).read_bytes() == (other.folder / name).read_bytes(), name


def test_a_resumed_start_gives_the_same_file_after_the_second_training(catalogue, whole, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        counted(patch, refuse="table")
        with pytest.raises(KeyboardInterrupt):
            sparserec.train(catalogue, tmp_path / "run", **FISM, teacher=TEACHER)
    sparserec.train(catalogue, tmp_path / "run", resume=True, **FISM, teacher=TEACHER).export(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == whole


def test_stages_of_another_configuration_are_not_taken(catalogue, tmp_path, monkeypatch):
    settings = {**FISM, "refit": False}
    with monkeypatch.context() as patch:
        counted(patch, refuse="table")
        with pytest.raises(KeyboardInterrupt):
            sparserec.train(catalogue, tmp_path / "run", **settings, teacher=TEACHER)
    calls = counted(monkeypatch)
    run = sparserec.train(catalogue, tmp_path / "run", **settings, teacher={**TEACHER, "length": 30})
    assert all(calls.values())
    assert np.load(run.folder / "teacher.npy").shape[1] == 30


def test_settings_that_cannot_work_leave_no_stage_behind(catalogue, tmp_path, monkeypatch):
    def refuse(*arguments):
        raise SparserecError("too much")

    monkeypatch.setattr(history, "after_an_epoch", refuse)
    with pytest.raises(SparserecError, match="too much"):
        sparserec.train(catalogue, tmp_path / "run", **FISM, teacher=TEACHER)
    assert not (tmp_path / "run").exists()


def test_a_stage_is_read_as_it_was_written(tmp_path):
    arrays = {"plain": np.arange(6, dtype=np.float32).reshape(2, 3), "turned": np.zeros((4, 5), np.float32).T}
    save_stage(tmp_path / "x.stage", "mine", {"rank": 3}, arrays)
    facts, back = load_stage(tmp_path / "x.stage", "mine")
    assert facts == {"rank": 3}
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array)
        assert back[name].flags.f_contiguous == array.flags.f_contiguous
    assert load_stage(tmp_path / "x.stage", "another") is None
    assert load_stage(tmp_path / "none.stage", "mine") is None
    assert stages.has_stage(tmp_path / "x.stage", "mine")
    assert not stages.has_stage(tmp_path / "x.stage", "another")


@pytest.mark.parametrize("damage", [b"", b"{", b'{"fingerprint": "mine"}\n', b"\x93NUMPY", "cut", "pickle"])
def test_a_damaged_stage_is_refused_with_its_name(tmp_path, damage):
    path = tmp_path / "x.stage"
    save_stage(path, "mine", {}, {"a": np.arange(1000)})
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "pickle":
        head, _, _ = path.read_bytes().partition(b"\n")
        np.save(tmp_path / "p.npy", np.array([{}], dtype=object), allow_pickle=True)
        path.write_bytes(head + b"\n" + (tmp_path / "p.npy").read_bytes())
    else:
        path.write_bytes(damage)
    with pytest.raises(SparserecError, match=r"x\.stage: not readable as a stage"):
        load_stage(path, "mine")


WHOLE = {**TEACHER, "spectrum": "whole", "ease": None, "ease_items": 0, "share": None, "local_neighbours": 8}


def test_the_whole_spectrum_is_chosen_by_validation_and_goes_on_where_it_was_interrupted(
    catalogue, tmp_path, monkeypatch
):
    settings = {**FISM, "teacher": WHOLE}
    said = []
    run = sparserec.train(catalogue, tmp_path / "whole", follow=lambda news: said.append(news.words), **settings)
    run.export(tmp_path / "whole.safetensors")
    assert any("fitting a linear teacher of neighbours" in words for words in said)
    assert any(words.startswith("neighbours: regularisation") for words in said)
    with monkeypatch.context() as patch:
        counted(patch, refuse="lists")
        with pytest.raises(KeyboardInterrupt):
            sparserec.train(catalogue, tmp_path / "run", **settings)
    assert (tmp_path / "run" / "teacher.stage").exists()
    sparserec.train(catalogue, tmp_path / "run", resume=True, **settings).export(tmp_path / "run.safetensors")
    assert (tmp_path / "run.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()


def test_a_plateau_that_is_asked_for_is_what_the_run_remembers(catalogue, tmp_path):
    teacher = {**TEACHER, "steepness": 2.0, "neighbours": 1.5, "ideal": 0.2, "exponent": 0.4, "local": 0.25}
    run = sparserec.train(catalogue, tmp_path / "run", **FISM, teacher=teacher)
    facts = load_state(run.folder / "start.safetensors")[1]["teacher"]
    assert {name: facts[name] for name in ("steepness", "neighbours", "ideal", "exponent", "local")} == {
        name: teacher[name] for name in ("steepness", "neighbours", "ideal", "exponent", "local")
    }
