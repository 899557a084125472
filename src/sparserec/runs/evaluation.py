"""Evaluation of a run folder or of an exported file, on data given by path."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from sparserec.device import Recommender
from sparserec.errors import SparserecError, option
from sparserec.evaluation import Metrics, evaluate
from sparserec.interactions import Split
from sparserec.runs.data import cut, read
from sparserec.runs.run import Run, trained_on, without_part
from sparserec.settings import parse_config


def evaluate_path(model: Path, data: Path, part: str = "test", ks: tuple[int, ...] = (20,)) -> Metrics:
    """Full-ranking metrics of a run folder or an exported file.

    Args:
        model: a run folder, or an exported file, which is evaluated through the device runtime.
        data: the interactions it was trained on; read and cut in the way that was used for training.
        part: "valid" or "test".
        ks: lengths of the list.

    Raises:
        SparserecError: when the data is not what the model was trained on.
    """
    if not model.exists():
        raise SparserecError(f"{model}: no such run folder or exported file")
    if model.is_dir():
        run = Run.open(model)
        run.attach(cut(read(data, run.config.data), run.config.data), str(data))
        return run.evaluate(part, ks)
    recommender = Recommender.open(model)
    config = parse_config(dict(recommender.card.recipe), f"{model}: model card")
    split = cut(read(data, config.data), config.data)
    if split.fingerprint() != recommender.card.data_fingerprint:
        raise SparserecError(f"{model} was trained on other data than {data}: their fingerprints differ")
    if config.refit and config.data.holdout is False:
        raise SparserecError(
            f"{model} was trained on everything, the {part} part of {data} too, so a figure would say nothing: "
            f"evaluate its run folder, which has the model from before, or train with {option('holdout', True)}"
        )
    if part == "valid" and config.refit:
        raise SparserecError(
            f"{model} was trained on the validation part too; evaluate its run folder, which has the model from before"
        )
    metrics = evaluate_on_device(recommender, split, part, ks)
    on = trained_on(config, bool(config.refit), split.valid.nnz, split.test.nnz)
    return replace(metrics, measured_on=f"{part} part, by a file trained on {on}")


def evaluate_on_device(
    recommender: Recommender, split: Split, part: str = "test", ks: tuple[int, ...] = (20,), from_history: bool = False
) -> Metrics:
    """Full-ranking metrics through the device runtime; with `from_history`, as if every user were new."""
    history = split.history(part)
    relevant = split.valid if part == "valid" else split.test
    if relevant.nnz == 0:
        raise SparserecError(without_part(part, split.kind, "the data"))
    by_history = from_history or not recommender.has_users
    return evaluate(_OnDevice(recommender, history if by_history else None), history, relevant, ks=ks)


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
