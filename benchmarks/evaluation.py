"""Full-ranking evaluation of gowalla at 64 columns: all test users, all items, seven metrics, in one pass.

Random factors serve: the work does not depend on their values.

    python benchmarks/evaluation.py
"""

from __future__ import annotations

import numpy as np

from sparserec import load, split
from sparserec.bench.data import data_path
from sparserec.bench.parts import random_table, set_threads
from sparserec.bench.script import run
from sparserec.bench.timing import timed
from sparserec.evaluation import evaluate
from sparserec.recommenders import MF
from sparserec.tables import DenseTable

DIM, DENSITY = 64, 0.1


def main(dataset: str = "gowalla") -> dict:
    set_threads(None)
    parts, generator = split(load(data_path(dataset))), np.random.default_rng(0)
    sizes, history = (parts.train.n_users, parts.train.n_items), parts.history("test")
    dense = [DenseTable(generator.standard_normal((n, DIM), dtype=np.float32)) for n in sizes]
    sparse = [random_table(n, DIM, DENSITY, generator) for n in sizes]
    result: dict[str, object] = {"users": 0, "items": sizes[1], "dim": DIM}
    for name, tables in (("dense", dense), ("sparse", sparse)):
        scorer = MF(*tables, similarity="dot").scorer(history)
        evaluate(scorer, history, parts.test, ks=(20,), users=np.arange(100))  # compiles
        seconds, metrics = timed(lambda s=scorer: evaluate(s, history, parts.test, ks=(10, 20, 50)))
        result |= {"users": metrics.users, f"{name} table s": round(seconds, 2)}
    return result


if __name__ == "__main__":
    run(main, quick={"dataset": "ml-latest-small"})
