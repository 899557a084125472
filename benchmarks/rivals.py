"""The default recipe as it comes beside tuned classical recommenders, on catalogues it was not made for.

    pip install -e '.[bench]'          # the library of iALS, which is left out without it
    python benchmarks/rivals.py --folder FOLDER [--datasets thinned PATH/ml1m] [--threads 2]

Thinned is a long-tailed catalogue: of all interactions of gowalla, training and test part alike, a share is kept at
random, and of these the users with four at least. Every rival tries its whole grid on the validation part and is then
made once more of the training and validation parts together, as ours is; the test part is read once. Ours tries nothing
but what `sparserec train --budget 12B/item` does by itself, and is measured from the exported file.

Lastfm, ml1m and douban are the splits of "Intent-guided heterogeneous graph contrastive learning for recommendation"
(Sang et al., TKDE 2025; github.com/wangyu0627/IHGCL, data/lastfm, data/movielens-1m and data/douban-book), given by the
path of their folder; lines of the test part whose users have nothing in the training part were left out.

ItemKNN (cosine with degree powers and shrinkage) and RP3beta as in Ferrari Dacrema et al., "Are we really making much
progress?", RecSys 2019; EASE of Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019, where its dense
item-item matrix is small enough; iALS of Hu, Koren and Volinsky, 2008, by the library implicit. A training of ours that
was cut off goes on in its folder.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import scipy.sparse as sp

import common
import sparserec
from sparserec.evaluation import Popularity, evaluate
from sparserec.interactions import Split
from sparserec.runs.data import cut
from sparserec.runs.refit import everything
from sparserec.settings import DataConfig

KEPT, LEAST = 0.35, 4
"""Share of gowalla's interactions, and how many a user must then have."""
BUDGET = "12B/item"
METRICS = ("recall@20", "ndcg@20")
EASE_ITEMS = 20_000
"""Items up to which EASE's matrix is made."""


class Linear:
    """Scores are histories times a matrix of item to item."""

    def __init__(self, weights: sp.csr_array | np.ndarray, history: sp.csr_array):
        self._weights, self._history, self.n_items = weights, history, history.shape[1]
        dense = isinstance(weights, np.ndarray)
        self.nbytes = weights.nbytes if dense else weights.nnz * 8 + 4 * (self.n_items + 1)

    def score(self, users: np.ndarray) -> np.ndarray:
        """Users (B,) -> scores (B, n_items) float32."""
        found = self._history[users] @ self._weights
        return np.asarray(found if isinstance(found, np.ndarray) else found.toarray(), dtype=np.float32)


class Factors:
    """Scores are inner products of user and item factors."""

    def __init__(self, users: np.ndarray, items: np.ndarray):
        self._users, self._items, self.n_items = users, items, len(items)
        self.nbytes = items.nbytes  # a user's can be had from a history

    def score(self, users: np.ndarray) -> np.ndarray:
        """Users (B,) -> scores (B, n_items) float32."""
        return self._users[users] @ self._items.T


def nearest(weights: sp.csr_array, count: int) -> sp.csr_array:
    """The largest entries of each row, this many, without the diagonal."""
    weights = sp.csr_array(weights - sp.diags_array(weights.diagonal()))
    weights.eliminate_zeros()
    kept = np.zeros(weights.nnz, dtype=bool)
    for begin, end in itertools.pairwise(weights.indptr.tolist()):
        row = weights.data[begin:end]
        chosen = np.argpartition(-row, count)[:count] if len(row) > count else np.arange(len(row))
        kept[begin + chosen] = True
    ends = np.concatenate(([0], kept.cumsum()))[weights.indptr]
    return sp.csr_array((weights.data[kept], weights.indices[kept], ends), shape=weights.shape)


def degrees(history: sp.csr_array, axis: int) -> np.ndarray:
    return np.maximum(np.asarray(history.sum(axis=axis)).ravel(), 1).astype(np.float32)


