"""The start of the default recipe on a million users: time and peak memory of `--recipe spectral`, and its accuracy.

    python benchmarks/many_users.py --folder FOLDER [--users 1000000] [--items 50000] [--threads 2]

The catalogue is made up: items in clusters, popular by a power law within each; a user takes ten from three clusters.
The table comes from all interactions, though nothing of the size users x columns is ever made. A training that was cut
off goes on in its folder.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

import common
import sparserec
from sparserec.evaluation import Popularity, evaluate
from sparserec.interactions import Dataset, Interactions, split
from sparserec.vocabulary import Vocabulary

CLUSTERS, LIKED, TAKEN = 400, 3, 10
ASKED = 5000
"""Users whom the test part is ranked for."""


def made_up(n_users: int, n_items: int) -> Dataset:
    """Each pick is of one of a user's clusters, there by popularity; repeated ones fold into one."""
    rng = np.random.default_rng(0)
    cluster = np.sort(rng.integers(CLUSTERS, size=n_items))
    ends = np.cumsum((rng.permutation(n_items) + 5.0) ** -0.8)
    first, last = (np.searchsorted(cluster, np.arange(CLUSTERS), side) for side in ("left", "right"))
    low, high = np.concatenate(([0.0], ends))[[first, last]]
    liked = rng.integers(CLUSTERS, size=(n_users, LIKED))
    picked = np.take_along_axis(liked, rng.integers(LIKED, size=(n_users, TAKEN)), axis=1).ravel()
    items = np.searchsorted(ends, rng.uniform(low[picked], high[picked]))
    users = np.repeat(np.arange(n_users), TAKEN)
    names = [Vocabulary.of(f"{kind}{number}" for number in range(n)) for kind, n in (("u", n_users), ("i", n_items))]
    return Dataset(Interactions.of(users, np.minimum(items, n_items - 1), *names), None, "a made-up catalogue", False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="run folder")
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--threads", type=int, default=None, help="all when not given")
    args = parser.parse_args()
    data = made_up(args.users, args.items)
    began, begun = time.perf_counter(), args.folder.exists()
    settings = {"recipe": "spectral", "budget": "12B/item"}
    run = sparserec.train(data, args.folder, threads=args.threads, resume=True, stage=print, **settings)
    seconds, peak, parts = time.perf_counter() - began, common.status_bytes("VmHWM"), split(data)
    users = np.flatnonzero(parts.test.user_degrees())[:: max(1, args.users // ASKED)]
    history = parts.history("test")
    found = {
        "sparserec": evaluate(run.best(refitted=True)[0].scorer(history), history, parts.test, users=users),
        "popularity": evaluate(Popularity(history.csr(), history.n_items), history, parts.test, users=users),
    }
    result: dict[str, object] = {
        "users": args.users,
        "items": args.items,
        "interactions": data.interactions.nnz,
        "recipe": "spectral, 12B/item",
        "threads": args.threads or "all",
        "train s": "-" if begun else round(seconds),
        "peak RSS MB": round(peak / 1e6),
    }
    for name, metrics in found.items():
        result[f"{name}: test recall@20"] = round(metrics["recall@20"], 4)
    common.save("many_users", "python benchmarks/many_users.py --folder FOLDER", result)


if __name__ == "__main__":
    main()
