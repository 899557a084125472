"""Evaluation of a run folder or of an exported file, on data given by path."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from sparserec.device import Recommender
from sparserec.errors import SparserecError
from sparserec.evaluation import Metrics, evaluate
from sparserec.interactions import Split
from sparserec.runs.data import cut, read
from sparserec.runs.run import Run, with_rivals
from sparserec.settings import parse_config


def evaluate_path(
    model: str | os.PathLike[str],
    data: str | os.PathLike[str],
    part: str = "test",
    ks: tuple[int, ...] = (20,),
    *,
    exclude_history: bool = True,
    compare: bool = False,
) -> Metrics:
    """Full-ranking metrics of a run folder or an exported file.

    Args:
        model: a run folder, or an exported file, which is evaluated through the device runtime.
        data: the interactions it was trained on; read and cut in the way that was used for training.
        part: "valid" or "test".
        ks: lengths of the list.
        exclude_history: False to rank what users are known to have taken too.
        compare: measure popularity and a tuned neighbour model beside it, as `Metrics.rivals`.

    Raises:
        SparserecError: when the data is not what the model was trained on.
    """
    model, data = Path(model), Path(data)
    how = {"exclude_history": exclude_history, "compare": compare}
    if not model.exists():
        raise SparserecError(f"{model}: no such run folder or exported file")
    if model.is_dir():
        run = Run.open(model)
        run.attach(cut(read(data, run.config.data), run.config.data), str(data))
        return run.evaluate(part, ks, **how)
    recommender = Recommender.open(model)
    config = parse_config(dict(recommender.card.recipe), f"{model}: model card")
    split = cut(read(data, config.data), config.data)
    if split.fingerprint() != recommender.card.data_fingerprint:
        raise SparserecError(f"{model} was trained on other data than {data}: their fingerprints differ")
    if part == "valid" and config.refit:
        raise SparserecError(
            f"{model} was trained on the validation part too; evaluate its run folder, which has the model from before"
        )
    return evaluate_on_device(recommender, split, part, ks, **how)


def evaluate_on_device(
    recommender: Recommender,
    split: Split,
    part: str = "test",
    ks: tuple[int, ...] = (20,),
    from_history: bool = False,
    exclude_history: bool = True,
    compare: bool = False,
) -> Metrics:
    """Full-ranking metrics through the device runtime; with `from_history`, as if every user were new."""
    history = split.history(part)
    relevant = split.valid if part == "valid" else split.test
    if relevant.nnz == 0:
        raise SparserecError(f"the {part} part holds no interactions")
    by_history = from_history or not recommender.has_users
    scorer = _OnDevice(recommender, history if by_history else None)
    metrics = evaluate(scorer, history, relevant, ks=ks, exclude_history=exclude_history)
    return with_rivals(metrics, split, part, ks, exclude_history) if compare else metrics


class _OnDevice:
    """The device runtime as a scorer of users by index."""

    def __init__(self, recommender: Recommender, history):
        self._recommender, self._history = recommender, history
        self.n_items = recommender.n_items

    def score(self, users: np.ndarray) -> np.ndarray:
        if self._history is None:
            return self._recommender.score_users(users)
        starts, ends = self._history.indptr[users], self._history.indptr[users + 1]
        pieces = [self._history.indices[a:b] for a, b in zip(starts, ends, strict=True)]
        indptr = np.concatenate(([0], np.cumsum(ends - starts)))
        return self._recommender.score_histories(indptr, np.concatenate(pieces))
