"""Processes that are forked, forked by a server, or spawned, before and after something was read or trained."""

from __future__ import annotations

import os

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="fork of Unix")

POOL = """
import multiprocessing, sys
import sparserec
from sparserec.device import Recommender

def reads(path):
    return sparserec.load(path).interactions.nnz

def trains(path):
    return sparserec.train(path, **QUICK).parameters()

def evaluates(folder):
    return sparserec.Run.open(folder).evaluate("test")["ndcg@20"]

def exports(folder):
    return sparserec.Run.open(folder).export(folder + ".safetensors").total

def recommends(path):
    return Recommender.open(path).recommend(history=["i3", "i4"], k=3)

def answer(context, function, argument):
    with multiprocessing.get_context(context).Pool(2) as pool:
        try:
            return pool.apply_async(function, (argument,)).get(250)
        except sparserec.SparserecError as error:
            return error

if __name__ == "__main__":
    MAIN
"""

AFTER_TRAINING = POOL.replace(
    "MAIN",
    """
    data, folder = sys.argv[1:]
    run = sparserec.train(data, folder, **QUICK)
    run.export("model.safetensors")
    model = "model.safetensors"
    for function, argument in ((reads, data), (trains, data), (evaluates, folder), (exports, folder)):
        said = answer("fork", function, argument)
        assert isinstance(said, sparserec.SparserecError), (function, said)
        assert "spawn" in str(said), said
    expected = recommends(model)
    assert answer("fork", recommends, model) == expected
    for context in ("spawn", "forkserver"):
        assert answer(context, reads, data) == sparserec.load(data).interactions.nnz
        assert answer(context, recommends, model) == expected
    print("done")
""",
)

BEFORE = POOL.replace(
    "MAIN",
    """
    sparserec.train, sparserec.load  # imported, and nothing done
    read = answer("fork", reads, sys.argv[1])
    assert answer("fork", trains, sys.argv[1]) > 0
    assert reads(sys.argv[1]) == read
    print("done")
""",
)

OTHERS_THREADS = """
import os, sys
import polars
polars.read_csv(sys.argv[1]).lazy().group_by("user").len().collect()
import sparserec
child = os.fork()
if not child:
    try:
        sparserec.load(sys.argv[1])
    except sparserec.SparserecError as error:
        os._exit(7 if "spawn" in str(error) else 8)
    os._exit(9)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_after_a_training_children_say_spawn_or_work(script, ratings, tmp_path):
    assert script(AFTER_TRAINING, ratings, tmp_path / "run").endswith("done\n")


def test_children_of_a_parent_that_only_imported_work(script, ratings):
    assert script(BEFORE, ratings).endswith("done\n")


def test_threads_that_somebody_else_started_count_too(script, ratings):
    assert script(OTHERS_THREADS, ratings) == "7\n"
