"""Where order counts, the default recipe finds it and makes a table of what follows what; else nothing changes."""

from __future__ import annotations

import numpy as np
import pytest

import sparserec
from sparserec.device import Recommender
from sparserec.interactions import Dataset, Interactions, split
from sparserec.recommenders.histories import Ordered
from sparserec.runs.evaluation import evaluate_on_device
from sparserec.settings import load_config
from sparserec.starts import thresholds
from sparserec.starts.base import Context
from sparserec.starts.judging import judged_users
from sparserec.starts.order import _Search, kept_weights, ordered_table
from sparserec.vocabulary import Vocabulary

pytestmark = pytest.mark.usefixtures("one_thread")

N_USERS, N_ITEMS, LENGTH = 240, 60, 12
SETTINGS = {"budget": "6kB", "epochs": 2, "dim": 32, "threads": 1}


def walks(follows: float = 0.8, n_users: int = N_USERS, seed: int = 0, timed: bool = True) -> Dataset:
    """Users who mostly go on to the item after the one before, else anywhere; without repeats."""
    generator = np.random.default_rng(seed)
    users, items = [], []
    for user in range(n_users):
        taken = [int(generator.integers(N_ITEMS))]
        while len(taken) < LENGTH:
            after = (taken[-1] + 7) % N_ITEMS
            item = after if generator.random() < follows else int(generator.integers(N_ITEMS))
            if item not in taken:
                taken.append(item)
            elif len(set(taken)) > N_ITEMS // 2 or generator.random() < 0.5:
                taken.append(next(i for i in generator.permutation(N_ITEMS).tolist() if i not in taken))
        users += [user] * LENGTH
        items += taken
    times = np.tile(np.arange(LENGTH), n_users) * 1000 + np.repeat(generator.integers(0, 10**6, n_users), LENGTH)
    names = Vocabulary.of(f"u{n:03}" for n in range(n_users)), Vocabulary.of(f"i{n:02}" for n in range(N_ITEMS))
    part = Interactions.of(np.array(users), np.array(items), *names, times if timed else None)
    return Dataset(part, None, "walks", timed)


def facts_of(run) -> tuple[float, ...] | None:
    """What age does in a run, None where it does nothing."""
    model, _ = run.best(refitted=run.is_refitted)
    decay = model.served().age_decay
    return None if decay is None or min(decay) == 1 else decay


def test_the_default_recipe_knows_what_came_last(tmp_path):
    run = sparserec.train(walks(), tmp_path / "run", data={"holdout": True}, **SETTINGS)
    assert facts_of(run) is not None
    plain = sparserec.train(walks(), tmp_path / "plain", data={"holdout": True}, **SETTINGS, order={"use": False})
    assert facts_of(plain) is None
    assert run.evaluate("test")["ndcg@20"] > 1.5 * plain.evaluate("test")["ndcg@20"]
    run.export(tmp_path / "model.safetensors")
    recommender = Recommender.open(tmp_path / "model.safetensors")
    for history, after in ((["i00", "i30"], "i37"), (["i30", "i00"], "i07")):
        assert recommender.recommend(history, k=1)[0][0] == after


def test_the_file_ranks_as_the_run_does(tmp_path):
    run = sparserec.train(walks(), tmp_path / "run", data={"holdout": True}, **SETTINGS)
    report = run.export(tmp_path / "model.safetensors")
    assert report.total <= 6000
    file = evaluate_on_device(Recommender.open(tmp_path / "model.safetensors"), run.split(), "test")
    assert file["ndcg@20"] == pytest.approx(run.evaluate("test")["ndcg@20"], rel=0.03)


@pytest.mark.parametrize("how", ["random split", "no times", "no order in it"])
def test_where_order_does_not_count_nothing_changes(tmp_path, how):
    data = walks(0.0 if how == "no order in it" else 0.8, timed=how != "no times")
    kind = "random" if how == "random split" else "auto"
    runs = [
        sparserec.train(
            data, tmp_path / str(use), data={"split": kind, "holdout": True}, order={"use": use}, **SETTINGS
        )
        for use in (None, False)
    ]
    assert facts_of(runs[0]) is None
    tables = [run.best(refitted=True)[0].tables["items"].values.numpy() for run in runs]
    np.testing.assert_array_equal(*tables)


