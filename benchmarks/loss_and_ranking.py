"""Whether a mask that follows the loss ranks better: writes docs/results/loss_and_ranking.json.

    python benchmarks/loss_and_ranking.py [--data gowalla] [--density 0.1 0.05 0.02] [--folder FOLDER]

Matrix factorisation with a mask that never moves and with SparseRec, the same start and settings for both. Beside
NDCG@20 stands the loss that training minimises: of the last epoch, and of the held-out interactions of the validation
part with the tables of the epoch that it chose. The test part is not read. A row takes minutes; rows that are in FOLDER
already are not trained again.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch

import common
import sparserec
from sparserec import Run
from sparserec.bench.paper import CANDIDATES, COMMON, all_epochs
from sparserec.recommenders import Recommender
from sparserec.tables import SparseTable
from sparserec.training.build import build_objective, build_sampler
from sparserec.training.tasks import RankingTask

METHODS = ("static", "sparserec")
SETTINGS = all_epochs({**COMMON["mf"], **CANDIDATES["mf"][0]})
"""Those of `sparserec bench paper`, with the first of its candidates, the weaker decay, for both methods."""
BATCH = 4096


def held_out_loss(run: Run, model: Recommender) -> float:
    """Mean loss of the validation interactions, against negatives drawn as in training."""
    split, config = run.split(), run.config
    task = RankingTask(split.valid, build_sampler(config, split), build_objective(config))
    total = 0.0
    with torch.no_grad():
        for number, first in enumerate(range(0, task.size, BATCH)):
            chosen = np.arange(first, min(first + BATCH, task.size))
            generator = np.random.default_rng([config.seed, number])
            total += len(chosen) * float(task.loss(model, chosen, generator))
    return total / task.size


def measure(data: str, density: float, method: str, folder: Path, threads: int) -> dict[str, object]:
    """One row."""
    run = sparserec.train(
        common.data_path(data), folder, density=density, method=method, threads=threads, resume=True, **SETTINGS
    )
    if run.ended == "interrupted":
        raise SystemExit("interrupted; the same command goes on")
    (model, _), split, found = run.best(), run.split(), run.evaluate("valid", per_user=True)
    judged = np.flatnonzero(split.valid.user_degrees())
    interactions = split.train.user_degrees()[judged]
    many = interactions > np.median(interactions)
    of_user = found.per_user["ndcg@20"]
    users = model.tables["users"]
    assert isinstance(users, SparseTable)
    parameters = np.diff(users.structure()[0])[judged]
    return {
        "data": data,
        "density": density,
        "method": method,
        "training loss": round(run.log()[-1]["loss"], 4),
        "held-out loss": round(held_out_loss(run, model), 4),
        "valid NDCG@20": round(found["ndcg@20"], 4),
        "of users with many interactions": round(float(of_user[many].mean()), 4),
        "of those with few": round(float(of_user[~many].mean()), 4),
        "parameters a row of these": [round(float(parameters[of].mean()), 2) for of in (many, ~many)],
        "items that are recommended": round(found["coverage@20"], 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", default=["gowalla"], help="data sets (default gowalla)")
    parser.add_argument("--density", nargs="+", type=float, default=[0.1, 0.05, 0.02])
    parser.add_argument("--folder", type=Path, default=None, help="for run folders; a temporary one when not given")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sparserec-loss-") as temporary:
        folder = args.folder or Path(temporary)
        rows = []
        for data in args.data:
            for density in args.density:
                for method in METHODS:
                    rows.append(measure(data, density, method, folder / f"{data}-{density}-{method}", args.threads))
                    print(rows[-1], flush=True)
    command = f"python benchmarks/loss_and_ranking.py --data {' '.join(args.data)}"
    command += f" --density {' '.join(map(str, args.density))}"
    common.save("loss_and_ranking", command, {"rows": rows})


if __name__ == "__main__":
    main()
