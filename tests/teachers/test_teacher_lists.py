from __future__ import annotations

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from sparserec.errors import SparserecError
from sparserec.teachers import lists as module
from sparserec.teachers import open_lists, write_lists

pytestmark = pytest.mark.usefixtures("one_thread")


class Fixed:
    """A teacher whose scores are a matrix."""

    def __init__(self, scores):
        self.scores, self.n_items = np.asarray(scores, dtype=np.float32), np.shape(scores)[1]

    def score(self, users):
        return self.scores[users]


def ranked(scores, history, length):
    """Items and scores of each user's list, by a plain sort."""
    items, values = [], []
    for own, taken in zip(scores, history.toarray(), strict=True):
        order = sorted(np.flatnonzero(taken == 0).tolist(), key=lambda item: (-own[item], item))[:length]
        items.append(order)
        values.append([own[item] for item in order])
    return np.array(items), np.array(values, dtype=np.float32)


def case(n_users, n_items, seed, levels=4):
    """Scores with many ties, and histories that leave everybody something."""
    generator = np.random.default_rng(seed)
    scores = generator.integers(-levels, levels, (n_users, n_items)).astype(np.float32) / 4
    taken = generator.random((n_users, n_items)) < 0.3
    taken[:, generator.integers(n_items)] = False
    return scores, sp.csr_array(taken.astype(np.float32))


@given(st.integers(1, 30), st.integers(2, 20), st.integers(1, 25), st.integers(0, 2**31))
@settings(max_examples=40)
def test_lists_are_those_of_a_plain_sort(tmp_path_factory, n_users, n_items, length, seed):
    scores, history = case(n_users, n_items, seed)
    path = tmp_path_factory.mktemp("lists") / "teacher.npy"
    found = write_lists(path, Fixed(scores), history, length)
    longest = int(np.diff(history.indptr).max())
    assert found.length == min(length, n_items - longest)
    items, values = ranked(scores, history, found.length)
    np.testing.assert_array_equal(found.items, items)
    np.testing.assert_array_equal(found.scores, values)
    assert found.items.dtype == np.int32
    assert found.scores.dtype == np.float32
    again = open_lists(path, np.arange(n_users), n_items)
    np.testing.assert_array_equal(again.items, items)
    np.testing.assert_array_equal(again.scores, values)


def test_history_is_never_listed_and_ties_go_to_the_lower_index(tmp_path):
    history = sp.csr_array(np.array([[0, 1, 0, 0, 0], [0, 0, 0, 0, 0]], dtype=np.float32))
    found = write_lists(tmp_path / "a.npy", Fixed([[1, 9, 2, 1, 2], [5, 5, 5, 5, 5]]), history, 100)
    assert found.items.tolist() == [[2, 4, 0, 3], [0, 1, 2, 3]]
    assert found.scores.tolist() == [[2, 2, 1, 1], [5, 5, 5, 5]]


def test_the_scores_of_the_teacher_are_left_as_they_are(tmp_path):
    scores, history = case(6, 9, 0)
    teacher = Fixed(scores.copy())
    write_lists(tmp_path / "a.npy", teacher, history, 3)
    np.testing.assert_array_equal(teacher.scores, scores)


def test_blocks_change_nothing_and_progress_is_told(tmp_path, monkeypatch):
    scores, history = case(23, 11, 1)
    write_lists(tmp_path / "whole.npy", Fixed(scores), history, 5)
    monkeypatch.setattr(module, "BLOCK", 4)
    told = []
    write_lists(tmp_path / "parts.npy", Fixed(scores), history, 5, lambda *progress: told.append(progress))
    assert (tmp_path / "whole.npy").read_bytes() == (tmp_path / "parts.npy").read_bytes()
    assert told == [(4, 23), (8, 23), (12, 23), (16, 23), (20, 23), (23, 23)]


def test_lists_of_some_users_are_theirs_and_their_histories_alone_bound_the_length(tmp_path, monkeypatch):
    scores, history = case(23, 11, 1)
    every = write_lists(tmp_path / "whole.npy", Fixed(scores), history, 3)
    monkeypatch.setattr(module, "BLOCK", 4)
    some = np.array([1, 2, 7, 8, 9, 22])
    found = write_lists(tmp_path / "some.npy", Fixed(scores), history, 3, users=some)
    np.testing.assert_array_equal(found.users, some)
    np.testing.assert_array_equal(found.items, every.items[some])
    np.testing.assert_array_equal(found.scores, every.scores[some])
    greedy = sp.csr_array(np.array([[1, 1, 1, 1], [0, 1, 0, 0]], dtype=np.float32))
    assert write_lists(tmp_path / "a.npy", Fixed(np.zeros((2, 4))), greedy, 9, users=np.array([1])).length == 3


