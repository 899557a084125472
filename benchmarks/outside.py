"""The default recipe on a published split that it was never tuned on: Amazon-book as cut for KGAT, from its file.

Seventy thousand users of whom half have five interactions or fewer, 24,915 items. The split comes with the code of
"Knowledge Graph Contrastive Learning for Recommendation" (Yang et al., SIGIR 2022; github.com/yuh-yang/KGCL-SIGIR22,
data/amazon-book), and so does a log of that model's training there, log/Amazon-Book.log, from which its best figures
are: it too ranks all items that a user has not taken. It knows a graph of facts about the books, which ours does not.

    sparserec train FOLDER/amazon-book --budget 12B/item --out RUN
    python benchmarks/outside.py FOLDER/amazon-book RUN
"""

from __future__ import annotations

import argparse
from pathlib import Path

import common
import sparserec
from sparserec.interactions import load, split

PUBLISHED = {"recall@20": 0.1496, "ndcg@20": 0.0791}
"""The best recall of KGCL on the test part in its authors' log, and the NDCG beside it: the epoch is chosen on test."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with train.txt and test.txt")
    parser.add_argument("run", type=Path, help="run folder of `sparserec train`")
    args = parser.parse_args()
    run, parts = sparserec.Run.open(args.run), split(load(args.data))
    found = common.from_file(run, args.run / "model.safetensors", parts)
    result: dict[str, object] = {
        "users": parts.train.n_users,
        "items": parts.train.n_items,
        "bytes of the file, raw ids apart": found["bytes"],
        "bytes an item": round(found["bytes"] / parts.train.n_items, 2),
    }
    for name, published in PUBLISHED.items():
        result[f"test {name}"] = round(found[name], 4)
        result[f"test {name}, KGCL as published"] = published
        result[f"test {name}, against that"] = f"{found[name] / published - 1:+.1%}"
    common.save("outside", "python benchmarks/outside.py FOLDER/amazon-book RUN", result)


if __name__ == "__main__":
    main()
