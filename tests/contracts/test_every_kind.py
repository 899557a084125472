"""Every name in every list is trained through the public call, on a small catalogue."""

from __future__ import annotations

import numpy as np
import pytest

import sparserec
from sparserec.axes import AXES, EXPLORERS, OBJECTIVES, RECOMMENDERS, STARTS, TABLES, TEACHERS
from sparserec.errors import SparserecError
from sparserec.evaluation import Popularity, evaluate
from sparserec.interactions import split

SMALL = {"dim": 16, "epochs": 3, "batch_size": 256, "n_negatives": 32, "threads": 1, "patience": 9, "lr": 0.03}
OF_HISTORIES = {"recipe": "fism", "budget": "25B/item", "epochs": 3, "dim": 32, "threads": 1, "refit": False}
TEACHER = {"epochs": 2, "dim": 16, "length": 40}


def settings_of(axis: str, name: str) -> dict:
    """Settings under which a run depends on this kind."""
    rows = {"model": "mf", "density": 0.25, **SMALL}
    if axis == "recommenders":
        kind = RECOMMENDERS[name]
        few = {"batch_size": 16, "epochs": 6} if kind.next_item else {}
        return OF_HISTORIES if kind.from_histories else {**rows, "model": name, **few}
    if axis == "objectives":
        return {**OF_HISTORIES, "loss": name} if OBJECTIVES[name].learns == "lists" else {**rows, "loss": name}
    if axis == "starts":
        return {**rows, "init": name, "epochs": 12 if STARTS[name].factors is None or STARTS[name].mask_alone else 3}
    if axis == "teachers":
        shares = {"ease": 0.5, "share": 0.0} if TEACHERS[name].joins else {"trained": name, "share": 0.5}
        return {**OF_HISTORIES, "teacher": {**TEACHER, **shares}}
    method = name if axis == "explorers" else first_method_over(name)
    return {**rows, "method": method, "epochs": 4}


def first_method_over(table: str) -> str:
    """A method that trains this kind of table, at first or throughout."""
    return next(name for name, kind in EXPLORERS.items() if table in (kind.pruned_from, kind.table))


KINDS = [(axis, name) for axis, registry in AXES.items() for name in registry]


@pytest.mark.parametrize(("axis", "name"), KINDS, ids=["-".join(kind) for kind in KINDS])
def test_it_trains_and_learns(axis, name, catalogue, tmp_path):
    at_random = {"split": "random"}  # the times of this catalogue say nothing of what was taken
    run = sparserec.train(catalogue, tmp_path / "run", data=at_random, **settings_of(axis, name))
    assert run.ended in ("finished", "stopped early")
    parts = split(catalogue, kind="random")
    popular = evaluate(Popularity(parts.train, parts.train.n_items), parts.train, parts.valid)["ndcg@20"]
    learned = run.valid_metrics()["ndcg@20"]
    chance = axis == "starts" and (STARTS[name].factors is None or STARTS[name].mask_alone)
    assert learned > (0.5 if chance else 1.02) * popular
    assert all(np.isfinite(entry["ndcg@20"]) for entry in run.log())


@pytest.mark.parametrize(("axis", "name"), KINDS, ids=["-".join(kind) for kind in KINDS])
def test_it_says_what_it_is(axis, name):
    summary = AXES[axis][name].summary
    assert summary
    assert not summary.endswith(".")


@pytest.mark.parametrize("registry", AXES.values(), ids=AXES)
def test_names_that_are_taken_or_unknown_are_refused(registry):
    first = next(iter(registry))
    with pytest.raises(SparserecError, match="can't be the name of another"):
        registry.register(first, registry[first])
    with pytest.raises(SparserecError, match=f"unknown {registry.axis} 'nobody'; there are: {first}"):
        registry["nobody"]
    with pytest.raises(SparserecError, match="was registered as"):
        registry.unregister(first)
    kind = registry.register("mine", registry[first])
    assert registry["mine"] is kind
    assert list(registry)[-1] == "mine"
    registry.unregister("mine")
    assert "mine" not in registry


def test_every_table_is_trained_by_some_method():
    assert {first_method_over(name) for name in TABLES} <= set(EXPLORERS)
