"""Catalogues so small or odd that little is left to learn: each is trained on, or refused in one sentence."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sparserec
from sparserec.device import Recommender
from sparserec.errors import SparserecError
from sparserec.interactions import Dataset, synthetic
from sparserec.interactions.types import Interactions
from sparserec.vocabulary import Vocabulary


def catalogue_of(pairs):
    """A data set of these pairs of user and item, with times."""
    pairs = sorted(set(pairs))
    users, items = (np.array(side) for side in zip(*pairs, strict=True))
    names = [Vocabulary.of(f"{kind}{n}" for n in range(side.max() + 1)) for kind, side in (("u", users), ("i", items))]
    return Dataset(Interactions.of(users, items, *names, np.arange(len(pairs))), None, "tiny", True)


def made_up(n_users, n_items, per_user):
    facts = synthetic(n_users=n_users, n_items=n_items, interactions_per_user=per_user, n_clusters=3, seed=1)[0]
    return list(zip(facts.interactions.rows().tolist(), facts.interactions.indices.tolist(), strict=True))


TINY = {
    "2 by 2, all but one": [(0, 0), (0, 1), (1, 1)],
    "2 by 2, one each": [(0, 0), (1, 1)],
    "3 by 2": [(0, 0), (1, 0), (1, 1), (2, 1)],
    "2 by 3": [(0, 0), (0, 1), (1, 1), (1, 2)],
    "alike but for one": [(u, i) for u in range(20) for i in range(6)] + [(20, i) for i in range(9)],
    "a star": [(0, i) for i in range(15)] + [(u, 0) for u in range(15)],
    "two blocks": [(u, i) for u in range(16) for i in range(12) if (u < 8) == (i < 6)],
    "an item that everybody has": [(u, i) for u in range(30) for i in (0, 1 + u % 9, 1 + u * 3 % 9)],
    "an interaction each": [(u, u % 7) for u in range(40)],
    "a chain": [(u, i) for u in range(10) for i in (u, u + 1)],
    "20 items": made_up(40, 20, 6),
    "150 items": made_up(60, 150, 9),
}
HOPELESS = {
    "nobody else": ([(0, i) for i in range(12)], "1 user and 12 items"),
    "nothing else": ([(u, 0) for u in range(12)], "12 users and 1 item:"),
    "one of each": ([(0, 0)], "1 user and 1 item:"),
}
FULL = [(u, i) for u in range(20) for i in range(6)]
WORKING = {
    "by default": {},
    "much too large a budget": {"budget": "50kB"},
    "most of the places": {"density": 0.6},
    "all places": {"density": 1.0},
    "one column": {"dim": 1, "density": 1.0},
    "one column of mf": {"model": "mf", "dim": 1, "density": 1.0},
    "recipe mf": {"recipe": "mf"},
    "mf with too large a budget": {"recipe": "mf", "budget": "50kB"},
    "recipe mf-small": {"recipe": "mf-small"},
    "recipe lightgcn": {"recipe": "lightgcn"},
    "recipe neumf": {"recipe": "neumf"},
    "recipe spectral": {"recipe": "spectral"},
    "nmf": {"recipe": "mf", "init": "nmf"},
    "by chance": {"init": "random"},
    "dense": {"recipe": "mf", "method": "dense"},
    "magnitude": {"recipe": "mf", "method": "magnitude"},
    "pep": {"recipe": "mf", "method": "pep"},
    "bpr": {"recipe": "mf", "loss": "bpr", "n_negatives": 2},
    "without a teacher": {"loss": "softmax"},
    "a teacher of another kind": {"teacher": {"trained": "lightgcn", "epochs": 1}},
}


def train(pairs, folder, **given):
    given = {"threads": 1, "epochs": 1, "small_epochs": 1, "teacher": {"epochs": 1}, **given}
    if given.get("recipe") == "spectral":
        del given["epochs"], given["small_epochs"]
    return sparserec.train(catalogue_of(pairs), folder, **given)


EVERY = ("2 by 2, all but one", "an item that everybody has", "20 items")
"""Catalogues on which all settings are tried; on the others some are."""
QUICK = ("by default", "one column")
"""Settings that are tried on every catalogue each time, and all settings on the first; the rest is slow together."""
SOME = ("by default", "much too large a budget", "one column", "recipe mf", "recipe lightgcn")


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        pytest.param(name, asked, marks=[] if name == EVERY[0] or asked in QUICK else pytest.mark.slow)
        for name in TINY
        for asked in (WORKING if name in EVERY else SOME)
    ],
)
def test_every_recipe_works_on_every_small_catalogue(tmp_path, name, asked):
    run = train(TINY[name], tmp_path / "run", **WORKING[asked])
    assert run.ended in ("finished", "stopped early")
    assert run.trained_on == "everything"
    for path in tmp_path.rglob("*"):
        assert not path.name.endswith(".part")
    if "neumf" in asked:
        return
    run.export(tmp_path / "model.safetensors")
    model = Recommender.open(tmp_path / "model.safetensors")
    found = model.recommend(history=["i0"], k=3)
    assert 0 < len(found) <= 3
    assert np.isfinite([score for _, score in found]).all()


def refused(pairs, folder, **given):
    """Train; the words of the refusal, or None where it works."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            run = train(pairs, folder, **given)
            if run.config.model != "sasrec":
                run.export(folder / "model.safetensors")
        except SparserecError as error:
            return str(error)
    return None


