"""The first stage of a start with a teacher or a table of histories: the spectrum of the interactions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict

import numpy as np

from sparserec.interactions import Interactions
from sparserec.settings import TeacherConfig
from sparserec.sparsity import Spectrum, item_spectrum
from sparserec.sparsity.initial import PLAIN, Normalisation, normalised
from sparserec.starts import thresholds
from sparserec.starts.base import Context
from sparserec.starts.budget import width
from sparserec.starts.judging import judged_users, qualities
from sparserec.starts.settings import StartSettings
from sparserec.starts.stages import load_stage, save_stage
from sparserec.teachers import GraphFilter, Response
from sparserec.training.checkpoint import load_state

FILE = "spectrum.stage"


def spectrum_stage(context: Context, judge: Callable[[Spectrum], float] | None, columns: int | None = None) -> Spectrum:
    """The spectrum of the training part: from the run folder, or computed and left there.

    Args:
        context: of the run.
        judge: of spectra of interactions normalised in several ways, the best one is taken; by the best filter of each
            when not given.
        columns: singular values at most, fewer than a table has columns where only a teacher needs them.
    """
    path = context.folder / FILE
    if stored := load_stage(path, context.fingerprint):
        facts, arrays = stored
        return Spectrum(arrays["singular"], arrays["items"], Normalisation(**facts))
    context.course.begin("spectrum")
    dim, train = width(context.config, context.split), context.split.train
    dim = dim if columns is None else min(dim, columns)
    numbers = context.config.of(StartSettings).start_numbers
    if columns is None and numbers // train.n_items < min(context.config.dim, train.n_users - 1):
        context.course.note(
            f"the catalogue is large: {dim:,} of {context.config.dim:,} columns are used, as the setting "
            f"start_numbers, {numbers:,}, allows no more"
        )
    if context.teacher_run is None:
        spectrum = choose_spectrum(context, dim, judge)
    else:
        facts = load_state(context.teacher_run / "start.safetensors")[1].get("normalisation")
        how = Normalisation(**facts) if facts else PLAIN
        spectrum = item_spectrum(train.csr(), dim, seed=context.config.seed, normalisation=how)
    arrays = {"singular": spectrum.singular, "items": spectrum.items}
    save_stage(path, context.fingerprint, asdict(spectrum.normalisation), arrays)
    return spectrum


def choose_spectrum(context: Context, dim: int, judge: Callable[[Spectrum], float] | None = None) -> Spectrum:
    """The spectrum of interactions divided by what validation likes best.

    Dense data want the usual normalisation, and the graph of interactions alone, which takes no spectrum, tells them
    from long-tailed data. Only for these others are tried, each with a spectrum of its own.

    Args:
        context: of the run.
        dim: singular values.
        judge: see `spectrum_stage`.
    """
    config, split = context.config, context.split
    users, usual = judged_users(config, split), usual_normalisation(config.teacher)
    others = other_normalisations(config.teacher, usual)
    context.course.detail(f"finding {dim} singular vectors")
    chosen = item_spectrum(split.train.csr(), dim, seed=config.seed, normalisation=usual)
    if not len(users) or not others or not _worth_trying(context, usual, others, users):
        return chosen
    context.course.detail("choosing how interactions are normalised")
    # Other normalisations are told apart by what a few vectors are worth; only the one that is taken gets all of them.
    some = dim if judge else min(dim, thresholds.NORMALISATION_VECTORS)
    judge = judge or (lambda spectrum: _best_filter(context, spectrum, users))
    best = judge(chosen.narrowed(some))
    summary = f"validation NDCG@20: smoothing {usual.smoothing:g}, user power {usual.user_power:g} {best:.4f}"
    for other in others:
        spectrum = item_spectrum(split.train.csr(), some, seed=config.seed, normalisation=other)
        quality = judge(spectrum)
        summary += f"; {other.smoothing:g}, {other.user_power:g} {quality:.4f}"
        margin = 1 + thresholds.WORTH_NORMALISATION if chosen.normalisation == usual else 1
        if quality >= margin * best:
            chosen, best = spectrum, quality
    context.course.detail(summary)
    if len(chosen.singular) == dim:
        return chosen
    return item_spectrum(split.train.csr(), dim, seed=config.seed, normalisation=chosen.normalisation)


def usual_normalisation(teacher: TeacherConfig) -> Normalisation:
    """What settings of the teacher ask for, else the usual one."""
    power, smoothing = teacher.user_power, teacher.smoothing
    return Normalisation(1.0 if power is None else power, 0.0 if smoothing is None else smoothing)


def other_normalisations(teacher: TeacherConfig, usual: Normalisation) -> list[Normalisation]:
    """Those that are tried beside it, as far as settings leave them open."""
    others = [
        Normalisation(power, smoothing)
        for power, smoothing in thresholds.NORMALISATIONS
        if power == usual.user_power or teacher.user_power is None
        if smoothing == usual.smoothing or teacher.smoothing is None
    ]
    return [other for other in others if other != usual]


def degrees_of(train: Interactions, how: Normalisation) -> np.ndarray:
    """Interactions of items (n_items,) as a normalisation counts them."""
    return how.degrees(train.item_degrees())


def _worth_trying(context: Context, usual: Normalisation, others: Sequence[Normalisation], users: np.ndarray) -> bool:
    """Whether the graph alone, for a part of the users, ranks better with one of the first two others."""
    some = users[:: -(-len(users) // thresholds.GRAPH_USERS)]

    def of_graph(how: Normalisation) -> float:
        empty = np.zeros((context.split.train.n_items, 0), dtype=np.float32)
        return _quality(context, Spectrum(empty[0], empty, how), (0,), (1.0,), some)

    plain = of_graph(usual)
    return any(of_graph(other) >= (1 + thresholds.WORTH_TRYING) * plain for other in others[:2])


def _best_filter(context: Context, spectrum: Spectrum, users: np.ndarray) -> float:
    dim = len(spectrum.singular)
    ranks = dict.fromkeys((dim, -(-dim // max(thresholds.RANKS))))
    return _quality(context, spectrum, ranks, (0.0, 1.0), users)


def _quality(
    context: Context, spectrum: Spectrum, ranks: Iterable[int], weights: Sequence[float], users: np.ndarray
) -> float:
    """Validation NDCG@20 of the best filter of these ranks and weights of the graph."""
    train, how = context.split.train, spectrum.normalisation
    matrix, degrees = normalised(train.csr(), how), degrees_of(train, how)
    power = context.config.of(StartSettings).init_power
    filters = [
        GraphFilter(matrix, spectrum.singular[:rank], spectrum.items[:, :rank], degrees, Response(power, weight))
        for rank in ranks
        for weight in weights
    ]
    return max(qualities(filters, context.split, users))
