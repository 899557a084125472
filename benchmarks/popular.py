"""How near `popular()` of an exported file comes to the true number of users of each item.

    python benchmarks/popular.py model.safetensors $SPARSEREC_DATA/ml-latest-small

Writes docs/results/popular.json: the rank correlation (Spearman) over all items, and how many of the 20 most popular
items are among the first 20. Options about reading are those that the file's card remembers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from sparserec.bench.script import run
from sparserec.device import Recommender
from sparserec.errors import SparserecError
from sparserec.runs.data import read
from sparserec.settings import parse_config

FIRST = 20


def main(model: Path, data: Path) -> dict[str, Any]:
    recommender = Recommender.open(model)
    config = parse_config(dict(recommender.card.recipe), str(model))
    every = read(data, config.data).interactions
    users = dict(zip(every.items.to_list(), every.item_degrees().tolist(), strict=True))
    if users.keys() != set(recommender.item_ids):
        raise SparserecError(f"{model} is of other items than {data}")
    order = [item for item, _ in recommender.popular(len(users))]
    most = set(sorted(users, key=lambda item: -users[item])[:FIRST])
    correlation = spearmanr(np.arange(len(order)), [-users[item] for item in order]).statistic
    return {
        "recipe": config.recipe,
        "items": len(order),
        "rank correlation": round(float(correlation), 3),
        f"of the {FIRST} most popular among the first {FIRST}": len(most & set(order[:FIRST])),
    }


if __name__ == "__main__":
    run(main)
