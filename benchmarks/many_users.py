"""The start of the default recipe on a million users: time and peak memory of `--recipe spectral`, and its accuracy.

    python benchmarks/many_users.py --folder FOLDER [--users 1000000] [--items 50000] [--threads 2]

The catalogue is made up, see `sparserec.bench.data.many_users`. The table comes from all interactions, though nothing
of the size users x columns is ever made. A training that was cut off goes on in its folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np

from sparserec import split, train
from sparserec.bench.data import HELD_OUT, many_users
from sparserec.bench.machine import status_bytes
from sparserec.bench.script import run
from sparserec.bench.timing import timed
from sparserec.evaluation import Popularity, evaluate

ASKED = 5000
"""Users whom the test part is ranked for."""
SETTINGS = {"recipe": "spectral", "budget": "12B/item"}


def main(
    *,
    folder: Annotated[Path, "run folder"],
    users: int = 1_000_000,
    items: int = 50_000,
    threads: Annotated[int | None, "all when not given"] = None,
) -> dict:
    data, begun = many_users(users, items), folder.exists()
    given = {"threads": threads, "data": HELD_OUT, **SETTINGS}
    seconds, trained = timed(lambda: train(data, folder, resume=True, stage=print, **given))
    peak, parts = status_bytes("VmHWM"), split(data)
    asked = np.flatnonzero(parts.test.user_degrees())[:: max(1, users // ASKED)]
    history = parts.history("test")
    scorers = {"sparserec": trained.best(refitted=True)[0].scorer(history)}
    scorers["popularity"] = Popularity(history.csr(), history.n_items)
    metrics = {name: evaluate(scorer, history, parts.test, users=asked) for name, scorer in scorers.items()}
    return {
        "users": users,
        "items": items,
        "interactions": data.interactions.nnz,
        "recipe": ", ".join(SETTINGS.values()),
        "threads": threads or "all",
        "train s": "-" if begun else round(seconds),
        "peak RSS MB": round(peak / 1e6),
        **{f"{name}: test recall@20": round(of["recall@20"], 4) for name, of in metrics.items()},
    }


if __name__ == "__main__":
    run(main, quick={"users": 2000, "items": 500})
