"""Dense LightGCN beside its published figures: the same data, layers, columns and parts as the paper's, on gowalla.

The paper trains with BPR for up to a thousand epochs on the whole training part. Here the loss is the sampled softmax
of the recipe, which needs far fewer; validation chooses the epoch on a cut of the training part, then all of it is
trained on for as many epochs, and the test part is read once.

    python benchmarks/published.py --folder FOLDER [--epochs 20] [--threads 1]

A training that was cut off goes on in its folder.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import common
import sparserec

PUBLISHED = {"recall@20": 0.1830, "ndcg@20": 0.1554}
"""LightGCN with 3 layers and 64 columns on gowalla: He et al., SIGIR 2020, table 3."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="run folder")
    parser.add_argument("--epochs", type=int, default=20, help="at most (default 20)")
    parser.add_argument("--threads", type=int, default=None, help="all when not given")
    args = parser.parse_args()
    settings = {"recipe": "lightgcn", "method": "dense", "epochs": args.epochs, "refit": True}
    run = sparserec.train(
        common.data_path("gowalla"), args.folder, threads=args.threads, resume=True, stage=print, **settings
    )
    if run.ended == "interrupted":
        raise SystemExit("interrupted; the same command goes on")
    best, found, history = run.valid_metrics(), run.evaluate("test"), run.log()
    result: dict[str, object] = {
        "columns": run.config.dim,
        "layers": run.config.layers,
        "examples a batch": run.config.batch_size,
        "negatives a batch": run.config.n_negatives,
        "L2 on the rows of examples": run.config.l2,
        "epochs": int(best["epoch"]) + 1,
        "of at most": args.epochs,
        "validation NDCG@20 by epoch": " ".join(f"{entry['ndcg@20']:.4f}" for entry in history),
        "the first of both trainings s": round(history[-1]["seconds"]),
        "test part": "read once before, with an earlier recipe (docs/decisions/0027-what-the-paper-claims.md)",
    }
    for name, published in PUBLISHED.items():
        result[f"test {name}"] = round(found[name], 4)
        result[f"test {name}, published"] = published
        result[f"test {name}, against published"] = f"{found[name] / published - 1:+.1%}"
    common.save("published", f"python benchmarks/published.py --folder FOLDER --epochs {args.epochs}", result)


if __name__ == "__main__":
    main()
