from __future__ import annotations

import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file

import sparserec
from sparserec.device import Recommender
from sparserec.errors import SparserecError
from sparserec.interactions import Split, synthetic
from sparserec.runs import evaluate_path, refit
from sparserec.runs.refit import everything, first_epoch
from sparserec.settings import load_config
from sparserec.training.checkpoint import load_state, save_state
from sparserec.training.trainer import Trainer

SETTINGS = {
    "recipe": "fism",
    "dim": 48,
    "budget": "30B/item",
    "epochs": 3,
    "batch_size": 64,
    "threads": 1,
    "teacher": {"length": 40, "epochs": 2},
    "data": {"holdout": True},
}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A file of interactions."""
    data = synthetic(n_users=200, n_items=150, interactions_per_user=14, n_clusters=6, seed=4)[0].interactions
    path = tmp_path_factory.mktemp("data") / "ratings.csv"
    pairs = zip(data.rows().tolist(), data.indices.tolist(), strict=True)
    path.write_text("user,item\n" + "".join(f"{data.users[user]},{data.items[item]}\n" for user, item in pairs))
    return path


@pytest.fixture(scope="module")
def trained(small, tmp_path_factory):
    return sparserec.train(small, tmp_path_factory.mktemp("refit") / "run", **SETTINGS)


def test_the_second_training_knows_the_validation_part_and_keeps_what_was_chosen(trained):
    assert trained.is_refitted
    parts = trained.split()
    whole = everything(parts)
    assert whole.valid.nnz == 0
    assert whole.train.nnz == parts.train.nnz + parts.valid.nnz
    assert whole.test is parts.test
    first, second = (load_file(folder / "best.safetensors") for folder in (trained.folder, trained.folder / "final"))
    assert len(first["items.values"]) == len(second["items.values"])
    assert not np.array_equal(first["items.values"], second["items.values"])
    epochs = int(trained.valid_metrics()["epoch"]) + 1
    history = load_state(trained.folder / "final" / "checkpoint.safetensors")[1]["history"]
    begun = first_epoch(trained.config, parts, whole, epochs)
    assert [entry["epoch"] for entry in history] == list(range(begun, epochs))
    assert all("ndcg@20" not in entry for entry in history)


@pytest.mark.parametrize(
    ("new", "epochs", "until", "begun"),
    [
        (0.05, 8, 8, 3),
        (0.1, 8, 8, 3),
        (0.11, 8, 8, 0),
        (0.05, 8, 3, 0),
        (0.05, 8, 6, 1),
        (0.05, 8, 0, 0),
        (0.05, 1, 1, 0),
    ],
)
def test_the_second_training_goes_on_where_it_sees_little_that_is_new(new, epochs, until, begun):
    data = synthetic(n_users=40, n_items=30, interactions_per_user=10, n_clusters=3, seed=1)[0].interactions
    held = np.zeros(data.nnz, dtype=bool)
    held[: int(new * data.nnz)] = True
    nothing = data.where(np.zeros(data.nnz, dtype=bool))
    parts = Split(train=data.where(~held), valid=data.where(held), test=nothing, kind="random", seed=0)
    config = load_config("fism", epochs=epochs)
    assert first_epoch(config, parts, everything(parts), until) == begun
    low = load_config("fism", epochs=epochs, teacher={"spectrum": "low"})
    rows = load_config("mf", epochs=epochs)
    untaught = load_config("fism", epochs=epochs, loss="bpr")
    assert [first_epoch(other, parts, everything(parts), until) for other in (low, rows, untaught)] == [0, 0, 0]


def test_a_second_training_that_goes_on_begins_at_the_last_tables_and_keeps_their_budget(small, tmp_path, monkeypatch):
    monkeypatch.setattr(refit, "LITTLE", 1.0)
    run = sparserec.train(small, tmp_path / "run", **SETTINGS)
    last = load_file(run.folder / "best.safetensors")
    begun = load_file(run.folder / "final" / "start.safetensors")
    assert int(run.valid_metrics()["epoch"]) >= 1
    np.testing.assert_array_equal(begun["columns"], last["items.columns"])
    np.testing.assert_array_equal(begun["values"], last["items.values"])
    np.testing.assert_allclose(begun["weights"], np.exp(last["weights.values"].ravel()), rtol=1e-6)
    final = load_file(run.folder / "final" / "best.safetensors")
    assert len(final["items.values"]) == len(last["items.values"])
    assert not np.array_equal(final["items.values"], last["items.values"])


def test_a_second_training_that_sees_much_that_is_new_begins_anew(small, tmp_path, monkeypatch):
    monkeypatch.setattr(refit, "LITTLE", 0.0)
    run = sparserec.train(small, tmp_path / "run", **SETTINGS)
    history = load_state(run.folder / "final" / "checkpoint.safetensors")[1]["history"]
    assert history[0]["epoch"] == 0
    last, begun = load_file(run.folder / "best.safetensors"), load_file(run.folder / "final" / "start.safetensors")
    assert not np.array_equal(begun["values"], last["items.values"])


def test_test_and_file_are_of_the_second_training_and_valid_is_of_the_first(trained, tmp_path):
    trained.export(tmp_path / "final.safetensors")
    trained.export(tmp_path / "first.safetensors", refitted=False)
    final, first = (Recommender.open(tmp_path / f"{name}.safetensors") for name in ("final", "first"))
    assert final.card.recipe["refit"] is True
    assert first.card.recipe["refit"] is False
    assert final.card.metrics == first.card.metrics
    parts = trained.split()
    valid = trained.evaluate("valid")["ndcg@20"]
    assert valid == pytest.approx(trained.valid_metrics()["ndcg@20"], rel=1e-6)
    history = parts.train.indices[parts.train.indptr[0] : parts.train.indptr[1]]
    names = [parts.train.items[int(item)] for item in history]
    assert final.recommend(names, k=5) != first.recommend(names, k=5)


def test_a_file_that_knows_the_validation_part_is_not_evaluated_on_it(trained, small, tmp_path):
    trained.export(tmp_path / "final.safetensors")
    trained.export(tmp_path / "first.safetensors", refitted=False)
    with pytest.raises(SparserecError, match="trained on the validation part too"):
        evaluate_path(tmp_path / "final.safetensors", small, "valid")
    values = evaluate_path(tmp_path / "first.safetensors", small, "valid")
    assert values["ndcg@20"] == pytest.approx(trained.valid_metrics()["ndcg@20"], rel=0.05)
    assert evaluate_path(tmp_path / "final.safetensors", small, "test").users > 0


@pytest.mark.parametrize("second", [False, True])
def test_a_run_that_was_stopped_in_either_training_ends_like_one_that_was_not(
    small, trained, tmp_path, monkeypatch, second
):
    real, steps = Trainer._step, 0
    stop_at = 2 + (load_state(trained.folder / "checkpoint.safetensors")[1]["step"] if second else 0)

    def step_then_stop(self, *args):
        nonlocal steps
        real(self, *args)
        if self._folder.name == "trial":  # not the training yet
            return
        steps += 1
        self._stop = lambda: steps >= stop_at

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_step", step_then_stop)
        part = sparserec.train(small, tmp_path / "part", **SETTINGS)
    assert part.ended == "interrupted"
    assert not part.is_refitted
    assert (part.folder / "final").exists() == second
    part.export(tmp_path / "early.safetensors")  # usable as it is
    assert Recommender.open(tmp_path / "early.safetensors").card.recipe["refit"] is False
    resumed = sparserec.train(small, tmp_path / "part", **SETTINGS, resume=True)
    assert resumed.is_refitted
    trained.export(tmp_path / "whole.safetensors")
    resumed.export(tmp_path / "resumed.safetensors")
    assert (tmp_path / "whole.safetensors").read_bytes() == (tmp_path / "resumed.safetensors").read_bytes()


def test_a_start_that_is_not_trained_is_made_anew_from_everything(small, tmp_path):
    run = sparserec.train(small, tmp_path / "run", recipe="spectral", budget="30B/item", dim=48, threads=1)
    assert run.is_refitted
    assert run.evaluate("test")["ndcg@20"] > 0


def test_matrix_factorisation_can_be_refitted_too(small, tmp_path):
    run = sparserec.train(
        small, tmp_path / "run", model="mf", dim=16, density=0.25, epochs=2, n_negatives=32, threads=1, refit=True
    )
    assert run.is_refitted
    run.export(tmp_path / "model.safetensors")


# -- a teacher of another run ---------------------------------------------------------------------------------------


def test_a_borrowed_teacher_changes_nothing_but_the_time(small, trained, tmp_path, monkeypatch):
    settings = {**SETTINGS, "budget": "40B/item"}
    own = sparserec.train(small, tmp_path / "own", **settings)
    monkeypatch.setattr("sparserec.starts.lists.teacher_stage", None)  # would fail if it were called
    lent = sparserec.train(small, tmp_path / "lent", teacher_from=trained.folder, **settings)
    for name in ("teacher.npy", "final/teacher.npy"):
        assert (own.folder / name).read_bytes() == (lent.folder / name).read_bytes(), name
    own.export(tmp_path / "own.safetensors")
    lent.export(tmp_path / "lent.safetensors")
    assert (tmp_path / "own.safetensors").read_bytes() == (tmp_path / "lent.safetensors").read_bytes()


@pytest.mark.parametrize("change", [{"dim": 40}, {"seed": 1}, {"teacher": {"length": 40, "epochs": 1}}])
def test_a_teacher_with_other_settings_is_not_borrowed(small, trained, tmp_path, change):
    with pytest.raises(SparserecError, match="another teacher"):
        sparserec.train(small, tmp_path / "run", teacher_from=trained.folder, **{**SETTINGS, **change})
    assert not (tmp_path / "run").exists()


def test_only_who_needs_a_teacher_borrows_one(small, trained, tmp_path):
    with pytest.raises(SparserecError, match="no teacher to take"):
        sparserec.train(small, tmp_path / "run", teacher_from=trained.folder, **{**SETTINGS, "epochs": 0})


def test_a_lender_that_tells_nothing_of_its_teacher_is_refused(small, trained, tmp_path):
    lender = tmp_path / "lender"
    shutil.copytree(trained.folder, lender)
    tensors, facts = load_state(lender / "start.safetensors")
    save_state(lender / "start.safetensors", tensors, {**facts, "teacher": None})
    with pytest.raises(SparserecError, match="nothing of a teacher"):
        sparserec.train(small, tmp_path / "run", teacher_from=lender, **SETTINGS)
    assert not (tmp_path / "run").exists()
