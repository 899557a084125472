"""The power of the sum over negatives in the softmax of trained teachers (BSL): alone, and in an average with others.

    python benchmarks/negatives_power.py                              # gowalla, yelp2018 and ml-latest-small
    python benchmarks/negatives_power.py --datasets gowalla --powers 1 1.15 1.3 1.5

Writes docs/results/negatives_power.json. The others, closed forms, are chosen once a data set. NDCG@20 of the
validation part, of the users by whom shares are chosen: these are figures of a choice, not of a test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from sparserec.axes import TEACHERS
from sparserec.bench.data import AT_RANDOM, GIVEN, HELD_OUT, data_root, dataset
from sparserec.bench.parts import (
    Context,
    choose_spectrum,
    choose_teachers,
    cut,
    load_config,
    set_threads,
    train_vectors,
    width,
)
from sparserec.bench.script import Rows, run
from sparserec.starts.judging import judged_users, quality
from sparserec.starts.teaching import Member
from sparserec.teachers import OfHistories


def main(
    *,
    datasets: Sequence[str] = ("gowalla", "yelp2018", "ml-latest-small"),
    powers: Sequence[float] = (1.0, 1.15, 1.3, 1.5),
    threads: Annotated[int | None, "all when not given"] = None,
) -> Rows:
    set_threads(threads)
    for name in datasets:
        config = load_config("fism", data=HELD_OUT if name in GIVEN else AT_RANDOM)
        with TemporaryDirectory() as folder:
            parts = cut(dataset(data_root(None), name), config.data)
            context = Context(config, parts, Path(folder))
            history, users = parts.train.csr(), judged_users(config, parts)
            spectrum = choose_spectrum(context, width(config, parts))
            closed = choose_teachers(replace(context, config=_with(config, epochs=0)), spectrum)[0]
            for power in powers:
                asked = replace(context, config=_with(config, negatives_power=power))
                trained = train_vectors(asked, spectrum)
                joined = replace(closed, members=(*closed.members, Member(TEACHERS["pooled"], trained)))
                by_share = joined.by_share(parts, users)
                best = max(by_share, key=lambda share: by_share[share])
                yield {
                    "data": name,
                    "power": power,
                    "alone": round(quality(OfHistories(trained, history), parts, users), 4),
                    "closed forms alone": round(by_share[0.0], 4),
                    "best average": round(by_share[best], 4),
                    "its share": best,
                }
    return {"threads": threads}


def _with(config, **teacher):
    """A configuration with settings of the teacher."""
    return config.model_copy(update={"teacher": config.teacher.model_copy(update=teacher)})


if __name__ == "__main__":
    run(main)
