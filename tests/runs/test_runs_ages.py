"""A file in which order counts is evaluated with histories in the order of time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sparserec import SparserecError
from sparserec.artefact import TableData, write
from sparserec.device import Recommender
from sparserec.errors import on_command_line
from sparserec.interactions import Interactions, Split
from sparserec.runs import evaluate_on_device
from sparserec.runs.evaluation import _OnDevice
from sparserec.vocabulary import Vocabulary

N_USERS, N_ITEMS = 40, 12


def follower(item):
    """What comes after an item."""
    return (5 * item + 1) % N_ITEMS


def made(path, **more) -> Recommender:
    """Item columns by which an item leads to its follower, the newest by far the most."""
    columns = np.empty(N_ITEMS, dtype=np.int64)
    columns[follower(np.arange(N_ITEMS))] = np.arange(N_ITEMS)
    table = TableData(np.arange(N_ITEMS + 1), columns, np.ones(N_ITEMS, dtype=np.float32), N_ITEMS)
    write(path, items=table, item_ids=Vocabulary.of(map(str, range(N_ITEMS))), age_decay=(0.5, 0.01), **more)
    return Recommender.open(path)


def split_in_time(timed: bool = True) -> Split:
    """Histories of three items in random order of time; the test part is what follows the newest of each."""
    random = np.random.default_rng(0)
    names = Vocabulary.of(map(str, range(N_USERS))), Vocabulary.of(map(str, range(N_ITEMS)))
    users, items, answers = np.repeat(np.arange(N_USERS), 3), [], []
    for _ in range(N_USERS):
        while True:
            history = random.choice(N_ITEMS, 3, replace=False)
            if follower(history[-1]) not in history:
                break
        items.extend(history.tolist())
        answers.append(follower(history[-1]))
    times = np.tile([10, 20, 30], N_USERS) if timed else None
    train = Interactions.of(users, np.array(items), *names, timestamps=times)
    nothing = np.zeros(0, dtype=np.int64)
    valid = Interactions.of(nothing, nothing, *names, timestamps=nothing if timed else None)
    test = Interactions.of(np.arange(N_USERS), np.array(answers), *names)
    return Split(train, valid, test, "given", 0)


def test_histories_are_scored_oldest_first(tmp_path):
    model = made(tmp_path / "m")
    found = evaluate_on_device(model, split_in_time(), ks=(1,))
    assert found["recall@1"] == 1
    backwards = split_in_time()
    train = replace(backwards.train, timestamps=-backwards.train.timestamps)
    assert evaluate_on_device(model, replace(backwards, train=train), ks=(1,))["recall@1"] < 0.5


def test_histories_without_times_are_refused_in_the_callers_words(tmp_path):
    model = made(tmp_path / "m")
    with pytest.raises(SparserecError, match=r"have no timestamps: name their column \(timestamp=\)"):
        evaluate_on_device(model, split_in_time(timed=False))
    with on_command_line(), pytest.raises(SparserecError, match=r"name their column \(--timestamp\)"):
        evaluate_on_device(model, split_in_time(timed=False))


def test_rows_of_users_need_no_times(tmp_path):
    users = TableData(np.arange(N_USERS + 1), np.arange(N_USERS) % N_ITEMS, np.ones(N_USERS, np.float32), N_ITEMS)
    model = made(tmp_path / "m", users=users, user_ids=Vocabulary.of(map(str, range(N_USERS))))
    untimed = split_in_time(timed=False)
    assert evaluate_on_device(model, untimed).users == N_USERS
    with pytest.raises(SparserecError, match="no timestamps"):
        evaluate_on_device(model, untimed, from_history=True)
    assert evaluate_on_device(model, split_in_time(), from_history=True, ks=(1,))["recall@1"] == 1


def test_files_without_ages_get_histories_in_the_order_of_the_catalogue(tmp_path):
    """As ever: the order in which float64 sums are made stays, and so do all figures."""
    table = TableData(np.arange(N_ITEMS + 1), np.zeros(N_ITEMS, int), np.ones(N_ITEMS, np.float32), 3)
    write(tmp_path / "m", items=table, item_ids=Vocabulary.of(map(str, range(N_ITEMS))))
    history = split_in_time().train
    scorer = _OnDevice(Recommender.open(tmp_path / "m"), history)
    assert scorer._history[1] is history.indices
