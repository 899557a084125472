"""The teachers that join the closed-form filter: trained item vectors, dense LightGCN, and EASE."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace

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
    settings, split = context.config.teacher, context.split
    users = judged_users(context.config, split)
    if settings.ease is None and (not len(users) or split.train.n_items > settings.ease_items):
        return None
    values = thresholds.REGULARISATIONS if settings.regularisation is None else (settings.regularisation,)
    values = values if len(users) else values[:1]
    if len(values) == 1:
        return ease(split.train.csr(), values[0])
    best, highest = None, -1.0
    for number, value in enumerate(values):
        context.course.count(number, len(values))
        teacher = ease(split.train.csr(), value)
        judged = quality(OfHistories(teacher, split.train.csr()), split, users)
        if judged > highest:
            best, highest = teacher, judged
    assert best is not None
    context.course.detail(f"EASE: regularisation {best.regularisation:g}, validation NDCG@20 {highest:.4f}")
    return best


def choose_local(context: Context, spectrum: Spectrum) -> LocalEase | None:
    """EASE with few neighbours an item, its regularisation chosen likewise; None where EASE itself can be tried."""
    settings, split = context.config.teacher, context.split
    users = judged_users(context.config, split)
    if settings.local is None and not (settings.spectrum and len(users) and split.train.n_items > settings.ease_items):
        return None
    common = CommonInteractions(split.train.csr(), min(settings.local_neighbours, split.train.n_items))
    values = thresholds.LOCAL_REGULARISATIONS if settings.regularisation is None else (settings.regularisation,)
    models = [local_ease(common, value) for value in (values if len(users) else values[len(values) // 2 :][:1])]
    if len(models) == 1:
        return models[0]
    judged = [quality(OfHistories(model, split.train.csr()), split, users) for model in models]
    best = int(np.argmax(judged))
    regularisation = models[best].regularisation
    context.course.detail(f"neighbours: regularisation {regularisation:g}, validation NDCG@20 {judged[best]:.4f}")
    return models[best]


def ease_facts(teacher: EaseTeacher | None, share: float) -> dict[str, float]:
    """What a run remembers of EASE."""
    return {"ease": share} | ({} if teacher is None else {"regularisation": teacher.regularisation})


def local_facts(teacher: LocalEase | None, share: float) -> dict[str, float]:
    """What a run remembers of EASE with few neighbours an item."""
    return {"local": share} | ({} if teacher is None else {"regularisation": teacher.regularisation})


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
    facts=ease_facts,
    words="EASE",
    summary="a linear model in closed form, where items are few",
)
LOCAL = TeacherKind(
    train=choose_local,
    share=lambda settings: settings.local,
    exponent=1.0,
    joins=True,
    facts=local_facts,
    arrays=local_arrays,
    restore=local_of,
    words="the linear model of neighbours",
    summary="EASE with few neighbours an item, for catalogues of any size",
)
