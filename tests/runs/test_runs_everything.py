"""What the exported model has learned from: everything by default, all but a test part where one is held out."""

from __future__ import annotations

import dataclasses
import json
from contextlib import contextmanager

import numpy as np
import pytest
import tomli_w
import torch

import sparserec
from sparserec.device import Recommender
from sparserec.errors import SparserecError
from sparserec.files import write_text
from sparserec.interactions import Dataset, split, synthetic
from sparserec.interactions.types import Interactions
from sparserec.runs import evaluate_path
from sparserec.runs.refit import everything
from sparserec.settings import DataConfig, RunConfig, load_config
from sparserec.starts import begin
from sparserec.vocabulary import Vocabulary

MF = {"model": "mf", "dim": 16, "density": 0.25, "epochs": 2, "n_negatives": 32, "batch_size": 256, "threads": 1}
FISM = {
    "recipe": "fism",
    "dim": 32,
    "budget": "40B/item",
    "epochs": 2,
    "small_epochs": 2,
    "batch_size": 64,
    "threads": 1,
    "teacher": {"length": 30, "epochs": 1},
}


@pytest.fixture(scope="module")
def data():
    return synthetic(n_users=150, n_items=90, interactions_per_user=14, n_clusters=6, seed=4)[0]


@pytest.fixture(scope="module")
def ratings(data, tmp_path_factory):
    facts, path = data.interactions, tmp_path_factory.mktemp("data") / "ratings.csv"
    pairs = zip(facts.rows().tolist(), facts.indices.tolist(), strict=True)
    path.write_text("user,item\n" + "".join(f"{facts.users[user]},{facts.items[item]}\n" for user, item in pairs))
    return path


def with_test_file(data):
    """The same data with a part of it in a test file."""
    parts = split(data)
    return dataclasses.replace(data, interactions=parts.history("test"), test=parts.test)


def seen(monkeypatch):
    """Interactions of the training part, and of the others, of each training that is begun."""
    counts = []

    def noting(context):
        parts = context.split
        counts.append((parts.train.nnz, parts.valid.nnz, parts.test.nnz))
        return begin(context)

    monkeypatch.setattr("sparserec.starts.begin", noting)
    return counts


@pytest.mark.parametrize("settings", [MF, FISM], ids=["mf", "fism"])
def test_by_default_the_second_training_is_on_everything_and_the_first_sees_neither_part(
    data, tmp_path, monkeypatch, settings
):
    counts = seen(monkeypatch)
    run = sparserec.train(data, tmp_path / "run", **settings)
    parts = split(data)
    first = (parts.train.nnz, parts.valid.nnz, parts.test.nnz)
    assert min(first) > 0
    assert counts == [first, (data.interactions.nnz, 0, 0)]
    assert run.is_refitted
    assert not run.holds_out
    assert run.trained_on == "everything"
    assert "before it was trained on everything" in run.measured_on("test")


@pytest.mark.parametrize(
    ("asked", "refits"),
    [
        ({"holdout": True}, True),
        ({"split": "random"}, True),
        ({"split": "random"}, False),
        ({"split": "random", "holdout": True}, True),
    ],
)
def test_a_named_split_or_holdout_keeps_the_test_part_out(data, tmp_path, monkeypatch, asked, refits):
    counts = seen(monkeypatch)
    run = sparserec.train(data, tmp_path / "run", **MF, refit=refits, data=asked)
    parts = split(data)
    first = (parts.train.nnz, parts.valid.nnz, parts.test.nnz)
    assert counts == [first, (parts.train.nnz + parts.valid.nnz, 0, parts.test.nnz)][: 1 + refits]
    assert run.holds_out
    assert "without the" in run.trained_on
    assert run.measured_on("test") == "test part, by the model that is exported"


def test_without_a_recipe_that_asks_for_it_a_model_with_a_test_part_held_out_is_trained_once(data, tmp_path):
    run = sparserec.train(data, tmp_path / "run", **MF, data={"split": "random"})
    assert run.config.refit is False
    assert not (run.folder / "final").exists()


def test_a_test_file_is_held_out_unless_asked_for(data, tmp_path, monkeypatch):
    given = with_test_file(data)
    assert sparserec.train(given, tmp_path / "held", **MF).holds_out
    counts = seen(monkeypatch)
    run = sparserec.train(given, tmp_path / "all", **MF, data={"holdout": False})
    assert not run.holds_out
    assert counts[1] == (data.interactions.nnz, 0, 0)


@pytest.mark.parametrize("asked", [{"split": "none"}, {"test_fraction": 0}])
def test_without_a_test_part_validation_is_of_all_and_there_is_nothing_to_measure(data, tmp_path, monkeypatch, asked):
    counts = seen(monkeypatch)
    run = sparserec.train(data, tmp_path / "run", **MF, data=asked)
    (train, valid, test), final = counts
    assert valid > 0
    assert (test, train + valid) == (0, data.interactions.nnz)
    assert final == (data.interactions.nnz, 0, 0)
    assert run.trained_on == "everything"
    with pytest.raises(SparserecError, match="without a test part"):
        run.evaluate("test")
    assert run.evaluate("valid").users > 0


