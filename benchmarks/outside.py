"""The default recipe on a published split that it was never tuned on: Amazon-book as cut for KGAT, from its file.

Seventy thousand users of whom half have five interactions or fewer, 24,915 items. The split comes with the code of
"Knowledge Graph Contrastive Learning for Recommendation" (Yang et al., SIGIR 2022; github.com/yuh-yang/KGCL-SIGIR22,
data/amazon-book), and so does a log of that model's training there, log/Amazon-Book.log, from which its best figures
are: it too ranks all items that a user has not taken. It knows a graph of facts about the books, which ours does not.

    sparserec train FOLDER/amazon-book --budget 12B/item --out RUN
    python benchmarks/outside.py FOLDER/amazon-book RUN
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from sparserec import Run, load, split
from sparserec.bench.measure import measure_file
from sparserec.bench.script import run
from sparserec.bench.statistics import beside

PUBLISHED = {"recall@20": 0.1496, "ndcg@20": 0.0791}
"""The best recall of KGCL on the test part in its authors' log, and the NDCG beside it: the epoch is chosen on test."""


def main(
    data: Annotated[Path, "folder with train.txt and test.txt"],
    run_folder: Annotated[Path, "of `sparserec train`"],
) -> dict:
    parts = split(load(data))
    figures = measure_file(Run.open(run_folder), run_folder / "model.safetensors", parts)
    return {
        "users": parts.train.n_users,
        "items": parts.train.n_items,
        "bytes of the file, raw ids apart": figures["bytes"],
        "bytes an item": round(figures["bytes"] / parts.train.n_items, 2),
        **beside(figures, PUBLISHED, "KGCL as published", "that"),
    }


if __name__ == "__main__":
    run(main)
