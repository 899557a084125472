"""Dense LightGCN beside its published figures: the same data, layers, columns and parts as the paper's, on gowalla.

The paper trains with BPR for up to a thousand epochs on the whole training part. Here the loss is the sampled softmax
of the recipe, which needs far fewer; validation chooses the epoch on a cut of the training part, then all of it is
trained on for as many epochs, and the test part is read once.

    python benchmarks/published.py --folder FOLDER [--epochs 20] [--threads 1]

A training that was cut off goes on in its folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from sparserec import train
from sparserec.bench.data import HELD_OUT, data_path
from sparserec.bench.parts import finished
from sparserec.bench.script import run
from sparserec.bench.statistics import beside
from sparserec.recommenders.settings import LightGCNSettings

PUBLISHED = {"recall@20": 0.1830, "ndcg@20": 0.1554}
"""LightGCN with 3 layers and 64 columns on gowalla: He et al., SIGIR 2020, table 3."""


def main(
    *,
    folder: Annotated[Path, "run folder"],
    epochs: Annotated[int, "at most"] = 20,
    threads: Annotated[int | None, "all when not given"] = None,
    dataset: str = "gowalla",
) -> dict:
    settings = {"recipe": "lightgcn", "method": "dense", "epochs": epochs, "refit": True, "data": HELD_OUT}
    trained = finished(train(data_path(dataset), folder, threads=threads, resume=True, stage=print, **settings))
    best, history = trained.valid_metrics(), trained.log()
    return {
        "columns": trained.config.dim,
        "layers": trained.config.of(LightGCNSettings).layers,
        "examples a batch": trained.config.batch_size,
        "negatives a batch": trained.config.n_negatives,
        "L2 on the rows of examples": trained.config.l2,
        "epochs": int(best["epoch"]) + 1,
        "of at most": epochs,
        "validation NDCG@20 by epoch": " ".join(f"{entry['ndcg@20']:.4f}" for entry in history),
        "the first of both trainings s": round(history[-1]["seconds"]),
        "test part": "read once before, with an earlier recipe (docs/decisions/0027-what-the-paper-claims.md)",
        **beside(trained.evaluate("test"), PUBLISHED, "published", "published"),
    }


if __name__ == "__main__":
    run(main, quick={"dataset": "ml-latest-small", "epochs": 1})
