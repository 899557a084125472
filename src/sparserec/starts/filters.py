"""The closed-form filters of which every teacher begins, as validation chooses them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sparserec.sparsity import Spectrum
from sparserec.sparsity.initial import normalised
from sparserec.starts import thresholds
from sparserec.starts.base import Context
from sparserec.starts.judging import judged_users, qualities
from sparserec.starts.spectrum import degrees_of
from sparserec.teachers import GraphFilter

MakeFilter = Callable[[int, float, float], GraphFilter]
"""Rank, power, weight of the graph -> filter."""


def filters_of(context: Context, spectrum: Spectrum) -> MakeFilter:
    """Filters of one spectrum."""
    train = context.split.train
    matrix, degrees = normalised(train.csr(), spectrum.normalisation), degrees_of(train, spectrum.normalisation)

    def make(rank: int, power: float, neighbours: float) -> GraphFilter:
        singular, items = spectrum.singular[:rank], spectrum.items[:, :rank]
        return GraphFilter(matrix, singular, items, degrees, power=power, neighbours=neighbours)

    return make


def choose_filters(context: Context, spectrum: Spectrum) -> list[GraphFilter]:
    """The filters that validation chooses, one for each rank worth a try, the best one first.

    For each rank one setting after the other: power, weight of the graph. Of several powers that are about as good it
    takes the largest: the smoothest filter suffers least when the users to come are not quite like those of the
    validation part. A share of the graph itself is of full rank, which a table of few columns follows only in part, so
    it must be worth more than that.
    """
    context.course.begin("filter")
    settings, users = context.config.teacher, judged_users(context.config, context.split)
    if len(users):
        context.course.detail("choosing the teacher on the validation part")
    make = filters_of(context, spectrum)
    ranks = _ranks(settings.rank, len(spectrum.singular), bool(len(users)))
    powers = _candidates(settings.power, thresholds.POWERS, bool(len(users)))
    weights = _candidates(settings.neighbours, thresholds.NEIGHBOURS, bool(len(users)))
    smooth = _by_rank(context, make, ranks, powers, weights[0], users)
    chosen = sorted(smooth, key=lambda entry: -entry[0])[: thresholds.TRIED]  # of equals the highest rank
    mixed = [make(rank, power, weight) for _, rank, power in chosen for weight in weights]
    judged = _judged(context, mixed, users) if len(weights) > 1 else [quality for quality, _, _ in chosen]
    filters, quality = [], iter(judged)
    for _, rank, power in chosen:
        by_weight = {weight: next(quality) for weight in weights}
        weight = largest_worth_it(by_weight)
        validated = f": validation NDCG@20 {by_weight[weight]:.4f}" if by_weight[weight] else ""
        context.course.detail(f"filter: rank {rank}, power {power:g}, neighbours {weight:g}{validated}")
        filters.append(make(rank, power, weight))
    return filters


def smoothest(by_power: dict[float, float]) -> float:
    """The largest of the powers that are about as good as the best, from the validation NDCG of each."""
    best = max(by_power.values())
    return max(power for power, quality in by_power.items() if quality >= (1 - thresholds.AS_GOOD) * best)


def largest_worth_it(by_weight: dict[float, float]) -> float:
    """The best weight of the graph where it is worth its rank, else the first, from the validation NDCG of each."""
    best, first = max(by_weight.values()), next(iter(by_weight))
    if best < (1 + thresholds.WORTH_RANK) * by_weight[first]:
        return first
    return max(by_weight, key=lambda weight: by_weight[weight])


def _by_rank(
    context: Context,
    make: MakeFilter,
    ranks: Sequence[int],
    powers: Sequence[float],
    weight: float,
    users: np.ndarray,
) -> list[tuple[float, int, float]]:
    """Validation NDCG of each rank with its power: (quality, rank, power)."""
    smooth = [make(rank, power, weight) for rank in ranks for power in powers]
    quality = iter(_judged(context, smooth, users))
    chosen = []
    for rank in ranks:
        by_power = {power: next(quality) for power in powers}
        power = smoothest(by_power)
        chosen.append((by_power[power], rank, power))
    return chosen


def _judged(context: Context, filters: Sequence[GraphFilter], users: np.ndarray) -> list[float]:
    """Validation NDCG@20 of each; all 0 without validation users, or where there is nothing to choose."""
    if not len(users) or len(filters) < 2:
        return [0.0] * len(filters)
    return qualities(filters, context.split, users)


def _ranks(asked: int | None, dim: int, judges: bool) -> list[int]:
    if asked is not None:
        return [min(asked, dim)]
    return list(dict.fromkeys(-(-dim // part) for part in thresholds.RANKS)) if judges else [dim]


def _candidates(asked: float | None, values: tuple[float, ...], judges: bool) -> tuple[float, ...]:
    """The value that was asked for, else all where they can be judged, else the first."""
    if asked is not None:
        return (asked,)
    return values if judges else values[:1]
