"""The closed-form filters of which every teacher begins, as validation chooses them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sparserec.protocols import Scorer
from sparserec.settings import TeacherConfig
from sparserec.sparsity import Spectrum
from sparserec.sparsity.initial import normalised
from sparserec.starts import thresholds
from sparserec.starts.base import Context
from sparserec.starts.judging import candidates, judged_users, qualities
from sparserec.starts.spectrum import degrees_of
from sparserec.teachers import GraphFilter, Response
from sparserec.teachers.graph_filter import IDEAL

MakeFilter = Callable[[int, Response], GraphFilter]
"""Rank, response -> filter."""


def filters_of(context: Context, spectrum: Spectrum) -> MakeFilter:
    """Filters of one spectrum."""
    train = context.split.train
    matrix, degrees = normalised(train.csr(), spectrum.normalisation), degrees_of(train, spectrum.normalisation)

    def make(rank: int, response: Response) -> GraphFilter:
        return GraphFilter(matrix, spectrum.singular[:rank], spectrum.items[:, :rank], degrees, response)

    return make


@dataclass(frozen=True)
class _Judge:
    """Of filters, by what they add to the teachers that are there already.

    Attributes:
        context: of the run.
        users: of the validation part; none where nothing can be judged.
        beside: the average of the other teachers, or None.
    """

    context: Context
    users: np.ndarray
    beside: Scorer | None = None

    @property
    def judges(self) -> bool:
        """Whether anything can be judged."""
        return len(self.users) > 0

    def __call__(self, filters: Sequence[GraphFilter], even_one: bool = False) -> list[float]:
        """Validation NDCG@20 of each; all 0 without validation users, or where there is nothing to choose."""
        if not self.judges or (len(filters) < 2 and not even_one):
            return [0.0] * len(filters)
        return qualities(filters, self.context.split, self.users, self.beside)


def choose_filters(context: Context, spectrum: Spectrum, beside: Scorer | None = None) -> list[GraphFilter]:
    """The filters that validation chooses, one for each rank worth a try, the best one first.

    First those with a power, then plateaus, which take the place of the power where they are worth it.

    Args:
        context: of the run.
        spectrum: of the training part.
        beside: teachers that the filter will be averaged with, half and half; what a filter is worth alone says little
            of what it adds to them.
    """
    settings, users = context.config.teacher, judged_users(context.config, context.split)
    whole = settings.spectrum == "whole"
    if whole:
        users = users[:: -(-len(users) // thresholds.FILTER_USERS)] if len(users) else users
    context.course.begin("filter")
    if len(users):
        context.course.detail("choosing the teacher on the validation part")
    make, judge = filters_of(context, spectrum), _Judge(context, users, beside)
    judged = _with_powers(settings, make, len(spectrum.singular), judge)
    ranks = [closed.rank for _, closed in judged]
    if whole:
        ranks = _ranks(settings, len(spectrum.singular), len(users) > 0)[:1]
    judged = _with_plateaus(settings, make, judged, ranks, judge)
    among = " beside the linear model" if beside else ""
    for quality, closed in judged:
        validated = f": validation NDCG@20{among} {quality:.4f}" if quality else ""
        context.course.detail(f"filter: rank {closed.rank}, {_words(closed.response)}{validated}")
    return [closed for _, closed in judged]


def _words(response: Response) -> str:
    if not response.steepness:
        return f"power {response.power:g}, neighbours {response.neighbours:g}"
    return (
        f"plateau of steepness {response.steepness:g}, neighbours {response.neighbours:g}, "
        f"ideal {response.ideal:g}, exponent {response.exponent:g}"
    )


def _with_powers(settings: TeacherConfig, make: MakeFilter, dim: int, judge: _Judge) -> list[tuple[float, GraphFilter]]:
    """Filters with a power and what validation says of each.

    For each rank one setting after the other: power, weight of the graph. Of several powers that are about as good it
    takes the largest: the smoothest filter suffers least when the users to come are not quite like those of the
    validation part. A share of the graph itself is of full rank, which a table of few columns follows only in part, so
    it must be worth more than that. Where plateaus are tried too, whose line is the graph, it has no share here.
    """
    whole = settings.spectrum == "whole"
    ranks = _ranks(settings, dim, judge.judges)
    powers = candidates(settings.power, thresholds.POWERS, judge.judges)
    weights = candidates(settings.neighbours, thresholds.NEIGHBOURS, judge.judges and not whole)
    smooth = _by_rank(make, ranks, powers, weights[0], judge)
    tried = thresholds.TRIED_WHOLE if whole else thresholds.TRIED
    chosen = sorted(smooth, key=lambda entry: -entry[0])[:tried]  # of equals the highest rank
    mixed = [make(rank, Response(power, weight)) for _, rank, power in chosen for weight in weights]
    judged = judge(mixed) if len(weights) > 1 else [quality for quality, _, _ in chosen]
    filters, quality = [], iter(judged)
    for _, rank, power in chosen:
        by_weight = {weight: next(quality) for weight in weights}
        weight = largest_worth_it(by_weight)
        filters.append((by_weight[weight], make(rank, Response(power, weight))))
    return filters


def _with_plateaus(
    settings: TeacherConfig,
    make: MakeFilter,
    judged: list[tuple[float, GraphFilter]],
    ranks: Sequence[int],
    judge: _Judge,
) -> list[tuple[float, GraphFilter]]:
    """The same filters with a plateau each, where that is worth it: one for all ranks, since it has the rest too.

    One setting after the other: exponent, steepness with the slope of the line, what the first vectors count more.
    """
    if settings.steepness is not None and not settings.steepness:
        return judged
    if settings.steepness is None and not (settings.spectrum == "whole" and judge.judges and settings.power is None):
        return judged
    rank = max(ranks)
    exponents = candidates(settings.exponent, thresholds.EXPONENTS, judge.judges)
    steepnesses = candidates(settings.steepness, thresholds.STEEPNESSES, judge.judges)
    slopes = candidates(settings.neighbours, thresholds.SLOPES, judge.judges)
    ideals = candidates(settings.ideal, thresholds.IDEALS, judge.judges)
    middle = Response(
        neighbours=slopes[len(slopes) // 2],
        steepness=steepnesses[0],
        ideal=ideals[len(ideals) // 2],
        exponent=exponents[0],
    )

    def best(responses: list[Response]) -> Response:
        qualities = judge([make(rank, response) for response in responses])
        return max(zip(qualities, responses, strict=True), key=lambda entry: entry[0])[1]  # of equals the first

    by_exponent = dict(
        zip(exponents, judge([make(rank, replace(middle, exponent=exponent)) for exponent in exponents]), strict=True)
    )
    response = replace(middle, exponent=smoothest(by_exponent, thresholds.WORTH_EXPONENT))
    response = best(
        [replace(response, steepness=steepness, neighbours=slope) for steepness in steepnesses for slope in slopes]
    )
    response = best([replace(response, ideal=ideal) for ideal in ideals])
    filters = [make(one, response) for one in ranks]
    found = list(zip(judge(filters, even_one=True), filters, strict=True))
    if settings.steepness is None and found[0][0] < (1 + thresholds.WORTH_PLATEAU) * judged[0][0]:
        return judged
    return sorted(found, key=lambda entry: -entry[0])


def smoothest(by_power: Mapping[float, float], as_good: float = thresholds.AS_GOOD) -> float:
    """The largest of the powers that are about as good as the best, from the validation NDCG of each."""
    best = max(by_power.values())
    return max(power for power, quality in by_power.items() if quality >= (1 - as_good) * best)


def largest_worth_it(by_weight: dict[float, float]) -> float:
    """The best weight of the graph where it is worth its rank, else the first, from the validation NDCG of each."""
    best, first = max(by_weight.values()), next(iter(by_weight))
    if best < (1 + thresholds.WORTH_RANK) * by_weight[first]:
        return first
    return max(by_weight, key=lambda weight: by_weight[weight])


def _by_rank(
    make: MakeFilter, ranks: Sequence[int], powers: Sequence[float], weight: float, judge: _Judge
) -> list[tuple[float, int, float]]:
    """Validation NDCG of each rank with its power: (quality, rank, power)."""
    smooth = [make(rank, Response(power, weight)) for rank in ranks for power in powers]
    quality = iter(judge(smooth))
    chosen = []
    for rank in ranks:
        by_power = {power: next(quality) for power in powers}
        power = smoothest(by_power)
        chosen.append((by_power[power], rank, power))
    return chosen


def _ranks(settings: TeacherConfig, dim: int, judges: bool) -> list[int]:
    """The rank that was asked for, else those to try, highest first, of `dim` vectors that were found."""
    if settings.rank is not None:
        return [min(settings.rank, dim)]
    most = min(dim, IDEAL) if settings.spectrum == "whole" else dim
    return list(dict.fromkeys(min(most, -(-dim // part)) for part in thresholds.RANKS)) if judges else [most]
