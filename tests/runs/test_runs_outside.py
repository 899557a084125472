"""Items that a test file alone has decide nothing: not what is trained, not what is exported; and they are missed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sparserec import Run, load, split, train
from sparserec.device import Recommender
from sparserec.errors import SparserecError
from sparserec.evaluation import evaluate
from sparserec.interactions import write_split
from sparserec.runs import evaluate_path
from sparserec.runs.data import keep, kept
from sparserec.runs.ids import save_ids

FORMS = ("csv", "txt", "inter")


def folder_of(path, form, new=(), rating=False):
    """A folder of two files, the test file with pairs of users and new items besides those known."""
    rng = np.random.default_rng(1)
    rows = [(user, int(item)) for user in range(30) for item in rng.permutation(20)[:10]]
    parts = {"train": [row for place, row in enumerate(rows) if place % 5], "test": [*rows[::5], *new]}
    path.mkdir()
    for name, part in parts.items():
        if form == "txt":
            text = "".join(f"{user} {item}\n" for user, item in part)
        else:
            head = "user_id:token\titem_id:token" if form == "inter" else "user,item"
            mark = "\t" if form == "inter" else ","
            text = f"{head}\n" + "".join(f"{user}{mark}{item}\n" for user, item in part)
        (path / f"{name}.{form}").write_text(text)
    return path


NEW = [(0, 500), (0, 7000), (3, 500), (4, 10**15), (29, 501)]
"""Items before, among and behind the others in natural order would be rows of their own."""
RECIPES = {
    "mf": {"model": "mf", "dim": 8, "density": 0.5, "epochs": 2, "batch_size": 64, "n_negatives": 8},
    "lightgcn": {"model": "lightgcn", "dim": 8, "density": 0.5, "epochs": 1, "batch_size": 64, "n_negatives": 8},
    "fism by the item": {"recipe": "spectral", "budget": "150B/item", "dim": 8},
    "fism by the file": {"recipe": "spectral", "budget": "4kB", "dim": 8},
}


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_file_is_the_same_to_the_byte(tmp_path, recipe):
    files = []
    for name, new in (("without", ()), ("with", NEW)):
        run = train(folder_of(tmp_path / name, "txt", new), tmp_path / f"run-{name}", threads=1, **RECIPES[recipe])
        assert run.facts.n_items == 20
        run.export(tmp_path / f"{name}.safetensors")
        files.append((tmp_path / f"{name}.safetensors").read_bytes())
    assert files[0] == files[1]
    model = Recommender.open(tmp_path / "with.safetensors")
    assert model.n_items == 20
    with pytest.raises(SparserecError, match="unknown item in the history '500'"):
        model.recommend(["500"])


@pytest.mark.parametrize("form", FORMS)
def test_what_is_trained_on_and_what_stands_behind(tmp_path, form):
    bare, more = (load(folder_of(tmp_path / name, form, new)) for name, new in (("bare", ()), ("more", NEW)))
    assert more.interactions.fingerprint() == bare.interactions.fingerprint()
    assert split(more).fingerprint() == split(bare).fingerprint()
    assert bare.test.items is bare.interactions.items
    assert more.test.users is more.interactions.users
    known = more.interactions.items.to_list()
    assert more.test.items.to_list() == [*known, "500", "501", "7000", str(10**15)]
    named = [
        {(data.test.users[u], data.test.items[i]) for u, i in zip(data.test.rows(), data.test.indices, strict=True)}
        for data in (bare, more)
    ]
    assert named[1] == named[0] | {(str(user), str(item)) for user, item in NEW}
    assert f"4 items of the test part, with 5 of its {bare.test.nnz + 5} pairs, are in no training" in more.notes[-1]
    assert not any("in no training" in note for note in bare.notes)
    assert split(more).joined().fingerprint() == split(bare).joined().fingerprint()


def test_items_that_a_filter_leaves_nothing_of_are_unknown_too(tmp_path):
    (tmp_path / "train.csv").write_text("user,item,rating\na,1,5\na,2,1\nb,1,4\nb,3,4\n")
    (tmp_path / "test.csv").write_text("user,item,rating\na,2,5\na,3,5\nb,9,1\n")
    data = load(tmp_path, min_rating=3)
    assert data.interactions.items.to_list() == ["1", "3"]
    assert data.test.items.to_list() == ["1", "3", "2"]  # 9 is rated too low, there as well
    assert data.test.nnz == 2


def test_pairs_in_both_parts_are_counted_by_their_ids(tmp_path):
    (tmp_path / "train.csv").write_text("user,item\na,5\nb,5\nb,6\n")
    (tmp_path / "test.csv").write_text("user,item\na,1\na,5\nb,2\nb,6\n")
    assert "2 of 4 pairs of the test part stand in the training part too" in load(tmp_path).notes[-1]


class Fixed:
    """The same scores for everybody."""

    def __init__(self, scores):
        self._scores, self.n_items = np.array(scores, dtype=np.float32), len(scores)

    def score(self, users):
        return np.tile(self._scores, (len(users), 1))


def test_they_are_relevant_and_missed(tmp_path):
    (tmp_path / "train.csv").write_text("user,item\na,1\nb,1\nb,2\nc,3\nc,4\n")
    (tmp_path / "test.csv").write_text("user,item\na,2\na,x\na,y\nb,3\nc,z\n")
    data = load(tmp_path)
    found = evaluate(Fixed([4, 3, 2, 1]), data.interactions, data.test, ks=(2,), per_user=True)
    assert (found.users, found.skipped) == (3, 0)
    assert found.per_user["recall@2"].tolist() == [1 / 3, 1, 0]  # a: item 2 of three; c: only z, which nothing can hit
    discount = 1 / np.log2([2, 3])
    assert found.per_user["ndcg@2"] == pytest.approx([discount[0] / discount.sum(), 1, 0])
    some = evaluate(Fixed([4, 3, 2, 1]), data.interactions, data.test, ks=(2,), users=np.array([2]))
    assert (some.users, some["recall@2"]) == (1, 0)


def test_a_run_tells_and_counts_them(tmp_path):
    notes, told = [], []
    folder = folder_of(tmp_path / "data", "csv", NEW)
    run = train(folder, tmp_path / "run", threads=1, stage=notes.append, **RECIPES["mf"])
    assert sum("in no training interaction" in note for note in notes) == 1
    run.export(tmp_path / "model.safetensors")
    figures = [evaluate_path(tmp_path / name, folder, note=told.append) for name in ("run", "model.safetensors")]
    assert sum("in no training interaction" in note for note in told) == 2
    bare = folder_of(tmp_path / "bare", "csv")
    for found, name in zip(figures, ("run", "model.safetensors"), strict=True):
        assert found["recall@20"] < evaluate_path(tmp_path / name, bare)["recall@20"]


def test_only_such_items_in_a_test_file_are_all_missed(tmp_path):
    folder = folder_of(tmp_path / "data", "csv")
    (folder / "test.csv").write_text("user,item\n1,x\n2,y\n")
    run = train(folder, tmp_path / "run", threads=1, **RECIPES["mf"])
    found = run.evaluate("test")
    assert (found.users, found["recall@20"]) == (2, 0)


@pytest.mark.parametrize("form", ["lightgcn", "tsv"])
def test_a_split_is_written_with_them(tmp_path, form):
    data = load(folder_of(tmp_path / "data", "csv", NEW))
    write_split(split(data), tmp_path / "out", format=form)
    again = load(tmp_path / "out")
    assert again.test.fingerprint() == data.test.fingerprint()
    assert again.test.items.to_list() == data.test.items.to_list()


def test_a_run_made_from_memory_keeps_them(tmp_path):
    data = dataclasses.replace(load(folder_of(tmp_path / "data", "csv", NEW)), from_path=False)
    keep(tmp_path, data)
    save_ids(tmp_path / "ids.safetensors", data.interactions.users, data.interactions.items)
    again = kept(tmp_path, "memory")
    assert again.test.fingerprint() == data.test.fingerprint()
    run = train(data, tmp_path / "run", threads=1, **RECIPES["mf"])
    assert Run.open(run.folder).evaluate("test") == run.evaluate("test")
