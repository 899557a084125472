"""Methods that train dense tables first: what is kept, with which values, and that a kill at any time loses nothing."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load_file

import sparserec
from sparserec.axes import EXPLORERS, TABLES
from sparserec.course import Course
from sparserec.interactions import split
from sparserec.settings import load_config
from sparserec.starts import Context
from sparserec.starts import pruned as pruning
from sparserec.training.trainer import Trainer

START = {
    "users": np.array([[1, -2, 3], [4, 5, -6]], dtype=np.float32),
    "items": np.array([[-7, 8, 9], [0.1, 0.2, 0.3]], dtype=np.float32),
}
PRUNED = [name for name, kind in EXPLORERS.items() if kind.pruned_from]


def pruned(method, budget, tables, first=START):
    return pruning.prune(TABLES[EXPLORERS[method].pruned_from], tables, first, budget)


def trained(method):
    """Tables after a training that doubles everything; of the last table's first row the middle entry falls."""
    tables = {name: TABLES[EXPLORERS[method].pruned_from].of_matrix(matrix.copy()) for name, matrix in START.items()}
    for name, table in tables.items():
        table.values[:] *= 2
        if name == "items":
            table.values[-5 if table.nnz == 6 else -6] = 0.01
    return tables


def test_magnitude_keeps_the_largest_trained_entries_and_their_values():
    masks = pruned("magnitude", 6, trained("magnitude"))
    # |w| after training: 2 4 6 / 8 10 12, and 14 0.01 18 / 0.2 0.4 0.6; each row keeps its largest
    assert masks["users"].indptr.tolist() == [0, 1, 3]
    assert masks["users"].columns.tolist() == [2, 1, 2]
    assert masks["users"].values.tolist() == [6, 10, -12]
    assert masks["items"].indptr.tolist() == [0, 2, 3]
    assert masks["items"].columns.tolist() == [0, 2, 2]
    np.testing.assert_allclose(masks["items"].values, [-14, 18, 0.6])


def test_pep_keeps_what_lies_furthest_above_its_threshold_with_the_initial_values():
    tables = trained("pep")
    tables["users"].values.view(2, 4)[1, 0] = 20.0  # a threshold of 1 for the second user
    tables["users"].values.view(2, 4)[1, 1:] = 1.5
    masks = pruned("pep", 5, tables)
    # margins: users 2 4 6 / .5 .5 .5, items 14 0 18 / .2 .4 .6, all but for the thresholds of the others, near 0
    assert masks["users"].columns.tolist() == [2, 0]
    assert masks["users"].values.tolist() == [3, 4]
    assert masks["items"].columns.tolist() == [0, 2, 2]
    np.testing.assert_allclose(masks["items"].values, [-7, 9, 0.3])


@pytest.mark.parametrize("method", PRUNED)
def test_the_dense_training_is_done_once_and_not_taken_over_from_another_run(catalogue, quick, tmp_path, method):
    said: list[str] = []

    def start(**settings):
        config = load_config(
            "mf", **{name: value for name, value in {**quick, **settings}.items() if name != "threads"}
        )
        context = Context(config, split(catalogue), tmp_path, Course(lambda news: said.append(news.words)))
        return pruning.pruned_tables(context, {"layer": np.array([[1.0]], dtype=np.float32)})

    first, again = start(method=method), start(method=method)
    assert sum("dense" in words for words in said) == 1
    for name in START:
        np.testing.assert_array_equal(first[0][name].mask.values, again[0][name].mask.values)
    assert (first[1]["layer"] == 1).all()  # nothing trains it in matrix factorisation
    start(method=method, seed=5)
    assert sum("dense" in words for words in said) == 2
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
    assert len(run.log()) == 3
