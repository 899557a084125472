"""What it gains to choose a teacher on the newest part of histories instead of a random one, where there are times.

    python benchmarks/cuts.py                               # ml-latest-small, beauty, sports
    python benchmarks/cuts.py --datasets beauty --seeds 0

Writes docs/results/cuts.json. Of each user the newest fifth is the test part. What is left is cut twice, a validation
part at random and one of the newest; on each the settings of the filter that teachers begin with are chosen, as a run
chooses them. Both are then made of all that is left and judged on the same test part. Nothing is trained: minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np

from sparserec import Split, load, split
from sparserec.bench.data import data_path
from sparserec.bench.parts import set_threads
from sparserec.bench.script import Rows, run
from sparserec.evaluation import evaluate
from sparserec.interactions import Dataset
from sparserec.runs.refit import everything
from sparserec.settings import load_config
from sparserec.sparsity import item_spectrum
from sparserec.starts.base import Context
from sparserec.starts.filters import choose_filters, filters_of
from sparserec.starts.spectrum import choose_spectrum
from sparserec.training.samples import at_most

CUTS = ("random", "latest")
FILTERS = {"low-pass": None, "whole spectrum": "whole"}
"""Filters by name, with the setting `teacher.spectrum` of each."""


def main(
    *,
    datasets: Sequence[str] = ("ml-latest-small", "beauty", "sports"),
    seeds: Sequence[int] = (0, 1, 2),
    vectors: Annotated[int, "singular vectors"] = 256,
    users: Annotated[int, "of the test part who are asked, at most"] = 3000,
    threads: Annotated[int | None, "all when not given"] = None,
) -> Rows:
    set_threads(threads)
    for name in datasets:
        folder = data_path(name)
        data = load(folder / "ratings.csv" if (folder / "ratings.csv").exists() else folder)
        for seed in seeds:
            outer = split(data, kind="latest", seed=seed)
            asked = at_most(np.flatnonzero(outer.test.user_degrees()), users, seed, 0)
            known = Dataset(outer.history("test"), None, name, True)
            for cut in CUTS:
                inner = split(known, kind="none", validation=cut, seed=seed)
                for words, which in FILTERS.items():
                    chosen = _chosen(inner, which, vectors, seed)
                    yield {"data": name, "seed": seed, "filter": words, "chosen on": cut, **chosen(outer, asked)}


def _chosen(inner: Split, which: str | None, vectors: int, seed: int):
    """The filter that a validation part chooses, as a function of a split and users that judges it on the test part."""
    config = load_config("fism", dim=vectors, seed=seed, teacher={"spectrum": which})
    with TemporaryDirectory() as folder:
        context = Context(config, inner, Path(folder))
        spectrum = choose_spectrum(context, min(vectors, inner.train.n_items - 1))
        best = choose_filters(context, spectrum)[0]
    how, response = spectrum.normalisation, best.response

    def judged(outer: Split, users: np.ndarray) -> dict[str, object]:
        whole = everything(outer)
        known = item_spectrum(whole.train.csr(), len(spectrum.singular), seed=seed, normalisation=how)
        made = filters_of(Context(config, whole, Path()), known)(best.rank, response)
        history = outer.history("test")
        metrics = evaluate(made.scorer(history.csr()), history, outer.test, users=users)
        words = [f"rank {best.rank}", f"smoothing {how.smoothing:g}", f"user power {how.user_power:g}"]
        words += [f"{name} {value:g}" for name, value in vars(response).items() if value]
        return {"test ndcg@20": round(metrics["ndcg@20"], 4), "settings": ", ".join(words)}

    return judged


if __name__ == "__main__":
    run(main, quick={"datasets": ("ml-latest-small",), "seeds": (0,), "vectors": 16})
