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

import itertools
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import scipy.sparse as sp

from sparserec import Dataset, Split, load, train
from sparserec.bench.data import AT_RANDOM, data_path, thinned
from sparserec.bench.measure import METRICS, measure_file
from sparserec.bench.parts import DataConfig, cut, everything, finished
from sparserec.bench.script import Rows, remembered, run
from sparserec.bench.timing import timed
from sparserec.evaluation import Popularity, evaluate

BUDGET, FILE = "12B/item", "rivals.json"
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
        scores = self._history[users] @ self._weights
        return np.asarray(scores if isinstance(scores, np.ndarray) else scores.toarray(), dtype=np.float32)


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
    near = np.zeros(weights.nnz, dtype=bool)
    for begin, end in itertools.pairwise(weights.indptr.tolist()):
        row = weights.data[begin:end]
        chosen = np.argpartition(-row, count)[:count] if len(row) > count else np.arange(len(row))
        near[begin + chosen] = True
    ends = np.concatenate(([0], near.cumsum()))[weights.indptr]
    return sp.csr_array((weights.data[near], weights.indices[near], ends), shape=weights.shape)


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
    ones = interactions.csr()
    return sp.csr_array((np.ones(ones.nnz, dtype=np.float32), ones.indices, ones.indptr), shape=ones.shape)


def tuned(rival: Rival, split: Split) -> dict:
    """The settings that validation chooses, and what they give on test."""

    def choose_and_test():
        tried = []
        for settings in rival.settings:
            model = rival.make(matrix(split.train), **settings)
            tried.append(evaluate(model, split.history("valid"), split.valid)["ndcg@20"])
            print(f"  {settings}: valid NDCG@20 {tried[-1]:.4f}", flush=True)
        best = int(np.argmax(tried))
        model = rival.make(matrix(everything(split).train), **rival.settings[best])
        return best, tried[best], model.nbytes, evaluate(model, split.history("test"), split.test)

    seconds, (best, valid, size, metrics) = timed(choose_and_test)
    chosen = ", ".join(f"{name} {value:g}" for name, value in rival.settings[best].items())
    return figures(metrics, size, split, valid, len(rival.settings), chosen, round(seconds))


def ours(split: Split, data: Dataset, folder: Path, threads: int, settings: dict[str, Any]) -> dict:
    """The default recipe, from its file."""
    begun = (folder / "config.toml").exists()
    given = {"budget": BUDGET, "threads": threads, "data": AT_RANDOM, **settings}
    seconds, trained = timed(lambda: finished(train(data, folder, resume=True, stage=print, **given)))
    metrics = measure_file(trained, folder / "model.safetensors", split)
    valid = trained.valid_metrics()["ndcg@20"]
    return figures(metrics, metrics["bytes"], split, valid, seconds="-" if begun else round(seconds))


def popularity(split: Split) -> dict:
    items = split.train.n_items
    metrics = evaluate(Popularity(everything(split).train.csr(), items), split.history("test"), split.test)
    return figures(metrics, 4 * items, split)


def figures(
    metrics: Any, size: float, split: Split, valid: float | None = None, tried="-", chosen="-", seconds="-"
) -> dict:
    row = {"bytes an item": round(size / split.train.n_items, 1)}
    row |= {f"test {name}": round(metrics[name], 4) for name in METRICS}
    row["valid ndcg@20"] = "-" if valid is None else round(valid, 4)
    return {**row, "settings tried": tried, "chosen": chosen, "s": seconds}


def jobs(split: Split, data: Dataset, folder: Path, threads: int, quick: bool) -> dict[str, Callable[[], dict]]:
    """What makes each row of a data set, by the name of its recommender."""
    settings = {"epochs": 0, "recipe": "spectral"} if quick else {}
    every = {f"sparserec, {BUDGET}": partial(ours, split, data, folder / "run", threads, settings)}
    for title, rival in RIVALS.items():
        if title == "iALS" and find_spec("implicit") is None:
            print("iALS is left out: pip install -e '.[bench]' brings its library", flush=True)
        elif rival.most_items is None or split.train.n_items <= rival.most_items:
            grid = rival.settings[:1] if quick else rival.settings
            every[title] = partial(tuned, replace(rival, settings=grid), split)
    return {**every, "popularity": partial(popularity, split)}


def main(
    *,
    folder: Annotated[Path, "runs, and results that are done"],
    datasets: Annotated[Sequence[str], "thinned, a folder of SPARSEREC_DATA, or the path of one elsewhere"] = (
        "thinned",
        "ml-latest-small",
    ),
    threads: int = os.cpu_count() or 1,
    one_setting: Annotated[bool, "try one of each grid, and the start of ours alone"] = False,
    out: Path | None = None,
) -> Rows:
    done = {Path(given).name for given in datasets}
    before = json.loads((out / FILE).read_text())["result"]["rows"] if out and (out / FILE).exists() else []
    yield from (row for row in before if row["data"] not in done)  # rows of other data sets stay
    for given in datasets:
        name = Path(given).name
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        data = load(thinned(data_path("gowalla"), place / "thinned.csv") if name == "thinned" else data_path(given))
        split = cut(data, DataConfig(split="random"))
        sizes = {"data": name, "users": split.train.n_users, "items": split.train.n_items}
        for title, job in jobs(split, data, place, threads, one_setting).items():
            print(f"{name}: {title}", flush=True)
            yield {**sizes, "recommender": title, **remembered(place / f"{title.split(',')[0]}.json", job)}
    return {}


if __name__ == "__main__":
    run(main, quick={"datasets": ("ml-latest-small",), "one_setting": True})
