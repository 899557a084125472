"""An open model goes on as it is: whatever happens to its file, and in whichever process it is."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from catalogues import as_csr

from sparserec import SparserecError
from sparserec.artefact import read, write
from sparserec.device import Recommender
from sparserec.vocabulary import Vocabulary

N, DIM = 60, 8
TEXTS = [f"item {i * i % 61} of {i}" for i in range(N)]
NUMBERS = sorted(range(3, 3 + 7 * N, 7))


def model(path, kind: str) -> Recommender:
    """A file whose ids are stored as they are, or coded; sparse or dense, with users."""
    matrix = np.random.default_rng(0).integers(-3, 4, (N, DIM)).astype(np.float32)
    matrix[:, 0] = 1
    dense = kind == "dense"
    rows = matrix if dense else as_csr(matrix)
    ids = Vocabulary.of(map(str, NUMBERS) if kind == "numbers" else TEXTS)
    users = matrix[:5] if dense else as_csr(matrix[:5])
    write(
        path,
        items=rows,
        item_ids=ids,
        users=users,
        user_ids=Vocabulary.of("abcde"),
        item_factors=np.linspace(0.5, 1, N),
        values_dtype="float16" if dense else "int8",
    )
    return Recommender.open(path)


def answers(recommender: Recommender) -> list:
    ids = recommender.item_ids
    return [ids, recommender.recommend(ids[:3], k=10), recommender.recommend(user="c", k=5), recommender.user_ids]


KINDS = ["texts", "numbers", "dense"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fate", ["written over", "emptied", "cut off", "removed"])
def test_nothing_of_an_open_model_depends_on_its_file(tmp_path, kind, fate):
    path = tmp_path / "model"
    recommender, artefact = model(path, kind), read(path)
    expected, size = answers(recommender), path.stat().st_size
    tensors = {name: tensor.tobytes() for name, tensor in artefact.tensors.items()}
    if fate == "written over":
        with path.open("r+b") as file:
            file.write(b"\xa5" * size)
    elif fate == "removed":
        path.unlink()
    else:
        os.truncate(path, 0 if fate == "emptied" else size // 2)
    assert answers(recommender) == expected
    assert {name: tensor.tobytes() for name, tensor in artefact.tensors.items()} == tensors


def test_a_file_that_is_cut_off_while_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "model"
    model(path, "texts")
    size = path.stat().st_size
    real = os.fstat

    def fstat(handle):
        facts = real(handle)
        os.truncate(path, size - 3)
        return facts

    monkeypatch.setattr("sparserec.artefact.container.os.fstat", fstat)
    with pytest.raises(SparserecError, match="cut off while it was being read"):
        Recommender.open(path)


def asked(recommender: Recommender) -> list:
    return answers(recommender)


@pytest.mark.parametrize("kind", KINDS)
def test_a_pickle_answers_the_same_where_hashes_are_others(tmp_path, kind):
    recommender = model(tmp_path / "model", kind)
    expected = answers(recommender)  # ids have been looked up, so an index of them is there
    (tmp_path / "pickled").write_bytes(pickle.dumps(recommender))
    script = (
        "import pickle, sys\n"
        "m = pickle.load(open(sys.argv[1], 'rb')); ids = m.item_ids\n"
        "print(repr([ids, m.recommend(ids[:3], k=10), m.recommend(user='c', k=5), m.user_ids]))"
    )
    for seed in ("1", "2"):
        command = [sys.executable, "-c", script, str(tmp_path / "pickled")]
        run = subprocess.run(
            command, env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        )
        assert run.stdout.strip() == repr(expected)


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_a_model_goes_to_workers_of_every_kind(tmp_path, method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    recommender = model(tmp_path / "model", "texts")
    expected = answers(recommender)
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.apply(asked, (recommender,)) == expected


def test_the_index_of_a_vocabulary_is_not_pickled():
    known = Vocabulary.of(["a", "b"])
    before = len(pickle.dumps(known))
    assert known.rows(["b"]).tolist() == [1]
    assert len(pickle.dumps(known)) == before
    assert pickle.loads(pickle.dumps(known)) == known


@pytest.mark.parametrize("factors", [[1, 1, 1, 1], [1, 0, 1, 1]])
@pytest.mark.parametrize("dense", [True, False])
def test_scores_that_are_no_numbers_are_left_out_and_nothing_else(tmp_path, dense, factors):
    """Products beyond float32: infinity stays and comes first, infinity times 0 and less itself are no numbers."""
    matrix = np.full((4, 2), 1, dtype=np.float32)
    matrix[1] = matrix[3] = 60_000
    scores_of = matrix if dense else as_csr(matrix)
    path = tmp_path / "model"
    write(
        path,
        items=scores_of,
        item_ids=Vocabulary.of("abcd"),
        item_factors=np.array(factors),
        values_dtype="float16",
        history_factors=np.full(4, 1e33),
    )
    recommender = Recommender.open(path)
    scores = recommender.score(list("abcd"), history=["d"])
    assert np.isposinf(scores[3])
    assert np.isnan(scores[1]) == (factors[1] == 0)
    there = [name for name, score in zip("abc", scores, strict=False) if not np.isnan(score)]
    for k in (1, 2, 3, 4):
        for candidates in (None, list("abcd")):
            found = recommender.recommend(history=["d"], k=k, candidates=candidates)
            assert len(found) == min(k, len(there))
            assert {name for name, _ in found} <= set(there)
    if factors[1]:
        assert recommender.recommend(history=["d"], k=1)[0] == ("b", np.inf)