@pytest.mark.parametrize("name", TINY)
def test_what_comes_next_is_learned_or_it_says_what_can_be(tmp_path, name):
    words = refused(TINY[name], tmp_path / "run", recipe="sasrec")
    assert words is None or "no user has two interactions in the training part" in words
    assert (tmp_path / "run").exists() == (words is None)


@pytest.mark.parametrize("budget", ["1kB", "1B/item", "0B"])
@pytest.mark.parametrize("model", ["fism", "mf"])
@pytest.mark.parametrize("name", ["2 by 2, all but one", "20 items", "150 items"])
def test_too_small_a_budget_says_the_smallest_and_that_one_works(tmp_path, name, model, budget):
    with pytest.raises(SparserecError, match=r"too small for .* items: the smallest that works is") as refused:
        train(TINY[name], tmp_path / "run", model=model, budget=budget)
    assert not (tmp_path / "run").exists()
    smallest = str(refused.value).split("works is ")[1]
    assert ("item" in smallest) == ("item" in budget)
    report = train(TINY[name], tmp_path / "run", model=model, budget=smallest).export(tmp_path / "model")
    number, n_items = float(smallest.split("B")[0]), Recommender.open(tmp_path / "model").n_items
    if "item" in smallest:
        assert report.total - report.ids <= number * n_items
    else:
        assert report.total <= number


@pytest.mark.parametrize(("pairs", "words"), HOPELESS.values(), ids=HOPELESS)
@pytest.mark.parametrize("recipe", ["fism", "mf", "sasrec"])
def test_fewer_than_two_users_or_items_are_refused_at_once(tmp_path, pairs, words, recipe):
    with pytest.raises(SparserecError, match=words):
        train(pairs, tmp_path / "run", recipe=recipe)
    assert not (tmp_path / "run").exists()


def test_where_everybody_has_everything_a_teacher_is_refused_at_once_and_mf_works(tmp_path):
    with pytest.raises(SparserecError, match=r"every user of tiny has taken every item.*model='mf'"):
        train(FULL, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert train(FULL, tmp_path / "run", model="mf").ended == "finished"


def told(pairs, folder, **given):
    """The run, and all that was said before it began."""
    said: list[str] = []
    run = train(pairs, folder, stage=said.append, **given)
    return run, said


def test_a_ceiling_that_is_not_reached_is_told(tmp_path):
    run, said = told(TINY["20 items"], tmp_path / "mf", recipe="mf")
    assert any(words.startswith("20 of 64 columns are used") for words in said)
    assert (run.config.dim, run.config.density) == (20, 0.32)  # 6.4 parameters a row, as asked for
    run, said = told(TINY["20 items"], tmp_path / "large", budget="50kB")
    assert any("50kB is more than 20 items can use" in words for words in said)
    assert run.export(tmp_path / "large.safetensors").total < 5000
    run, said = told(TINY["150 items"], tmp_path / "default")
    assert any("instead of 16B/item: the catalogue is small" in words for words in said)
    assert run.config.budget == "26.7B/item"  # 4 kB


def test_a_catalogue_that_fills_what_was_asked_for_is_told_nothing_of_it(catalogue, quick, tmp_path):
    said: list[str] = []
    run = sparserec.train(catalogue, tmp_path / "run", stage=said.append, **quick)
    assert (run.config.dim, run.config.density) == (quick["dim"], quick["density"])
    assert not any("columns are used" in words or "instead of" in words for words in said)


def test_a_small_run_is_resumed_by_the_command_that_began_it(tmp_path):
    for settings_of in ({}, {"recipe": "mf"}, {"budget": "50kB"}):
        folder = tmp_path / "-".join(settings_of or ["default"])
        train(TINY["20 items"], folder, **settings_of)
        assert train(TINY["20 items"], folder, resume=True, **settings_of).ended


@settings(max_examples=12)
@given(
    st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=20),
    st.sampled_from(["by default", "one column", "recipe mf", "all places", "recipe spectral"]),
)
def test_any_few_pairs_work_or_are_refused_in_one_sentence(tmp_path_factory, pairs, asked):
    words = refused(pairs, tmp_path_factory.mktemp("any") / "run", **WORKING[asked])
    assert words is None or "\n" not in words


def test_a_test_part_that_is_held_out_says_nothing_of_whether_a_teacher_has_something_to_rank(tmp_path):
    given = catalogue_of(FULL)
    with pytest.raises(SparserecError, match="has taken every item"):
        sparserec.train(given, tmp_path / "run", threads=1)
    held = {"data": {"holdout": True}, "epochs": 1, "small_epochs": 1, "teacher": {"epochs": 1}}
    assert sparserec.train(given, tmp_path / "run", threads=1, **held).ended