@pytest.mark.parametrize(
    ("asked", "given", "words"),
    [
        ({"split": "none", "holdout": True}, False, "nothing to hold out"),
        ({"split": "none"}, True, "comes with a test file"),
        ({"split": "leave-last", "test_fraction": 0}, False, "timestamps|no effect"),
        ({"split": "given", "test_fraction": 0}, True, "no effect on a given split"),
    ],
)
def test_what_contradicts_itself_is_one_sentence_and_leaves_nothing(data, tmp_path, asked, given, words):
    source = with_test_file(data) if given else data
    with pytest.raises(SparserecError, match=words):
        sparserec.train(source, tmp_path / "run", **MF, data=asked)
    assert not (tmp_path / "run").exists()


def test_the_figure_is_that_of_a_training_that_has_not_seen_the_test_part(data, tmp_path):
    """Equal to a run that held the test part out and was trained once."""
    held = sparserec.train(data, tmp_path / "held", **MF, refit=False, data={"holdout": True})
    whole = sparserec.train(data, tmp_path / "whole", **MF)
    assert whole.evaluate("test").as_dict() == held.evaluate("test").as_dict()
    assert whole.evaluate("valid").as_dict() == held.evaluate("valid").as_dict()


def test_the_exported_model_knows_an_item_that_only_the_test_part_has(tmp_path):
    """Item "new" is taken once, in the test part, together with item "a" of everybody."""
    names = [f"u{n}" for n in range(40)]
    pairs = [(u, i) for u in range(40) for i in range(6) if i != u % 6] + [(0, 6)]
    users, items = Vocabulary.of(names), Vocabulary.of([*"abcdef", "new"])
    every = Interactions.of(*np.array(pairs).T, users, items)
    is_new = every.indices == 6
    given = Dataset(every.where(~is_new), every.where(is_new), "made up", False)
    norms = {}  # a row without an interaction starts small and nothing pulls it
    for holdout in (True, False):
        run = sparserec.train(
            given, tmp_path / str(holdout), **{**MF, "dim": 4, "density": 1.0}, refit=True, data={"holdout": holdout}
        )
        model, _ = run.best(refitted=True)
        norms[holdout] = float(model.tables["items"].lookup(torch.tensor([6])).detach().norm())
    assert norms[False] > 10 * norms[True]


def test_a_file_trained_on_everything_says_so_and_is_not_measured_on_what_it_has_seen(ratings, tmp_path):
    run = sparserec.train(ratings, tmp_path / "run", **MF)
    run.export(tmp_path / "all.safetensors")
    run.export(tmp_path / "first.safetensors", refitted=False)
    card = Recommender.open(tmp_path / "all.safetensors").card
    assert card.recipe["data"]["holdout"] is False
    assert card.recipe["refit"] is True
    for part in ("test", "valid"):
        with pytest.raises(SparserecError, match=f"trained on everything, the {part} part"):
            evaluate_path(tmp_path / "all.safetensors", ratings, part)
        assert evaluate_path(tmp_path / "first.safetensors", ratings, part).users > 0
        assert evaluate_path(tmp_path / "run", ratings, part).users > 0


@contextmanager
def stopping_the_second(monkeypatch):
    """Stop a training on everything after its first step, as Ctrl-C does."""
    from sparserec.training.trainer import Trainer

    real = Trainer._step

    def step_then_stop(self, *args):
        real(self, *args)
        self._stop = lambda: self._folder.name == "final"

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_step", step_then_stop)
        yield


def test_a_stopped_second_training_on_everything_goes_on_to_the_same_bytes(data, tmp_path, monkeypatch):
    whole = sparserec.train(data, tmp_path / "whole", **MF)
    with stopping_the_second(monkeypatch):
        part = sparserec.train(data, tmp_path / "part", **MF)
    assert part.ended == "interrupted"
    assert not part.is_refitted
    assert part.trained_on == "the training part, without the validation and test part"
    resumed = sparserec.train(data, tmp_path / "part", **MF, resume=True)
    for name, run in (("whole", whole), ("part", resumed)):
        run.export(tmp_path / f"{name}.safetensors")
    assert (tmp_path / "whole.safetensors").read_bytes() == (tmp_path / "part.safetensors").read_bytes()


@pytest.mark.parametrize("stops", [False, True])
def test_users_without_enough_to_validate_are_trained_twice_too(tmp_path, monkeypatch, stops):
    """Two interactions each: no validation part, so the last epoch is the one that counts."""
    users, items = Vocabulary.of(f"u{n}" for n in range(60)), Vocabulary.of(f"i{n}" for n in range(20))
    rows = np.repeat(np.arange(60), 2)
    facts = Interactions.of(rows, (rows * 7 + np.tile([0, 3], 60)) % 20, users, items)
    given = Dataset(facts, None, "made up", False)
    if stops:
        with stopping_the_second(monkeypatch):
            part = sparserec.train(given, tmp_path / "run", **MF)
        assert part.ended == "interrupted"
        assert not part.is_refitted  # half of a training is of no use
    run = sparserec.train(given, tmp_path / "run", **MF, resume=True)
    assert run.is_refitted
    assert run.log()[-1]["epoch"] == MF["epochs"] - 1
    assert run.evaluate("test").users > 0
    with pytest.raises(SparserecError, match="no user has enough of them"):
        run.evaluate("valid")


