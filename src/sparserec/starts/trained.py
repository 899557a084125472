"""The teachers that join the closed-form filter: trained item vectors, dense LightGCN, and EASE."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeVar

import numpy as np
import scipy.sparse as sp

from sparserec.files import make_folder
from sparserec.protocols import Scorer
from sparserec.recommenders.settings import LightGCNSettings
from sparserec.settings import load_config
from sparserec.sparsity import Spectrum
from sparserec.starts import thresholds
from sparserec.starts.base import Context, Start
from sparserec.starts.factorised import dense_matrices
from sparserec.starts.judging import judged_users, quality, taught_users
from sparserec.starts.settings import StartSettings
from sparserec.starts.spectrum import degrees_of
from sparserec.teachers import (
    CommonInteractions,
    EaseTeacher,
    LocalEase,
    OfHistories,
    PooledSettings,
    PooledTeacher,
    TeacherKind,
    ease,
    local_ease,
    train_pooled,
)
from sparserec.training import Progress, assemble, build_plan, build_task, build_trainer

Linear = TypeVar("Linear", EaseTeacher, LocalEase)

POOLED_NUMBERS = 40_000_000
"""Numbers in a table of trained vectors at most: very large catalogues get fewer columns."""


def train_vectors(context: Context, spectrum: Spectrum) -> PooledTeacher | None:
    """Dense item vectors that are summed over a history, trained on the training part from the spectrum."""
    train, settings = context.split.train, context.config.teacher
    if not settings.epochs:
        return None
    users = taught_users(context.config, context.split)
    dim = min(settings.dim, len(spectrum.singular), max(16, POOLED_NUMBERS // train.n_items))
    root = np.sqrt(degrees_of(train, spectrum.normalisation))[:, None]
    power = np.float32(context.config.of(StartSettings).init_power)
    vectors = spectrum.items[:, :dim] * spectrum.singular[:dim] ** power * root
    pooled = PooledSettings(
        epochs=settings.epochs,
        temperature=settings.temperature,
        power=settings.negatives_power,
        lr=settings.lr,
        batch=min(512, max(32, len(users) // 40)),
        seed=context.config.seed,
    )
    return train_pooled(
        train.csr() if len(users) == train.n_users else train.csr()[users],
        vectors,
        pooled,
        lambda done, loss: _epoch(context, done, pooled.epochs, loss),
    )


def _epoch(context: Context, done: int, epochs: int, loss: float) -> None:
    """An epoch of a trained teacher is over."""
    context.course.count(done, epochs)
    context.course.detail(f"teacher: epoch {done} of {epochs}, loss {loss:.4f}")


def train_lightgcn(context: Context, spectrum: Spectrum) -> Scorer | None:
    """Dense LightGCN on the training part; what it writes in the run folder is removed again.

    Scores are cosines, trained as those of the vectors are, from a spectral start.
    """
    settings, train = context.config.teacher, context.split.train
    if not settings.epochs:
        return None
    config = load_config(
        "lightgcn",
        method="dense",
        dim=min(settings.dim, train.n_users - 1, train.n_items - 1),
        layers=context.config.of(LightGCNSettings).layers,
        similarity="cosine",
        temperature=settings.temperature,
        lr=settings.lr,
        epochs=settings.epochs,
        batch_size=min(4096, max(256, train.nnz // 200)),
        n_negatives=512,
        weight_decay=1e-6,  # `l2` would shrink rows whose length doesn't count
        l2=0.0,
        seed=context.config.seed,
    )
    nothing = np.zeros(context.split.valid.nnz, dtype=bool)
    split = replace(context.split, valid=context.split.valid.where(nothing))
    folder = context.folder / "lightgcn"
    start = Start(dense_matrices(replace(context, config=config, split=split)))
    model = assemble(config, start.make(), train)
    reported = [0]

    def report(progress: Progress) -> None:
        if len(progress.log) > reported[0]:
            reported[0] = len(progress.log)
            _epoch(context, reported[0], config.epochs, progress.loss)

    make_folder(folder)
    plan = build_plan(config, split, model)
    trainer = build_trainer(config, split, model, build_task(config, split), plan, folder, report=report)
    trainer.resume()
    trainer.run()
    shutil.rmtree(folder, ignore_errors=True)
    return model.scorer(train)


def choose_ease(context: Context, spectrum: Spectrum) -> EaseTeacher | None:
    """EASE with the regularisation that validation likes best; None where items are too many."""
    settings, train = context.config.teacher, context.split.train
    judges = len(judged_users(context.config, context.split)) > 0
    if settings.ease is None and (not judges or train.n_items > settings.ease_items):
        return None
    return _best_regularised(context, thresholds.REGULARISATIONS, partial(ease, train.csr()), "EASE")


def choose_local(context: Context, spectrum: Spectrum) -> LocalEase | None:
    """EASE with few neighbours an item, its regularisation chosen likewise; None where EASE itself can be tried."""
    settings, train = context.config.teacher, context.split.train
    judges = len(judged_users(context.config, context.split)) > 0
    if settings.local is None and not (settings.spectrum == "whole" and judges and train.n_items > settings.ease_items):
        return None
    common = CommonInteractions(train.csr(), min(settings.local_neighbours, train.n_items))
    return _best_regularised(context, thresholds.LOCAL_REGULARISATIONS, partial(local_ease, common), "neighbours")


def _best_regularised(
    context: Context, values: tuple[float, ...], fit: Callable[[float], Linear], words: str
) -> Linear:
    """The model that validation likes best; of the first regularisation where nothing can be judged."""
    split, asked = context.split, context.config.teacher.regularisation
    users = judged_users(context.config, split)
    if asked is not None or not len(users):
        return fit(values[0] if asked is None else asked)
    best, highest = None, -1.0
    for number, value in enumerate(values):
        context.course.count(number, len(values))
        model = fit(value)
        judged = quality(OfHistories(model, split.train.csr()), split, users)
        if judged > highest:
            best, highest = model, judged
    assert best is not None
    context.course.detail(f"{words}: regularisation {best.regularisation:g}, validation NDCG@20 {highest:.4f}")
    return best


def linear_facts(name: str, teacher: EaseTeacher | LocalEase | None, share: float) -> dict[str, float]:
    """What a run remembers of a linear model, its share by its name in `[teacher]`."""
    return {name: share} | ({} if teacher is None else {"regularisation": teacher.regularisation})


def local_arrays(teacher: LocalEase) -> dict[str, np.ndarray]:
    """What it is made of again."""
    weights = teacher.weights
    return {
        "data": np.asarray(weights.data),
        "indices": np.asarray(weights.indices),
        "indptr": np.asarray(weights.indptr),
        "regularisation": np.array(teacher.regularisation),
    }


def local_of(arrays: Mapping[str, np.ndarray]) -> LocalEase:
    """The teacher of these arrays."""
    n_items = len(arrays["indptr"]) - 1
    weights = sp.csr_array((arrays["data"], arrays["indices"], arrays["indptr"]), shape=(n_items, n_items))
    return LocalEase(weights, float(arrays["regularisation"]))


POOLED = TeacherKind(
    train=train_vectors,
    arrays=lambda teacher: {"into": teacher.into, "out": teacher.out},
    restore=lambda arrays: PooledTeacher(arrays["into"], arrays["out"]),
    summary="dense item vectors that are summed over a history, trained with a softmax of cosines",
)
LIGHTGCN = TeacherKind(
    train=train_lightgcn, settings=LightGCNSettings, summary="dense LightGCN, which takes far longer an epoch"
)
EASE = TeacherKind(
    train=choose_ease,
    share=lambda settings: settings.ease,
    exponent=1.0,
    joins=True,
    facts=partial(linear_facts, "ease"),
    words="EASE",
    summary="a linear model in closed form, where items are few",
)
LOCAL = TeacherKind(
    train=choose_local,
    share=lambda settings: settings.local,
    exponent=1.0,
    joins=True,
    facts=partial(linear_facts, "local"),
    arrays=local_arrays,
    restore=local_of,
    words="the linear model of neighbours",
    summary="EASE with few neighbours an item, for catalogues of any size",
)
