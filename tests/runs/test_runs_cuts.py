"""How a run's data is cut: decided when it begins, remembered, and read as it was meant where it was not written."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sparserec import Run, load, split, train
from sparserec.device import Recommender
from sparserec.runs import evaluate_path
from sparserec.settings import DataConfig, load_config

QUICK = {"model": "mf", "dim": 8, "density": 0.5, "epochs": 1, "batch_size": 64, "n_negatives": 8, "threads": 1}


def ratings(path, test=False, time=lambda user, place: 1000 * user + 7 * place):
    """A table of interactions with times; with a test file, a folder of two."""
    rng = np.random.default_rng(0)
    rows = [
        f"u{user},i{item},{time(user, place)}"
        for user in range(40)
        for place, item in enumerate(rng.permutation(30)[:12])
    ]
    if not test:
        path.write_text("user,item,timestamp\n" + "\n".join(rows) + "\n")
        return path
    folder = path.parent / "parts"
    folder.mkdir()
    for name, part in (("train", [row for n, row in enumerate(rows) if n % 6]), ("test", rows[::6])):
        (folder / f"{name}.csv").write_text("user,item,timestamp\n" + "\n".join(part) + "\n")
    return folder


def told(run: Run) -> tuple[str, str | None]:
    """What the run's file of settings says."""
    data = load_config(None, run.folder / "config.toml").data
    return data.split, data.validation


def made(source, folder, notes=None, **settings) -> Run:
    return train(source, folder, stage=None if notes is None else notes.append, **{**QUICK, **settings})


def test_the_newest_are_test_and_validation_and_the_run_remembers_it(tmp_path):
    file, notes = ratings(tmp_path / "ratings.csv"), []
    run = made(file, tmp_path / "run", notes)
    assert "validation: the newest 20 % of the histories of 40 users" in notes
    assert told(run) == ("latest", None)
    parts = split(load(file))
    assert run.facts.fingerprint == parts.fingerprint()
    assert run.facts.fingerprint == split(load(file), kind="latest").fingerprint()
    assert run.config.data.holdout is False  # nobody named a split: it is trained on everything in the end
    opened = Run.open(run.folder)
    assert opened.split().fingerprint() == parts.fingerprint()
    assert evaluate_path(run.folder, file).users == 40


def test_a_file_remembers_it_too(tmp_path):
    file = ratings(tmp_path / "ratings.csv")
    run = made(file, tmp_path / "run", data={"holdout": True})
    run.export(tmp_path / "model.safetensors")
    assert Recommender.open(tmp_path / "model.safetensors").card.recipe["data"]["split"] == "latest"
    measured = evaluate_path(tmp_path / "model.safetensors", file)
    assert measured["ndcg@20"] == pytest.approx(run.evaluate("test")["ndcg@20"], abs=0.02)


@pytest.mark.parametrize(("asked", "remembered"), [({}, "auto"), ({"split": "given"}, "given")])
def test_with_a_test_file_validation_alone_is_the_newest(tmp_path, asked, remembered):
    run = made(ratings(tmp_path / "ratings.csv", test=True), tmp_path / "run", data=asked)
    assert told(run) == (remembered, "latest")
    parts = Run.open(run.folder).split()
    assert (parts.kind, parts.validation) == ("given", "latest")
    for user in range(40):
        valid, left = (part.timestamps[slice(*part.indptr[user : user + 2])] for part in (parts.valid, parts.train))
        assert valid.min() > left.max()


def test_without_a_test_part_validation_is_the_newest(tmp_path):
    run = made(ratings(tmp_path / "ratings.csv"), tmp_path / "run", data={"split": "none"})
    assert told(run) == ("none", "latest")
    assert Run.open(run.folder).split().validation == "latest"


@pytest.mark.parametrize("times", [None, lambda user, place: 9, lambda user, place: user])
def test_without_times_that_say_something_all_is_as_it_was(tmp_path, times):
    file, notes = ratings(tmp_path / "ratings.csv", time=times or (lambda user, place: place)), []
    given = {"timestamps": False} if times is None else {}
    run = made(file, tmp_path / "run", notes, data=given)
    assert told(run) == ("auto", None)
    assert run.split().fingerprint() == split(load(file), kind="random").fingerprint()
    assert any(note.startswith("there are times, but only 0% of") for note in notes) == (times is not None)
    assert "validation: a random 20 % of the histories of 40 users" in notes


@pytest.mark.parametrize("kind", ["random", "leave-last", "global-time"])
def test_a_named_split_is_cut_as_it_always_was(tmp_path, kind):
    file = ratings(tmp_path / "ratings.csv")
    run = made(file, tmp_path / "run", data={"split": kind})
    assert told(run) == (kind, None)
    assert run.split().fingerprint() == split(load(file), kind=kind).fingerprint()


def test_a_run_from_before_times_were_used_is_cut_as_it_was(tmp_path):
    file = ratings(tmp_path / "ratings.csv")
    run = made(file, tmp_path / "run", data={"split": "random", "holdout": True})
    settings = run.folder / "config.toml"
    assert 'split = "random"' in settings.read_text()
    settings.write_text(settings.read_text().replace('split = "random"', 'split = "auto"'))
    assert evaluate_path(run.folder, file).users == 40
    assert Run.open(run.folder).split().fingerprint() == split(load(file), kind="random").fingerprint()


def test_a_run_goes_on_with_the_cut_that_it_began_with(tmp_path):
    file = ratings(tmp_path / "ratings.csv")
    fresh = made(file, tmp_path / "run", data={"holdout": True}, resume=True)
    assert told(fresh) == ("latest", None)
    assert made(file, tmp_path / "run", data={"holdout": True}, resume=True).facts == fresh.facts


def test_validation_can_be_named(tmp_path):
    file = ratings(tmp_path / "ratings.csv")
    run = made(file, tmp_path / "run", data={"validation": "random"})
    assert told(run) == ("latest", "random")
    assert run.split().fingerprint() == split(load(file), validation="random").fingerprint()
    assert dataclasses.replace(run.split(), said=()).validation == "random"
    assert DataConfig(validation="latest").validation == "latest"
