"""Full-ranking evaluation of gowalla at 64 columns: all test users, all items, seven metrics, in one pass.

Random factors serve: the work does not depend on their values.

    python benchmarks/evaluation.py
"""

from __future__ import annotations

import time

import numpy as np

import common
import sparserec
from sparserec.evaluation import evaluate
from sparserec.recommenders import MF
from sparserec.runs import set_threads
from sparserec.sparsity import budget_of, random_mask
from sparserec.tables import DenseTable, SparseTable

DIM, DENSITY = 64, 0.1


def main() -> None:
    set_threads(None)
    parts = sparserec.split(sparserec.load(common.data_path("gowalla")))
    sizes = (parts.train.n_users, parts.train.n_items)
    generator = np.random.default_rng(0)
    dense = [DenseTable(generator.standard_normal((n, DIM), dtype=np.float32)) for n in sizes]
    masks = [random_mask(n, DIM, budget_of(DENSITY, n, DIM), generator) for n in sizes]
    sparse = [
        SparseTable(m.indptr, m.columns, generator.standard_normal(len(m.columns), dtype=np.float32), DIM)
        for m in masks
    ]
    history = parts.history("test")
    result: dict[str, object] = {"users": 0, "items": sizes[1], "dim": DIM}
    for name, tables in (("dense", dense), ("sparse", sparse)):
        scorer = MF(*tables, similarity="dot").scorer(history)
        evaluate(scorer, history, parts.test, ks=(20,), users=np.arange(100))  # compiles
        began = time.perf_counter()
        found = evaluate(scorer, history, parts.test, ks=(10, 20, 50))
        result |= {"users": found.users, f"{name} table s": round(time.perf_counter() - began, 2)}
    common.save("evaluation", "python benchmarks/evaluation.py", result)


if __name__ == "__main__":
    main()