def item_knn(history: sp.csr_array, power: float, shrink: float, neighbours: int, user_power: float):
    of_items = degrees(history, 0)
    alike = sp.coo_array(history.T @ (sp.diags_array(degrees(history, 1) ** -user_power) @ history))
    rows, columns = alike.coords
    alike.data = alike.data / (of_items[rows] ** power * of_items[columns] ** (1 - power) + np.float32(shrink))
    return Linear(nearest(alike.tocsr(), neighbours), history)


def rp3beta(history: sp.csr_array, alpha: float, beta: float, neighbours: int):
    of_items, of_users = degrees(history, 0), degrees(history, 1)
    walk = (sp.diags_array(of_items**-alpha) @ history.T) @ (sp.diags_array(of_users**-alpha) @ history)
    return Linear(nearest(sp.csr_array(walk @ sp.diags_array(of_items**-beta)), neighbours), history)


def ease(history: sp.csr_array, penalty: float):
    gram = (history.T @ history).toarray()
    gram[np.diag_indices_from(gram)] += np.float32(penalty)
    inverse = np.linalg.inv(gram)
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return Linear(weights.astype(np.float32), history)


def ials(history: sp.csr_array, factors: int, penalty: float, confidence: float):
    from implicit.als import AlternatingLeastSquares

    given = {"factors": factors, "regularization": penalty, "alpha": confidence, "iterations": 12, "random_state": 0}
    model = AlternatingLeastSquares(num_threads=int(os.environ.get("OMP_NUM_THREADS", "0")), **given)
    model.fit(sp.csr_matrix(history), show_progress=False)
    return Factors(model.user_factors, model.item_factors)


def grid(**values: tuple) -> list[dict]:
    return [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]


@dataclass(frozen=True)
class Rival:
    """A recommender and the settings it tries."""

    make: Callable
    settings: list[dict]
    most_items: int | None = None


RIVALS = {
    "ItemKNN": Rival(
        item_knn, grid(power=(0.5, 0.7, 0.85, 1.0), shrink=(5, 20, 80), neighbours=(100, 1000), user_power=(0.5, 1.0))
    ),
    "RP3beta": Rival(rp3beta, grid(alpha=(0.4, 0.7, 1.0), beta=(0.0, 0.2, 0.4, 0.6), neighbours=(100, 1000))),
    "EASE": Rival(ease, grid(penalty=(50, 100, 200, 400, 800)), EASE_ITEMS),
    "iALS": Rival(ials, grid(factors=(64, 256), penalty=(0.1, 1.0, 5.0), confidence=(1.0, 10.0, 40.0))),
}


def matrix(interactions) -> sp.csr_array:
    found = interactions.csr()
    return sp.csr_array((np.ones(found.nnz, dtype=np.float32), found.indices, found.indptr), shape=found.shape)


def tuned(rival: Rival, split: Split) -> dict:
    """The settings that validation chooses, and what they give on test."""
    began, tried = time.perf_counter(), []
    for settings in rival.settings:
        model = rival.make(matrix(split.train), **settings)
        tried.append(evaluate(model, split.history("valid"), split.valid)["ndcg@20"])
        print(f"  {settings}: valid NDCG@20 {tried[-1]:.4f}", flush=True)
    best = int(np.argmax(tried))
    model = rival.make(matrix(everything(split).train), **rival.settings[best])
    found = evaluate(model, split.history("test"), split.test)
    chosen = ", ".join(f"{name} {value:g}" for name, value in rival.settings[best].items())
    return {
        **facts(found, model.nbytes / split.train.n_items),
        "valid ndcg@20": round(tried[best], 4),
        "settings tried": len(tried),
        "chosen": chosen,
        "s": round(time.perf_counter() - began),
    }


