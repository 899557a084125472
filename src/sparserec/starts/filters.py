"""The closed-form filters of which every teacher begins, as validation chooses them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from sparserec.sparsity import Spectrum
from sparserec.sparsity.initial import normalised
from sparserec.starts import thresholds
from sparserec.starts.base import Context
from sparserec.starts.judging import judged_users, qualities
from sparserec.starts.spectrum import degrees_of
from sparserec.teachers import GraphFilter, Response

MakeFilter = Callable[[int, Response], GraphFilter]
"""Rank, response -> filter."""


def filters_of(context: Context, spectrum: Spectrum) -> MakeFilter:
    """Filters of one spectrum."""
    train = context.split.train
    matrix, degrees = normalised(train.csr(), spectrum.normalisation), degrees_of(train, spectrum.normalisation)

    def make(rank: int, response: Response) -> GraphFilter:
        return GraphFilter(matrix, spectrum.singular[:rank], spectrum.items[:, :rank], degrees, response)

    return make


def choose_filters(context: Context, spectrum: Spectrum) -> list[GraphFilter]:
    """The filters that validation chooses, one for each rank worth a try, the best one first.

    First those with a power, then plateaus, which take the place of the power where they are worth it.
    """
    users = judged_users(context.config, context.split)
    context.course.begin("filter")
    if len(users):
        context.course.detail("choosing the teacher on the validation part")
    make = filters_of(context, spectrum)
    judged = _with_powers(context, make, len(spectrum.singular), users)
    judged = _with_plateaus(context, make, judged, users)
    for quality, closed in judged:
        validated = f": validation NDCG@20 {quality:.4f}" if quality else ""
        context.course.detail(f"filter: rank {closed.rank}, {_words(closed.response)}{validated}")
    return [closed for _, closed in judged]


def _words(response: Response) -> str:
    if not response.steepness:
        return f"power {response.power:g}, neighbours {response.neighbours:g}"
    return (
        f"plateau of steepness {response.steepness:g}, neighbours {response.neighbours:g}, "
        f"ideal {response.ideal:g}, exponent {response.exponent:g}"
    )


def _with_powers(context: Context, make: MakeFilter, dim: int, users: np.ndarray) -> list[tuple[float, GraphFilter]]:
    """Filters with a power and what validation says of each.

    For each rank one setting after the other: power, weight of the graph. Of several powers that are about as good it
    takes the largest: the smoothest filter suffers least when the users to come are not quite like those of the
    validation part. A share of the graph itself is of full rank, which a table of few columns follows only in part, so
    it must be worth more than that.
    """
    settings, judges = context.config.teacher, bool(len(users))
    ranks = _ranks(settings.rank, dim, judges)
    powers = _candidates(settings.power, thresholds.POWERS, judges)
    weights = _candidates(settings.neighbours, thresholds.NEIGHBOURS, judges)
    smooth = _by_rank(context, make, ranks, powers, weights[0], users)
    chosen = sorted(smooth, key=lambda entry: -entry[0])[: thresholds.TRIED]  # of equals the highest rank
    mixed = [make(rank, Response(power, weight)) for _, rank, power in chosen for weight in weights]
    judged = _judged(context, mixed, users) if len(weights) > 1 else [quality for quality, _, _ in chosen]
    filters, quality = [], iter(judged)
    for _, rank, power in chosen:
        by_weight = {weight: next(quality) for weight in weights}
        weight = largest_worth_it(by_weight)
        filters.append((by_weight[weight], make(rank, Response(power, weight))))
    return filters


def _with_plateaus(
    context: Context, make: MakeFilter, judged: list[tuple[float, GraphFilter]], users: np.ndarray
) -> list[tuple[float, GraphFilter]]:
    """The same filters with a plateau each, where that is worth it: one for all ranks, since it has the rest too.

    One setting after the other: exponent, steepness with the slope of the line, what the first vectors count more.
    """
    settings, judges = context.config.teacher, bool(len(users))
    if settings.steepness is not None and not settings.steepness:
        return judged
    if settings.steepness is None and not (settings.spectrum and judges and settings.power is None):
        return judged
    rank = max(closed.rank for _, closed in judged)
    exponents = _candidates(settings.exponent, thresholds.EXPONENTS, judges)
    steepnesses = _candidates(settings.steepness, thresholds.STEEPNESSES, judges)
    slopes = _candidates(settings.neighbours, thresholds.SLOPES, judges)
    ideals = _candidates(settings.ideal, thresholds.IDEALS, judges)
    middle = Response(
        neighbours=slopes[len(slopes) // 2],
        steepness=steepnesses[0],
        ideal=ideals[len(ideals) // 2],
        exponent=exponents[0],
    )

    def best(responses: list[Response]) -> tuple[float, Response]:
        qualities = _judged(context, [make(rank, response) for response in responses], users)
        return max(zip(qualities, responses, strict=True), key=lambda entry: entry[0])  # of equals the first

    _, response = best([replace(middle, exponent=exponent) for exponent in exponents])
    _, response = best(
        [replace(response, steepness=steepness, neighbours=slope) for steepness in steepnesses for slope in slopes]
    )
    _, response = best([replace(response, ideal=ideal) for ideal in ideals])
    filters = [make(closed.rank, response) for _, closed in judged]
    found = list(zip(_judged(context, filters, users, even_one=True), filters, strict=True))
    if settings.steepness is None and found[0][0] < (1 + thresholds.WORTH_PLATEAU) * judged[0][0]:
        return judged
    return sorted(found, key=lambda entry: -entry[0])


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
    smooth = [make(rank, Response(power, weight)) for rank in ranks for power in powers]
    quality = iter(_judged(context, smooth, users))
    chosen = []
    for rank in ranks:
        by_power = {power: next(quality) for power in powers}
        power = smoothest(by_power)
        chosen.append((by_power[power], rank, power))
    return chosen


def _judged(context: Context, filters: Sequence[GraphFilter], users: np.ndarray, even_one: bool = False) -> list[float]:
    """Validation NDCG@20 of each; all 0 without validation users, or where there is nothing to choose."""
    if not len(users) or (len(filters) < 2 and not even_one):
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
