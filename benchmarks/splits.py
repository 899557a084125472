"""Whether the test parts that come with the data are samples of their interactions: writes docs/results/splits.json.

    python benchmarks/splits.py
    python benchmarks/splits.py --datasets gowalla

In a random part, how many of an item's interactions fall into the part is binomial, nearly: the squared deviation from
its expectation is, on average over items, the variance. The ratio of both is 1 for a random sample of each user's
interactions, which our validation part is when cut from all users; far above 1 it tells that some items are in the test
part much more often than in the training part, and others less. Counts of items alone are read.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sparserec import load, split
from sparserec.bench.data import data_path
from sparserec.bench.script import Rows, run

EXPECTED = 2
"""Items of which fewer interactions are expected in the part are left out: they say little."""


def ratio(rest: np.ndarray, part: np.ndarray) -> float:
    """Mean over items of squared deviation over variance, of the items' counts (n,) in a part and in the rest."""
    share, both = part.sum() / (part.sum() + rest.sum()), part + rest
    enough = both * share >= EXPECTED
    mean, part = both[enough] * share, part[enough]
    return float(((part - mean) ** 2 / (mean * (1 - share))).mean())


def main(datasets: Sequence[str] = ("gowalla", "yelp2018")) -> Rows:
    for name in datasets:
        parts = split(load(data_path(name)), valid_users=1.0)
        train, valid = parts.train.item_degrees(), parts.valid.item_degrees()
        given, ours = ratio(train + valid, parts.test.item_degrees()), ratio(train, valid)
        yield {"data": name, "test part given": round(given, 3), "validation part cut from all users": round(ours, 3)}
    return {}


if __name__ == "__main__":
    run(main, quick={"datasets": ["ml-latest-small"]})
