"""Runs whose data came from memory, and runs that remember how their file was read."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from scipy import sparse

import sparserec
from sparserec.errors import SparserecError
from sparserec.runs import evaluate_path
from sparserec.runs.data import KEPT


@pytest.fixture
def frame(catalogue):
    data = catalogue.interactions
    users, items = data.users.to_list(), data.items.to_list()
    rows = [(users[u], items[i]) for u, i in zip(data.rows().tolist(), data.indices.tolist(), strict=True)]
    table = pd.DataFrame(rows, columns=["user", "item"])
    return table.assign(rating=[1 + n % 5 for n in range(len(table))], timestamp=range(len(table)))


@pytest.mark.parametrize("kind", ["frame", "matrix", "dataset"])
def test_a_run_from_memory_is_opened_and_evaluated_again(tmp_path, quick, frame, catalogue, kind):
    data = {"frame": frame, "matrix": sparse.csr_matrix(catalogue.interactions.csr()), "dataset": catalogue}[kind]
    run = sparserec.train(data, tmp_path / "run", **quick)
    found = run.evaluate("test").as_dict()
    opened = sparserec.Run.open(tmp_path / "run")
    assert opened.evaluate("test").as_dict() == found
    assert evaluate_path(tmp_path / "run").as_dict() == found
    assert evaluate_path(tmp_path / "run", data).as_dict() == found
    run.export(tmp_path / "model.safetensors")
    assert evaluate_path(tmp_path / "model.safetensors", data).as_dict()["users"] == found["users"]
    with pytest.raises(SparserecError, match="give the interactions"):
        evaluate_path(tmp_path / "model.safetensors")


def test_a_run_from_memory_resumes(tmp_path, quick, frame):
    sparserec.train(frame, tmp_path / "run", **quick)
    again = sparserec.train(frame, tmp_path / "run", resume=True, **quick)
    assert again.evaluate("valid").as_dict()
    with pytest.raises(SparserecError, match="other data"):
        sparserec.train(frame.head(2000), tmp_path / "run", resume=True, **quick)


def test_what_the_folder_keeps_is_checked(tmp_path, quick, frame):
    from safetensors.numpy import load_file, save_file

    sparserec.train(frame, tmp_path / "run", **quick)
    path = tmp_path / "run" / KEPT
    good = load_file(path)
    about = {"sparserec": json.dumps({})}
    wrong = {
        "train.indices": good["train.indices"] + 1_000_000,
        "train.indptr": good["train.indptr"][:-1],
        "train.timestamps": good["train.timestamps"][:-1],
    }
    for name, array in wrong.items():
        save_file({**good, name: array}, path, about)
        with pytest.raises(SparserecError, match="not the interactions of this run"):
            sparserec.Run.open(tmp_path / "run").evaluate()
    path.write_bytes(b"cut")
    with pytest.raises(SparserecError, match=KEPT):
        sparserec.Run.open(tmp_path / "run").evaluate()


def test_a_file_is_read_again_as_it_was(tmp_path, quick, frame):
    path = tmp_path / "log.dat"
    frame.assign(kind=["buy", "view", "buy"] * (len(frame) // 3) + ["buy"] * (len(frame) % 3)).to_csv(
        path, sep=";", header=False, index=False
    )
    data = sparserec.load(
        path, header=False, user=1, item=2, rating=3, timestamp=4, where="\"5\" = 'buy'", min_rating=2
    )
    run = sparserec.train(data, tmp_path / "run", **quick)
    assert not (tmp_path / "run" / KEPT).exists()
    assert run.config.data.where == "\"5\" = 'buy'"
    found = run.evaluate("test").as_dict()
    assert sparserec.Run.open(tmp_path / "run").evaluate("test").as_dict() == found
    assert evaluate_path(tmp_path / "run", path).as_dict() == found
    run.export(tmp_path / "model.safetensors")
    assert evaluate_path(tmp_path / "model.safetensors", path).as_dict()["users"] == found["users"]
    with pytest.raises(SparserecError, match="other data"):
        evaluate_path(tmp_path / "run", path, reading={"min_rating": 3})


def test_a_model_of_sequences_says_why_it_has_no_times(tmp_path, frame):
    table = frame.assign(timestamp=["soon", *map(str, range(len(frame) - 1))])
    with pytest.raises(SparserecError, match=r"sasrec learns from the order in time: .*row 1: column 'timestamp'"):
        sparserec.train(table, tmp_path / "run", recipe="sasrec")
    assert not (tmp_path / "run").exists()


def test_pairs_in_train_and_test_are_told(tmp_path, quick, frame):
    folder = tmp_path / "data"
    folder.mkdir()
    frame.to_csv(folder / "train.csv", index=False)
    frame.head(300).to_csv(folder / "test.csv", index=False)
    sparserec.train(folder, tmp_path / "run", **quick)
    notes: list[str] = []
    evaluate_path(tmp_path / "run", folder, note=notes.append)
    assert any("300 of 300 pairs of the test part stand in the training part too" in note for note in notes)


# -- reading that training is told of -------------------------------------------------------------------------------


def test_training_takes_what_load_takes(tmp_path, quick, frame):
    frame = frame.rename(columns={"user": "who"})
    run = sparserec.train(frame, tmp_path / "run", user="who", min_rating=3, where="rating < 5", **quick)
    data = sparserec.load(frame, user="who", min_rating=3, where="rating < 5")
    assert run.split().train.nnz + run.split().valid.nnz + run.split().test.nnz == data.interactions.nnz
    assert (run.config.data.user, run.config.data.min_rating, run.config.data.where) == ("who", 3, "rating < 5")


def test_data_that_was_read_already_is_not_read_otherwise_in_silence(tmp_path, quick, frame):
    data = sparserec.load(frame, min_rating=3)
    with pytest.raises(SparserecError, match=r"read already, without min_rating=4\.0: give it to load"):
        sparserec.train(data, tmp_path / "run", min_rating=4, **quick)
    assert sparserec.train(data, tmp_path / "run", min_rating=3, **quick).config.data.min_rating == 3


def test_a_run_finds_its_data_from_another_folder_and_says_when_it_is_gone(tmp_path, quick, frame, monkeypatch):
    frame.to_csv(tmp_path / "ratings.csv", index=False)
    monkeypatch.chdir(tmp_path)
    found = sparserec.train("ratings.csv", "run", **quick).evaluate().as_dict()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    frame.head(2000).to_csv("ratings.csv", index=False)  # another of the same name
    assert sparserec.Run.open(tmp_path / "run").evaluate().as_dict() == found
    Path("ratings.csv").unlink()
    (tmp_path / "ratings.csv").rename(tmp_path / "moved.csv")
    with pytest.raises(SparserecError, match=r"was trained on .*ratings\.csv, which is no longer there"):
        sparserec.Run.open(tmp_path / "run").evaluate()
    assert evaluate_path(tmp_path / "run", tmp_path / "moved.csv").as_dict() == found