def test_few_users_do_not_decide_by_luck(tmp_path):
    config = load_config(**{name: value for name, value in SETTINGS.items() if name != "threads"})
    found = []
    for seed in range(8):
        parts = split(walks(0.0, n_users=12, seed=seed), kind="latest")
        found.append(ordered_table(Context(config, parts, tmp_path)))
    assert sum(one is not None for one in found) <= 1


def chosen_by(monkeypatch, tmp_path, judged: int, deciding: int, seed: int = 0):
    """A search for settings by so many users, that ended, and the users by whom is decided."""
    monkeypatch.setattr(thresholds, "JUDGED_USERS", judged)
    monkeypatch.setattr(thresholds, "DECIDING_USERS", 1)
    monkeypatch.setattr(thresholds, "DECIDING_SCORES", deciding * N_ITEMS)
    data = walks(0.3)
    config = load_config("fism", seed=seed, data={"split": "leave-last", "holdout": True})
    context = Context(config, split(data, kind="leave-last"), tmp_path)
    search = _Search(context, Ordered.of(context.split.train), judged_users(config, context.split))
    return search, search.chosen()


@pytest.mark.parametrize("seed", range(3))
def test_the_best_settings_of_few_users_are_judged_by_more(monkeypatch, tmp_path, seed):
    search, chosen = chosen_by(monkeypatch, tmp_path, judged=20, deciding=150, seed=seed)
    assert (len(search._users), len(search._deciding)) == (20, 150)
    best = sorted(search._judged, key=lambda tried: -search._judged[tried])[: thresholds.FINALISTS]
    found = {tried: search.quality(search._model(tried[0]), tried[1]) for tried in best}
    assert (chosen.following, chosen.age_decay) in found
    assert chosen.quality == pytest.approx(max(found.values()), rel=1e-6)


def test_where_there_are_no_more_users_the_best_settings_are_taken(monkeypatch, tmp_path):
    search, chosen = chosen_by(monkeypatch, tmp_path, judged=N_USERS, deciding=N_USERS)
    known = {tried: judged for tried, judged in search._judged.items() if tried[0].gap_decay < 1}
    assert (chosen.following, chosen.age_decay) == max(known, key=known.__getitem__)


def test_a_second_call_finds_the_start_of_the_first(tmp_path):
    one = sparserec.train(walks(), tmp_path / "run", data={"holdout": True}, **SETTINGS)
    before = (tmp_path / "run" / "start.safetensors").read_bytes()
    again = sparserec.train(walks(), tmp_path / "run", data={"holdout": True}, resume=True, **SETTINGS)
    assert (tmp_path / "run" / "start.safetensors").read_bytes() == before
    assert facts_of(again) == facts_of(one)


def test_the_same_run_twice_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        run = sparserec.train(walks(), tmp_path / name, **SETTINGS)
        run.export(tmp_path / f"{name}.safetensors")
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "two.safetensors").read_bytes()


def test_settings_that_are_given_are_taken(tmp_path):
    own = {"use": True, "age_decay": 0.5, "gap": 1, "gap_decay": 1.0, "back": 0.0, "into": 1.0, "out": 0.0}
    run = sparserec.train(walks(), tmp_path / "run", order={**own, "popular": 0.0}, **SETTINGS)
    assert facts_of(run) == (1.0, 0.5)


def test_a_budget_of_the_whole_file_is_kept(tmp_path):
    run = sparserec.train(walks(), tmp_path / "run", **{**SETTINGS, "budget": "5kB"})
    assert facts_of(run) is not None
    assert run.export(tmp_path / "model.safetensors").total <= 5000


def test_large_catalogues_keep_fewer_weights_an_item():
    assert [kept_weights(n) for n in (100, 1 << 17, 1 << 19, 1 << 20)] == [256, 256, 64, 32]


def test_once_order_has_won_no_more_stages_are_promised(tmp_path):
    heard = []
    sparserec.train(walks(), tmp_path / "run", **SETTINGS, follow=heard.append)
    begun = [(news.number, news.stages) for news in heard if news.kind == "stage"]
    assert begun[0][0] == 1
    assert begun[-1][0] == begun[-1][1] < begun[0][1]
    assert heard[-1].kind != "count"