def ours(split: Split, data, folder: Path, threads: int) -> dict:
    """The default recipe, from its file."""
    began, begun = time.perf_counter(), (folder / "config.toml").exists()
    run = sparserec.train(data, folder, budget=BUDGET, threads=threads, resume=True, stage=print)
    if run.ended == "interrupted":
        sys.exit("interrupted; the same command goes on")
    seconds = round(time.perf_counter() - began)
    found = common.from_file(run, folder / "model.safetensors", split)
    return {
        **facts(found, found["bytes"] / split.train.n_items),
        "valid ndcg@20": round(run.valid_metrics()["ndcg@20"], 4),
        "settings tried": "-",
        "chosen": "-",
        "s": "-" if begun else seconds,
    }


def popularity(split: Split) -> dict:
    model = Popularity(everything(split).train.csr(), split.train.n_items)
    return facts(evaluate(model, split.history("test"), split.test), 4)


def facts(found, size: float) -> dict:
    return {"bytes an item": round(size, 1), **{f"test {name}": round(found[name], 4) for name in METRICS}}


def thinned(folder: Path) -> Path:
    """A long-tailed catalogue made of gowalla, the same each time."""
    file = folder / "thinned.csv"
    source, rows = Path(common.data_path("gowalla")), []
    for name in ("train", "test"):
        for line in (source / f"{name}.txt").read_text().splitlines():
            user, *items = map(int, line.split())
            rows += [(user, item) for item in items]
    pairs = np.unique(np.array(rows), axis=0)
    pairs = pairs[np.random.default_rng(0).random(len(pairs)) < KEPT]
    pairs = pairs[np.bincount(pairs[:, 0])[pairs[:, 0]] >= LEAST]
    file.write_text("user,item\n" + "".join(f"u{user},i{item}\n" for user, item in pairs.tolist()))
    return file


def where(given: str) -> str:
    """A folder that exists, else one of SPARSEREC_DATA of this name."""
    return given if Path(given).is_dir() else common.data_path(given)


def measured(args: argparse.Namespace) -> Iterator[dict]:
    """A row for each recommender on each data set; what is in the folder is not done again."""
    for given in args.datasets:
        name = Path(given).name
        folder = args.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        data = sparserec.load(thinned(folder) if name == "thinned" else where(given))
        split = cut(data, DataConfig())
        sizes = {"data": name, "users": split.train.n_users, "items": split.train.n_items}

        jobs = {f"sparserec, {BUDGET}": partial(ours, split, data, folder / "run", args.threads)}
        for title, rival in RIVALS.items():
            if title == "iALS" and find_spec("implicit") is None:
                print("iALS is left out: pip install -e '.[bench]' brings its library", flush=True)
            elif rival.most_items is None or split.train.n_items <= rival.most_items:
                jobs[title] = partial(tuned, rival, split)
        jobs["popularity"] = partial(popularity, split)
        for title, job in jobs.items():
            kept = folder / f"{title.split(',')[0]}.json"
            if not kept.exists():
                print(f"{name}: {title}", flush=True)
                row = job()
                kept.write_text(json.dumps(row))
            yield {**sizes, "recommender": title, **json.loads(kept.read_text())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="runs, and results that are done")
    meant = "thinned, a folder of SPARSEREC_DATA, or the path of one elsewhere"
    parser.add_argument("--datasets", nargs="+", default=["thinned", "ml-latest-small"], help=meant)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    rows = list(measured(args))
    measured_before = common.RESULTS / "rivals.json"
    if measured_before.exists():  # rows of other data sets stay
        done = {row["data"] for row in rows}
        before = json.loads(measured_before.read_text())["result"]["rows"]
        rows = [row for row in before if row["data"] not in done] + rows
    names = dict.fromkeys(name for row in rows for name in row)
    rows = [{name: row.get(name, "-") for name in names} for row in rows]
    common.save("rivals", "python benchmarks/rivals.py --folder FOLDER", {"rows": rows})


if __name__ == "__main__":
    main()