def test_a_user_who_took_everything_is_one_clear_error(tmp_path):
    history = sp.csr_array(np.array([[1, 1, 1], [0, 1, 0]], dtype=np.float32))
    with pytest.raises(SparserecError, match="nothing to rank"):
        write_lists(tmp_path / "a.npy", Fixed(np.zeros((2, 3))), history, 2)
    assert not os.listdir(tmp_path)


# -- files that are not what they should be -------------------------------------------------------------------------


@pytest.fixture
def written(tmp_path):
    scores, history = case(8, 10, 2)
    path = tmp_path / "teacher.npy"
    write_lists(path, Fixed(scores), history, 4)
    return path


def test_a_truncated_file_is_one_error(written):
    whole = written.read_bytes()
    for size in (0, 1, 5, 8, 12, 60, len(whole) // 2, len(whole) - 1):
        written.write_bytes(whole[:size])
        with pytest.raises(SparserecError, match=r"teacher\.npy"):
            open_lists(written, np.arange(8), 10)


def test_a_foreign_or_pickled_file_is_one_error_and_nothing_runs(written, tmp_path):
    def lay(*arrays, save=np.save):
        with written.open("wb") as file:
            save(file, *arrays)

    class Mine:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "ran"),))

    foreign = [
        written.unlink,
        lambda: written.write_bytes(b"item,score\n1,2\n" * 40),
        lambda: written.write_bytes(pickle.dumps(Mine())),
        lambda: lay(np.array([[Mine()]], dtype=object)),
        lambda: lay(np.zeros((8, 4))),
        lambda: lay(np.zeros(8, dtype=module.RECORD)),
        lambda: lay(np.zeros((7, 4), dtype=module.RECORD)),
        lambda: lay(np.zeros((8, 0), dtype=module.RECORD)),
        lambda: lay(np.zeros(3), save=np.savez),
    ]
    for make in foreign:
        make()
        with pytest.raises(SparserecError, match=r"teacher\.npy"):
            open_lists(written, np.arange(8), 10)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(("field", "value"), [("item", -1), ("item", 10), ("score", np.nan), ("score", np.inf)])
def test_items_that_do_not_exist_and_scores_that_are_not_finite_are_refused(written, field, value):
    found = np.load(written)
    found[field][7, 3] = value
    np.save(written, found)
    with pytest.raises(SparserecError, match="do not exist, or scores that are not finite"):
        open_lists(written, np.arange(8), 10)


@pytest.mark.parametrize("users", [7, 9])
def test_lists_of_other_users_are_refused(written, users):
    with pytest.raises(SparserecError, match=f"not the teacher lists of {users} users"):
        open_lists(written, np.arange(users), 10)


@given(st.data())
@settings(max_examples=80)
def test_a_damaged_file_opens_or_is_one_error(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    scores, history = case(3, 6, 3)
    write_lists(folder / "a.npy", Fixed(scores), history, 2)
    content = bytearray((folder / "a.npy").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (folder / "a.npy").write_bytes(bytes(content))
    try:
        found = open_lists(folder / "a.npy", np.arange(3), 6)
    except SparserecError:
        return
    assert found.items.shape[0] == 3
    assert found.items.min(initial=0) >= 0
    assert found.items.max(initial=0) < 6


# -- ends that come too early ---------------------------------------------------------------------------------------


def test_an_error_while_writing_leaves_the_folder_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 4)
    scores, history = case(12, 9, 4)

    class Fails(Fixed):
        def score(self, users):
            if users[0] == 8:
                raise KeyboardInterrupt
            return super().score(users)

    with pytest.raises(KeyboardInterrupt):
        write_lists(tmp_path / "teacher.npy", Fails(scores), history, 3)
    assert not os.listdir(tmp_path)


def test_a_kill_while_writing_leaves_no_file(tmp_path):
    code = (
        "import os, sys, numpy as np, scipy.sparse as sp\n"
        "from sparserec.teachers import lists\n"
        "lists.BLOCK = 4\n"
        "class Fixed:\n"
        "    n_items = 5\n"
        "    def score(self, users):\n"
        "        if users[0] == 8: os._exit(9)\n"
        "        return np.zeros((len(users), 5), np.float32)\n"
        "lists.write_lists(sys.argv[1], Fixed(), sp.csr_array((12, 5), dtype=np.float32), 3)\n"
    )
    path = tmp_path / "teacher.npy"
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 9
    assert not path.exists()
