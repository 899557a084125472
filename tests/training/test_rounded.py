"""Rounding in the loop. The small catalogue is no judge of what rounding costs, so that is made up here."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest
import torch

import sparserec
from sparserec.artefact import Rounding
from sparserec.device import Recommender
from sparserec.evaluation import evaluate
from sparserec.interactions import synthetic
from sparserec.runs import evaluate_on_device
from sparserec.training.checkpoint import load_state
from sparserec.training.rounded import FileView
from sparserec.training.trainer import Trainer

SETTINGS = {
    "recipe": "fism",
    "dim": 64,
    "budget": "30B/item",
    "batch_size": 64,
    "epochs": 4,
    "patience": 4,
    "threads": 1,
    "refit": False,
    "teacher": {"power": 0.25, "rank": 48, "neighbours": 0.0, "length": 40, "share": 0.0, "ease": 0.0},
}


@pytest.fixture(scope="module")
def small():
    return synthetic(n_users=300, n_items=200, interactions_per_user=14, n_clusters=8, seed=3)[0]


@pytest.fixture
def costs(monkeypatch):
    """Sets by what rounding seems to change the validation value, at first and later; lists how it was rounded."""
    real_ranking, real_shown = Trainer._ranking, FileView.shown
    seen: dict = {"changes": [0.9, 1.5], "now": None, "shown": []}

    @contextmanager
    def shown(self, how):
        seen["now"] = how
        seen["shown"].append(how)
        with real_shown(self, how):
            yield
        seen["now"] = None

    def ranking(self):
        values = real_ranking(self)
        change = 1.0 if seen["now"] is None else seen["changes"][len(seen["shown"]) > 1]
        return {**values, "ndcg@20": values["ndcg@20"] * change}

    monkeypatch.setattr(FileView, "shown", shown)
    monkeypatch.setattr(Trainer, "_ranking", ranking)
    return seen


def checkpoint(run):
    return load_state(run.folder / "checkpoint.safetensors")[1]


@pytest.mark.parametrize(("threshold", "rounds"), [(0.005, True), (1.0, False), (0.3, False)])
def test_values_are_rounded_in_the_last_quarter_where_that_costs_more_than_allowed(
    small, tmp_path, costs, threshold, rounds
):
    run = sparserec.train(small, tmp_path / "run", **SETTINGS, rounding=threshold)
    assert (checkpoint(run)["rounding"] is not None) == rounds
    steps = checkpoint(run)["step"] // 4
    # The decision, the steps of the last epoch, and its validation.
    assert len(costs["shown"]) == 1 + rounds * (steps + 1)
    assert run.is_rounded == (rounds and run.valid_metrics()["epoch"] == 3)


def test_what_is_worse_rounded_than_before_is_not_chosen(small, tmp_path, costs):
    costs["changes"] = [0.9, 0.1]
    run = sparserec.train(small, tmp_path / "run", **SETTINGS)
    assert checkpoint(run)["rounding"] is not None
    assert run.valid_metrics()["epoch"] < 3
    assert not run.is_rounded


def test_the_loss_sees_rounded_values_and_exact_ones_are_kept(small, tmp_path, costs):
    run = sparserec.train(small, tmp_path / "run", **SETTINGS)
    model, _ = run.best()
    values = model.tables["items"].values.numpy()
    assert len(np.unique(np.abs(values))) > 0.9 * len(values)
    view = FileView(model, 30 * 200)
    how = view.now()
    with view.shown(how):
        rounded = model.tables["items"].values.numpy()
        assert len(np.unique(np.abs(rounded))) < 0.2 * len(rounded)
        split = run.split()
        known = evaluate(model.scorer(split.train), split.train, split.valid, ks=(20,)).as_dict()
    assert np.array_equal(model.tables["items"].values.numpy(), values)
    assert run.valid_metrics()["ndcg@20"] == pytest.approx(1.5 * known["ndcg@20"], rel=1e-6)
    run.export(tmp_path / "model.safetensors", refitted=False)
    on_device = evaluate_on_device(Recommender.open(tmp_path / "model.safetensors"), split, "valid")
    assert on_device["ndcg@20"] == pytest.approx(known["ndcg@20"], rel=0.03)


def test_gradients_pass_straight_through():
    """The gradient of the exact values is that of the rounded ones."""
    from sparserec.recommenders import FISM
    from sparserec.tables import DenseTable, SparseTable

    class History:
        indptr, indices = np.array([0, 2]), np.array([0, 1], dtype=np.int32)

    def gradients(values):
        items = SparseTable(np.array([0, 2, 3, 5]), np.array([0, 1, 1, 0, 2]), values.copy(), 3)
        return FISM(items, DenseTable(np.zeros((3, 1), dtype=np.float32)), History()), items

    exact = np.array([0.9, -0.2, 0.7, 0.05, -1.1], dtype=np.float32)
    how = Rounding(0.5, 0.1)
    model, table = gradients(exact)
    with FileView(model, 10_000).shown(how):
        model.catalogue_scores(torch.tensor([0])).square().sum().backward()
    seen = table.take_gradients()
    other, rounded = gradients(how.of(exact, np.array([0, 2, 3, 5])))
    other.catalogue_scores(torch.tensor([0])).square().sum().backward()
    wanted = rounded.take_gradients()
    assert seen is not None
    assert wanted is not None
    torch.testing.assert_close(seen.values, wanted.values)
    assert seen.values.abs().max() > 0
    np.testing.assert_array_equal(table.values.numpy(), exact)


@pytest.mark.parametrize("second", [False, True])
def test_a_run_that_was_stopped_while_rounding_ends_like_one_that_was_not(small, tmp_path, monkeypatch, costs, second):
    settings = {**SETTINGS, "refit": True, "batch_size": 32}
    whole = sparserec.train(small, tmp_path / "whole", **settings)
    assert whole.is_rounded
    first = checkpoint(whole)["step"]
    final = load_state(whole.folder / "final" / "checkpoint.safetensors")[1]
    assert final["rounding"] is not None
    stop_at = first + final["step"] - 2 if second else first - 2
    real, steps = Trainer._step, 0

    costs["shown"].clear()

    def step_then_stop(self, *args):
        nonlocal steps
        real(self, *args)
        if self._folder.name == "trial":  # not the training yet
            return
        steps += 1
        self._stop = lambda: steps >= stop_at

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_step", step_then_stop)
        part = sparserec.train(small, tmp_path / "part", **settings)
    assert part.ended == "interrupted"
    resumed = sparserec.train(small, tmp_path / "part", **settings, resume=True)
    assert resumed.is_rounded
    whole.export(tmp_path / "whole.safetensors")
    resumed.export(tmp_path / "part.safetensors")
    assert (tmp_path / "whole.safetensors").read_bytes() == (tmp_path / "part.safetensors").read_bytes()
