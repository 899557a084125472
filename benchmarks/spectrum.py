"""Teachers in closed form, with and without what lies beyond the known singular vectors.

    python benchmarks/spectrum.py                              # gowalla and yelp2018
    python benchmarks/spectrum.py --datasets ml-latest-small --vectors 512

Writes docs/results/spectrum.json. Nothing is trained. Settings of each teacher and the share of each in an average are
chosen on the validation part, for the same users by whom NDCG@20 is then told: these are figures of a choice, not of a
test. Minutes a data set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from sparserec import Split, load, split
from sparserec.bench.data import data_path
from sparserec.bench.parts import set_threads
from sparserec.bench.script import Rows, run
from sparserec.bench.timing import timed
from sparserec.settings import load_config
from sparserec.starts.base import Context
from sparserec.starts.filters import choose_filters
from sparserec.starts.judging import judged_users, quality
from sparserec.starts.spectrum import choose_spectrum
from sparserec.starts.teaching import Member, Teaching
from sparserec.starts.trained import EASE, LOCAL


def main(
    *,
    datasets: Sequence[str] = ("gowalla", "yelp2018"),
    vectors: Annotated[int, "singular vectors"] = 1024,
    threads: Annotated[int | None, "all when not given"] = None,
) -> Rows:
    set_threads(threads)
    for name in datasets:
        parts = split(load(data_path(name)))
        with TemporaryDirectory() as folder:
            for words, teaching, seconds in _teachers(parts, vectors, Path(folder)):
                users = judged_users(load_config("fism"), parts)
                judged = quality(teaching.scorer(parts.train.csr()), parts, users)
                yield {
                    "data": name,
                    "teacher": words,
                    "valid ndcg@20": round(judged, 4),
                    "chosen": _chosen(teaching),
                    "s": round(seconds, 1),
                }


def _teachers(parts: Split, vectors: int, folder: Path) -> Any:
    """Each teacher with its name and the seconds that it took, for filters those of the spectrum too."""
    low, whole = (load_config("fism", dim=vectors, teacher={"spectrum": which}) for which in ("low", "whole"))
    before, context = (Context(config, parts, folder) for config in (low, whole))
    users = judged_users(low, parts)
    seconds, spectrum = timed(partial(choose_spectrum, before, min(vectors, parts.train.n_items - 1)))
    took, closed = timed(partial(choose_filters, before, spectrum))
    yield "low-pass filter", Teaching(closed[0], spectrum.normalisation), seconds + took
    took, closed = timed(partial(choose_filters, context, spectrum))
    plateau = Teaching(closed[0], spectrum.normalisation)
    yield "plateau and a line beyond", plateau, seconds + took
    for words, kind in (("EASE", EASE), ("a linear model of neighbours", LOCAL)):
        took, model = timed(partial(kind.train, context, spectrum))
        if model is None:
            continue
        by_share = replace(plateau, members=(Member(kind, model),)).by_share(parts, users)
        share = max(by_share, key=lambda share: by_share[share])
        yield f"the same and {words}", replace(plateau, members=(Member(kind, model, share),)), took


def _chosen(teaching: Teaching) -> str:
    response = teaching.closed.response
    words = [f"neighbours {response.neighbours:g}", f"exponent {response.exponent:g}"]
    if response.steepness:
        words = [f"steepness {response.steepness:g}", f"ideal {response.ideal:g}", *words]
    else:
        words = [f"power {response.power:g}", *words]
    for member in teaching.members:
        model: Any = member.teacher
        words += [f"share {member.share:g}", f"regularisation {model.regularisation:g}"]
    return ", ".join(words)


if __name__ == "__main__":
    run(main)
