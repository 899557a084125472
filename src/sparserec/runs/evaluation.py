"""Evaluation of a run folder or of an exported file, on data given by path."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sparserec.device import Recommender
from sparserec.errors import SparserecError, option
from sparserec.evaluation import Metrics, evaluate
from sparserec.interactions import Dataset, Split
from sparserec.runs.data import cut, read
from sparserec.runs.run import Run, trained_on, with_rivals, without_part
from sparserec.settings import DataConfig, parse_config


def evaluate_path(
    model: str | os.PathLike[str],
    data: Any = None,
    part: str = "test",
    ks: tuple[int, ...] = (20,),
    *,
    reading: Mapping[str, Any] | None = None,
    note: Callable[[str], None] | None = None,
    exclude_history: bool = True,
    compare: bool = False,
) -> Metrics:
    """Full-ranking metrics of a run folder or an exported file.

    Args:
        model: a run folder, or an exported file, which is evaluated through the device runtime.
        data: the interactions it was trained on, as `load` takes them; read and cut in the way that was used for
            training. None for a run folder, which knows its own.
        part: "valid" or "test".
        ks: lengths of the list.
        reading: arguments of `load` that replace those used for training.
        note: called with a sentence about the data that bears on the metrics.
        exclude_history: False to rank what users are known to have taken too.
        compare: measure popularity and a tuned neighbour model beside it, as `Metrics.rivals`.

    Raises:
        SparserecError: when the data is not what the model was trained on.
    """
    model, say = Path(model), note or (lambda sentence: None)
    how = {"exclude_history": exclude_history, "compare": compare}
    if not model.exists():
        raise SparserecError(f"{model}: no such run folder or exported file")
    if model.is_dir():
        run = Run.open(model)
        if data is not None:
            run.attach(_cut(data, run.config.data, reading, say), named(data))
        return run.evaluate(part, ks, **how)
    recommender = Recommender.open(model)
    if data is None:
        raise SparserecError(f"{model} is an exported file: give the interactions that it was trained on too")
    config = parse_config(dict(recommender.card.recipe), f"{model}: model card")
    split = _cut(data, config.data, reading, say)
    if split.fingerprint() != recommender.card.data_fingerprint:
        raise SparserecError(f"{model} was trained on other data than {named(data)}: their fingerprints differ")
    if config.refit and config.data.holdout is False:
        raise SparserecError(
            f"{model} was trained on everything, the {part} part of {named(data)} too, so a figure would say nothing: "
            f"evaluate its run folder, which has the model from before, or train with {option('holdout', True)}"
        )
    if part == "valid" and config.refit:
        raise SparserecError(
            f"{model} was trained on the validation part too; evaluate its run folder, which has the model from before"
        )
    metrics = evaluate_on_device(recommender, split, part, ks, **how)
    on = trained_on(config, bool(config.refit), split.valid.nnz, split.test.nnz)
    return replace(metrics, measured_on=f"{part} part, by a file trained on {on}")


def named(data: Any) -> str:
    """What messages call interactions that were given."""
    return str(data) if isinstance(data, str | os.PathLike) else "the interactions given"


def _cut(data: Any, config: DataConfig, reading: Mapping[str, Any] | None, say: Callable[[str], None]) -> Split:
    dataset = data if isinstance(data, Dataset) else read(data, config, reading)
    for sentence in dataset.notes:
        say(sentence)
    return cut(dataset, config)


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
        raise SparserecError(without_part(part, split.kind, "the data"))
    by_history = from_history or not recommender.has_users
    if by_history and recommender.ordered and history.timestamps is None:
        raise SparserecError(
            "this file scores histories in the order of time, and the interactions have no timestamps: "
            f"name their column ({option('timestamp')})"
        )
    scorer = _OnDevice(recommender, history if by_history else None)
    metrics = evaluate(scorer, history, relevant, ks=ks, exclude_history=exclude_history)
    if not compare:
        return metrics
    refitted = part == "test" and recommender.card.recipe.get("refit")
    return with_rivals(metrics, split, part, split.history("test") if refitted else split.train, ks, exclude_history)


class _OnDevice:
    """The device runtime as a scorer of users by index."""

    def __init__(self, recommender: Recommender, history):
        self._recommender, self.n_items = recommender, recommender.n_items
        self._history = None
        if history is not None:
            self._history = history.ordered() if recommender.ordered else (history.indptr, history.indices)

    def score(self, users: np.ndarray) -> np.ndarray:
        if self._history is None:
            return self._recommender.score_users(users)
        bounds, items = self._history
        starts, ends = bounds[users], bounds[users + 1]
        pieces = [items[a:b] for a, b in zip(starts, ends, strict=True)]
        indptr = np.concatenate(([0], np.cumsum(ends - starts)))
        return self._recommender.score_histories(indptr, np.concatenate(pieces))
