"""Whether a mask that follows the loss ranks better: writes docs/results/loss_and_ranking.json.

    python benchmarks/loss_and_ranking.py [--data gowalla] [--density 0.1 0.05 0.02] [--folder FOLDER]

Matrix factorisation with a mask that never moves and with SparseRec, the same start and settings for both. Beside
NDCG@20 stands the loss that training minimises: of the last epoch, and of the held-out interactions of the validation
part with the tables of the epoch that it chose. The test part is not read. A row takes minutes; rows that are in FOLDER
already are not trained again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import torch

from sparserec import Run, train
from sparserec.bench.data import HELD_OUT, data_path
from sparserec.bench.paper import CANDIDATES, COMMON, short_training
from sparserec.bench.parts import RankingTask, build_objective, build_sampler, finished
from sparserec.bench.script import Rows, run
from sparserec.recommenders import Recommender
from sparserec.tables import SparseTable

METHODS = ("static", "sparserec")
SETTINGS = {**COMMON["mf"], **CANDIDATES["mf"][0]}
"""Those of `sparserec bench short-training`, with the first of its candidates, the weaker decay, for both methods."""
BATCH = 4096


def held_out_loss(trained: Run, model: Recommender) -> float:
    """Mean loss of the validation interactions, against negatives drawn as in training."""
    split, config = trained.split(), trained.config
    task = RankingTask(split.valid, build_sampler(config, split), build_objective(config))
    total = 0.0
    with torch.no_grad():
        for number, first in enumerate(range(0, task.size, BATCH)):
            chosen = np.arange(first, min(first + BATCH, task.size))
            generator = np.random.default_rng([config.seed, number])
            total += len(chosen) * float(task.loss(model, chosen, generator))
    return total / task.size


def measured(trained: Run) -> dict[str, object]:
    """The figures of a row."""
    (model, _), split, metrics = trained.best(), trained.split(), trained.evaluate("valid", per_user=True)
    judged = np.flatnonzero(split.valid.user_degrees())
    interactions = split.train.user_degrees()[judged]
    many = interactions > np.median(interactions)
    of_user, users = metrics.per_user["ndcg@20"], model.tables["users"]
    assert isinstance(users, SparseTable)
    parameters = np.diff(users.structure()[0])[judged]
    return {
        "training loss": round(trained.log()[-1]["loss"], 4),
        "held-out loss": round(held_out_loss(trained, model), 4),
        "valid NDCG@20": round(metrics["ndcg@20"], 4),
        "of users with many interactions": round(float(of_user[many].mean()), 4),
        "of those with few": round(float(of_user[~many].mean()), 4),
        "parameters a row of these": [round(float(parameters[of].mean()), 2) for of in (many, ~many)],
        "items that are recommended": round(metrics["coverage@20"], 3),
    }


def main(
    data: Annotated[Sequence[str], "data sets"] = ("gowalla",),
    density: Sequence[float] = (0.1, 0.05, 0.02),
    folder: Annotated[Path | None, "for run folders; a temporary one when not given"] = None,
    epochs: int = SETTINGS["epochs"],
    threads: int = 1,
) -> Rows:
    settings = short_training({**SETTINGS, "epochs": epochs})
    with tempfile.TemporaryDirectory(prefix="sparserec-loss-") as temporary:
        for name in data:
            for share in density:
                for method in METHODS:
                    runs = (folder or Path(temporary)) / f"{name}-{share}-{method}"
                    given = {
                        "density": share,
                        "method": method,
                        "threads": threads,
                        "resume": True,
                        "data": HELD_OUT,
                        **settings,
                    }
                    trained = finished(train(data_path(name), runs, **given))
                    yield {"data": name, "density": share, "method": method, **measured(trained)}
    return {}


if __name__ == "__main__":
    run(main, quick={"data": ("ml-latest-small",), "density": (0.1,), "epochs": 1})
