"""Methods that train dense tables first: what is kept, with which values, and that a kill at any time loses nothing."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load_file

import sparserec
from sparserec.training.pruned import PRUNED, pruned_start
from sparserec.training.trainer import Trainer

START = {
    "users": np.array([[1, -2, 3], [4, 5, -6]], dtype=np.float32),
    "items": np.array([[-7, 8, 9], [0.1, 0.2, 0.3]], dtype=np.float32),
}
WEIGHTS = {"layer": np.array([[1.0]], dtype=np.float32)}


def trained(tables, phase):
    """What a training would do: everything doubled; of the last table's first row the middle entry falls."""
    for name, table in tables.items():
        table.values[:] *= 2
        if name == "items":
            table.values[-5 if table.nnz == 6 else -6] = 0.01


def test_magnitude_keeps_the_largest_trained_entries_and_their_values(tmp_path):
    masks, weights = pruned_start("magnitude", START, WEIGHTS, 6, tmp_path, "a", trained)
    # |w| after training: 2 4 6 / 8 10 12, and 14 0.01 18 / 0.2 0.4 0.6; each row keeps its largest
    assert masks["users"].indptr.tolist() == [0, 1, 3]
    assert masks["users"].columns.tolist() == [2, 1, 2]
    assert masks["users"].values.tolist() == [6, 10, -12]
    assert masks["items"].indptr.tolist() == [0, 2, 3]
    assert masks["items"].columns.tolist() == [0, 2, 2]
    np.testing.assert_allclose(masks["items"].values, [-14, 18, 0.6])
    assert weights["layer"].tolist() == [[2.0]]


def test_pep_keeps_what_lies_furthest_above_its_threshold_with_the_initial_values(tmp_path):
    def raised(tables, phase):
        trained(tables, phase)
        tables["users"].values.view(2, 4)[1, 0] = 20.0  # a threshold of 1 for the second user
        tables["users"].values.view(2, 4)[1, 1:] = 1.5

    masks, weights = pruned_start("pep", START, WEIGHTS, 5, tmp_path, "a", raised)
    # margins: users 2 4 6 / .5 .5 .5, items 14 0 18 / .2 .4 .6, all but for the thresholds of the others, near 0
    assert masks["users"].columns.tolist() == [2, 0]
    assert masks["users"].values.tolist() == [3, 4]
    assert masks["items"].columns.tolist() == [0, 2, 2]
    np.testing.assert_allclose(masks["items"].values, [-7, 9, 0.3])
    assert weights["layer"].tolist() == [[1.0]]


@pytest.mark.parametrize("method", PRUNED)
def test_the_dense_training_is_done_once_and_not_taken_over_from_another_run(tmp_path, method):
    calls = []

    def train(tables, phase):
        calls.append(sorted(phase.iterdir()))
        trained(tables, phase)

    first = pruned_start(method, START, WEIGHTS, 6, tmp_path, "a", train)
    again = pruned_start(method, START, WEIGHTS, 6, tmp_path, "a", train)
    assert calls == [[]]
    for name in START:
        np.testing.assert_array_equal(first[0][name].values, again[0][name].values)
    pruned_start(method, START, WEIGHTS, 6, tmp_path, "b", train)
    assert len(calls) == 2
    assert not (tmp_path / "dense").exists()


@pytest.mark.parametrize("method", PRUNED)
@pytest.mark.parametrize("stop_at", [3, 20, 40, 55])  # in the first and second epoch of either phase
def test_a_run_that_was_killed_in_either_phase_ends_like_another(
    catalogue, quick, tmp_path, monkeypatch, method, stop_at
):
    settings = {**quick, "epochs": 4, "method": method}
    whole = sparserec.train(catalogue, tmp_path / "whole", **settings)
    real, steps = Trainer._step, 0

    def step_or_die(self, *args):
        nonlocal steps
        steps += 1
        if steps == stop_at:
            raise KeyboardInterrupt
        real(self, *args)

    monkeypatch.setattr(Trainer, "_step", step_or_die)
    with pytest.raises(KeyboardInterrupt):
        sparserec.train(catalogue, tmp_path / "part", **settings)
    monkeypatch.setattr(Trainer, "_step", real)
    part = sparserec.train(catalogue, tmp_path / "part", resume=True, **settings)
    for name in ("checkpoint.safetensors", "best.safetensors"):
        one, two = load_file(whole.folder / name), load_file(part.folder / name)
        assert one.keys() == two.keys()
        for key, array in one.items():
            np.testing.assert_array_equal(array, two[key], err_msg=key)


def test_both_phases_together_take_the_epochs_asked_for(catalogue, quick, tmp_path):
    said = []
    run = sparserec.train(
        catalogue, tmp_path / "run", stage=said.append, **{**quick, "method": "magnitude", "epochs": 5}
    )
    assert "training dense tables for 2 of 5 epochs" in said
    assert len(run.history()) == 3