def test_a_run_folder_and_a_configuration_from_before_open_and_mean_what_they_meant(ratings, data, tmp_path):
    run = sparserec.train(ratings, tmp_path / "run", **MF, data={"holdout": True})
    before = run.evaluate("test").as_dict()
    path = run.folder / "config.toml"
    old = {name: value for name, value in load_config(file=path).model_dump(exclude_none=True).items()}
    del old["data"]["holdout"]
    write_text(path, tomli_w.dumps(old))
    opened = sparserec.Run.open(run.folder)
    assert opened.holds_out
    assert opened.evaluate("test").as_dict() == before
    again = sparserec.train(data, tmp_path / "again", config=path, threads=1)  # a new training: by the new rule
    assert not again.holds_out


@pytest.mark.parametrize("samples", [1, 4])
def test_samples_of_rows_stand_in_a_card_where_they_are_set(samples):
    assert "samples" not in RunConfig().as_recipe()["exploration"]
    assert load_config("mf", exploration={"samples": samples}).as_recipe()["exploration"]["samples"] == samples


def test_a_test_part_that_was_held_out_is_written_in_a_card_as_it_was_before_there_was_a_choice():
    config = RunConfig()
    dumped = config.model_dump(exclude_none=True)
    assert config.settled(True).as_recipe() == {**dumped, "refit": False}
    assert config.settled(False).as_recipe()["data"]["holdout"] is False
    assert config.settled(False).refit is True


@pytest.mark.parametrize(
    ("settings", "test_file", "held_out"),
    [
        ({}, False, False),
        ({}, True, True),
        ({"holdout": False}, True, False),
        ({"holdout": True}, False, True),
        ({"split": "none"}, False, False),
        ({"split": "random"}, False, True),
        ({"split": "random", "holdout": False}, False, False),
        ({"split": "leave-last"}, False, True),
        ({"split": "global-time"}, True, True),
        ({"split": "given"}, True, True),
    ],
)
def test_what_is_held_out(settings, test_file, held_out):
    assert DataConfig(**settings).holds_out(test_file) is held_out


def test_everything_is_all_three_parts_once(data):
    parts = split(data)
    whole = everything(parts, holdout=False)
    assert whole.train.fingerprint() == data.interactions.fingerprint()
    assert whole.valid.nnz == whole.test.nnz == 0


def test_a_teacher_of_a_run_that_held_out_more_is_lent_to_the_first_training_only(data, tmp_path, monkeypatch):
    lender = sparserec.train(data, tmp_path / "lender", **FISM, data={"holdout": True})
    lent = sparserec.train(data, tmp_path / "lent", teacher_from=lender.folder, **{**FISM, "budget": "50B/item"})
    first, final = (folder / "teacher.npy" for folder in (lender.folder, lender.folder / "final"))
    assert (lent.folder / "teacher.npy").read_bytes() == first.read_bytes()
    assert (lent.folder / "final" / "teacher.npy").read_bytes() != final.read_bytes()
    assert json.loads((lent.folder / "data.json").read_text())["train"] == split(data).train.nnz


def test_figures_say_what_they_were_measured_on(ratings, tmp_path):
    whole = sparserec.train(ratings, tmp_path / "whole", **MF)
    held = sparserec.train(ratings, tmp_path / "held", **MF, refit=True, data={"holdout": True})
    held.export(tmp_path / "held.safetensors")
    said = [
        whole.evaluate("test").measured_on,
        whole.evaluate("valid").measured_on,
        held.evaluate("test").measured_on,
        held.evaluate("valid").measured_on,
        evaluate_path(tmp_path / "held.safetensors", ratings).measured_on,
    ]
    assert said == [
        "test part, by the model before it was trained on everything",
        "valid part, by the model before it was trained on everything",
        "test part, by the model that is exported",
        "valid part, by the model before it was trained on the validation part too",
        "test part, by a file trained on the training and validation part, without the test part",
    ]


def test_a_run_is_not_gone_on_with_by_another_rule_of_what_is_held_out(data, tmp_path):
    sparserec.train(data, tmp_path / "held", **MF, refit=True, data={"holdout": True})
    with pytest.raises(SparserecError, match="holds its test part out; go on with holdout=True"):
        sparserec.train(data, tmp_path / "held", **MF, refit=True, resume=True)
    sparserec.train(data, tmp_path / "all", **MF)
    with pytest.raises(SparserecError, match="does not hold its test part out; go on with holdout=False"):
        sparserec.train(data, tmp_path / "all", **MF, refit=True, resume=True, data={"holdout": True})
