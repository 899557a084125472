"""The teacher of a history-based recommender: a closed-form filter, and a trained one beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import scipy.sparse as sp

from sparserec.errors import SparserecError
from sparserec.evaluation import evaluate
from sparserec.interactions import Interactions, Split
from sparserec.sparsity import Spectrum, item_spectrum
from sparserec.sparsity.initial import Normalisation, normalised
from sparserec.teachers import (
    AverageScorer,
    EaseTeacher,
    GraphFilter,
    OfHistories,
    PooledSettings,
    PooledTeacher,
    Raised,
    Scorer,
    ease,
    scores_of_all,
    train_pooled,
)
from sparserec.training.config import RunConfig
from sparserec.training.samples import at_most

NORMALISATIONS = ((1.0, 5.0), (0.5, 5.0), (0.5, 20.0))
"""User power and smoothing of normalisations that are tried beside the usual one."""
WORTH_TRYING = 0.02
"""Relative gain of the graph's validation NDCG that tells of data for which others are tried."""
WORTH_NORMALISATION = 0.02
"""Relative gain of validation NDCG that makes another normalisation than the usual one worth while."""
GRAPH_USERS = 1000
"""Validation users at most by whom the graph tells whether others are tried."""
POWERS = (0.0, 0.125, 0.25, 0.5)
NEIGHBOURS = (0.0, 0.3, 1.0, 3.0)
RANKS = (1, 2, 4)
"""Parts of the singular values that were found: ranks of filters."""
TRIED = 2
"""Ranks, those of the best filters, with which a table is tried."""
AS_GOOD = 0.01
"""Relative loss of validation NDCG that the smoothest of several filters may have against the best."""
WORTH_RANK = 0.025
"""Relative gain of validation NDCG that makes a share of the graph worth while."""
SHARES = (0.0, 0.25, 0.5, 0.75)
"""Shares of the trained teacher in the average."""
WORTH_SHARE = 0.01
"""Relative gain of validation NDCG that makes the trained teacher worth while."""
REGULARISATIONS = (100.0, 400.0, 1600.0)
"""Of EASE."""
STEEPNESS = 3.0
"""Exponent of the trained teacher's cosines in the average with the filter."""
POOLED_NUMBERS = 40_000_000
"""Numbers in a table of the trained teacher at most: very large catalogues get fewer columns."""
JUDGED_USERS = 3000
"""Validation users on whom the teacher is chosen: with a thousand the choice of a power hung on the seed."""
FEWEST_TAUGHT = 1000
"""Users whom a sample of those who learn from the teacher has at least."""
JUDGED_BLOCK = 512
"""Of these, whose scores are kept at a time."""

Say = Callable[[str], None]


def judged_users(config: RunConfig, split: Split) -> np.ndarray:
    """Users of the validation part on whom choices are made before training, ascending."""
    return at_most(np.flatnonzero(split.valid.user_degrees()), JUDGED_USERS, config.seed, 6)


def taught_users(config: RunConfig, split: Split) -> np.ndarray:
    """Users who learn from the teacher's lists, ascending: all, but for those who leave no place for a list.

    Of very many a sample of those with a history, as `config.lesson_numbers` has it.
    """
    degrees, n_items = split.train.user_degrees(), split.train.n_items
    room = min(config.teacher.length, max(1, n_items // 2))  # else one user of everything leaves short lists to all
    fitting = degrees <= n_items - room
    users = np.flatnonzero(fitting if fitting.any() else degrees < n_items)
    if not len(users):
        raise SparserecError("every user has taken every item, so a teacher has nothing to rank for them")
    most = max(FEWEST_TAUGHT, config.lesson_numbers // n_items)
    return users if len(users) <= most else at_most(users[degrees[users] > 0], most, config.seed, 10)


def choose_spectrum(
    config: RunConfig, split: Split, dim: int, say: Say, judge: Callable[[Spectrum], float] | None = None
) -> Spectrum:
    """The spectrum of the training part, of interactions divided by what validation likes best.

    Dense data want the usual normalisation, and the graph of interactions alone, which takes no spectrum, tells them
    from long-tailed data. Only for these others are tried, each with a spectrum of its own.

    Args:
        config: the run's.
        split: only `train` and `valid` are read.
        dim: singular values.
        say: told what is done.
        judge: of spectra, the best one is taken; by the best filter when not given.
    """
    wanted, users = config.teacher, judged_users(config, split)
    usual = Normalisation(
        1.0 if wanted.user_power is None else wanted.user_power, 0.0 if wanted.smoothing is None else wanted.smoothing
    )

    def spectrum_of(how: Normalisation) -> Spectrum:
        return item_spectrum(split.train.csr(), dim, seed=config.seed, normalisation=how)

    def quality(spectrum: Spectrum, ranks: Iterable[int], weights: Sequence[float], some: np.ndarray) -> float:
        """Of the best filter."""
        how = spectrum.normalisation
        matrix, degrees = normalised(split.train.csr(), how), _degrees(split.train, how)
        filters = [
            GraphFilter(
                matrix,
                spectrum.singular[:rank],
                spectrum.items[:, :rank],
                degrees,
                power=config.init_power,
                neighbours=weight,
            )
            for rank in ranks
            for weight in weights
        ]
        return max(qualities(filters, split, some))

    def of_graph(how: Normalisation) -> float:
        empty = np.zeros((split.train.n_items, 0), dtype=np.float32)
        return quality(Spectrum(empty[0], empty, how), (0,), (1.0,), users[:: -(-len(users) // GRAPH_USERS)])

    def best_filter(spectrum: Spectrum) -> float:
        return quality(spectrum, dict.fromkeys((dim, -(-dim // max(RANKS)))), (0.0, 1.0), users)

    others = [
        Normalisation(power, smoothing)
        for power, smoothing in NORMALISATIONS
        if power == usual.user_power or wanted.user_power is None
        if smoothing == usual.smoothing or wanted.smoothing is None
    ]
    others = [other for other in others if other != usual]
    say(f"finding {dim} singular vectors")
    chosen = spectrum_of(usual)
    if not len(users) or not others:
        return chosen
    plain = of_graph(usual)
    if not any(of_graph(other) >= (1 + WORTH_TRYING) * plain for other in others[:2]):
        return chosen
    say("choosing how interactions are normalised")
    judge = judge or best_filter
    best = judge(chosen)
    told = f"smoothing {usual.smoothing:g}, user power {usual.user_power:g}: {best:.4f}"
    for other in others:
        spectrum = spectrum_of(other)
        found = judge(spectrum)
        told += f"; {other.smoothing:g}, {other.user_power:g}: {found:.4f}"
        if found >= (1 + WORTH_NORMALISATION if chosen.normalisation == usual else 1) * best:
            chosen, best = spectrum, found
    say(told)
    return chosen


def _degrees(train: Interactions, how: Normalisation) -> np.ndarray:
    return how.degrees(train.item_degrees())


def choose_filters(config: RunConfig, split: Split, spectrum: Spectrum, say: Say) -> list[GraphFilter]:
    """The filters that validation chooses, one for each rank worth a try, the best one first.

    For each rank one setting after the other: power, weight of the graph. Of several powers that are about as good it
    takes the largest: the smoothest filter suffers least when the users to come are not quite like those of the
    validation part. A share of the graph itself is of full rank, which a table of few columns follows only in part, so
    it must be worth more than that.
    """
    train, wanted = split.train, config.teacher
    matrix, degrees = normalised(train.csr(), spectrum.normalisation), _degrees(train, spectrum.normalisation)
    users, dim = judged_users(config, split), len(spectrum.singular)

    if len(users):
        say("choosing the teacher on the validation part")
    if wanted.rank is not None:
        ranks = [min(wanted.rank, dim)]
    elif not len(users):
        ranks = [dim]
    else:
        ranks = list(dict.fromkeys(-(-dim // part) for part in RANKS))

    def filter_of(rank: int, power: float, neighbours: float) -> GraphFilter:
        return GraphFilter(
            matrix,
            spectrum.singular[:rank],
            spectrum.items[:, :rank],
            degrees,
            power=power,
            neighbours=neighbours,
        )

    def judged(filters: Sequence[GraphFilter]) -> list[float]:
        """Validation NDCG@20 of each; all 0 without validation users, or where there is nothing to choose."""
        if not len(users) or len(filters) < 2:
            return [0.0] * len(filters)
        return qualities(filters, split, users)

    powers = POWERS if wanted.power is None and len(users) else (POWERS[0] if wanted.power is None else wanted.power,)
    weights = NEIGHBOURS if wanted.neighbours is None and len(users) else (wanted.neighbours or NEIGHBOURS[0],)
    smooth = [[filter_of(rank, power, weights[0]) for power in powers] for rank in ranks]
    quality = iter(judged([one for of_rank in smooth for one in of_rank]))
    found = []
    for of_rank in smooth:
        by_power = {one.power: next(quality) for one in of_rank}
        power = _settled("power", by_power)
        found.append((by_power[power], of_rank[0].rank, power))
    chosen = sorted(found, key=lambda entry: -entry[0])[:TRIED]  # of equals the highest rank
    mixed = [filter_of(rank, power, weight) for _, rank, power in chosen for weight in weights]
    quality = iter(judged(mixed) if len(weights) > 1 else [before for before, _, _ in chosen])
    filters = []
    for _, rank, power in chosen:
        by_weight = {weight: next(quality) for weight in weights}
        weight = _settled("neighbours", by_weight)
        told = f"; valid ndcg@20 {by_weight[weight]:.4f}" if by_weight[weight] else ""
        say(f"filter: rank {rank}, power {power:g}, neighbours {weight:g}{told}")
        filters.append(filter_of(rank, power, weight))
    return filters


def qualities(filters: Sequence[GraphFilter], split: Split, users: np.ndarray) -> list[float]:
    """Validation NDCG@20 for these users of each of several filters of one spectrum."""
    history, found = split.train.csr(), [0.0] * len(filters)
    for first in range(0, len(users), JUDGED_BLOCK):
        some = users[first : first + JUDGED_BLOCK]
        for place, scores in scores_of_all(filters, history[some]):
            found[place] += _quality(_Scored(some, scores), split, some) * len(some)
    return [total / len(users) for total in found]


class _Scored:
    """Scores (users, n_items) that are there already, of users ascending."""

    def __init__(self, users: np.ndarray, scores: np.ndarray):
        self._users, self._scores, self.n_items = users, scores, scores.shape[1]

    def score(self, users: np.ndarray) -> np.ndarray:
        return self._scores[np.searchsorted(self._users, users)]


def _quality(scorer: Scorer, split: Split, users: np.ndarray) -> float:
    """Validation NDCG@20 for these users."""
    return evaluate(scorer, split.train, split.valid, users=users)["ndcg@20"]


def _settled(name: str, found: dict[float, float]) -> float:
    """The value to take, from the validation NDCG of each."""
    best = max(found.values())
    if name == "power":
        return max(value for value, quality in found.items() if quality >= (1 - AS_GOOD) * best)
    first = next(iter(found))
    return first if best < (1 + WORTH_RANK) * found[first] else max(found, key=lambda value: found[value])


@dataclass(frozen=True)
class Teaching:
    """A filter, and perhaps others beside it.

    Attributes:
        closed: the filter.
        normalisation: by what interactions were divided for it.
        trained: the trained teacher, or None; one that is no `PooledTeacher` scores users whatever their histories.
        share: of the trained teacher in the average with the filter, in [0, 1); 0 without one.
        linear: EASE, or None.
        linear_share: of EASE in the average with these, in [0, 1); 0 without it.
    """

    closed: GraphFilter
    normalisation: Normalisation
    trained: PooledTeacher | Scorer | None = None
    share: float = 0.0
    linear: EaseTeacher | None = None
    linear_share: float = 0.0

    def scorer(self, history: sp.csr_array) -> Scorer:
        """For full ranking of users with these histories (n_users, n_items)."""
        parts = self._parts(history, self.share, self.linear_share)
        return AverageScorer(parts, history) if len(parts) > 1 else parts[0][0]

    def _parts(self, history: sp.csr_array, share: float, linear_share: float) -> list[tuple[Scorer, float]]:
        parts: list[tuple[Scorer, float]] = [(self.closed.scorer(history), (1 - share) * (1 - linear_share))]
        if self.trained is not None and share:
            own = OfHistories(self.trained, history) if isinstance(self.trained, PooledTeacher) else self.trained
            parts.append((Raised(own, STEEPNESS), share * (1 - linear_share)))
        if self.linear is not None and linear_share:
            parts.append((Raised(OfHistories(self.linear, history), 1.0), linear_share))
        return parts

    def by_share(self, split: Split, users: np.ndarray) -> dict[float, float]:
        """Validation NDCG@20 for these users with each share of the last teacher: EASE if there, else the trained one.

        Each teacher scores a user once.
        """
        last = "linear_share" if self.linear is not None else "share"
        any_share = {"share": self.share, "linear_share": self.linear_share, last: 0.5}
        history, found = split.train.csr(), dict.fromkeys(SHARES, 0.0)
        parts = self._parts(history, **any_share)
        before = sum(weight for _, weight in parts[:-1])
        average = AverageScorer(parts, history)
        for first in range(0, len(users), JUDGED_BLOCK):
            some = users[first : first + JUDGED_BLOCK]
            *others, own = average.scaled(some)
            base = others[0] * np.float32(parts[0][1] / before)
            for scores, (_, weight) in zip(others[1:], parts[1:-1], strict=True):
                base += scores * np.float32(weight / before)
            for share in SHARES:
                mixed = _Scored(some, np.float32(1 - share) * base + np.float32(share) * own if share else base)
                found[share] += _quality(mixed, split, some) * len(some)
        return {share: total / len(users) for share, total in found.items()}

    def facts(self) -> dict[str, float]:
        """Its settings, by their names in the configuration."""
        closed = self.closed
        linear = {} if self.linear is None else {"regularisation": self.linear.regularisation}
        return {
            **asdict(self.normalisation),
            "power": closed.power,
            "rank": closed.rank,
            "neighbours": closed.neighbours,
            "share": self.share,
            "ease": self.linear_share,
            **linear,
        }


def teachers(
    config: RunConfig, split: Split, spectrum: Spectrum, say: Say, graph: Callable[[], Scorer] | None = None
) -> list[Teaching]:
    """Teachers of a run, the one that validation likes best first: each a filter, averaged with the same other ones.

    Their shares are chosen on validation too, one after the other. `graph` trains the teacher "lightgcn".
    """
    filters = choose_filters(config, split, spectrum, say)
    wanted, users, how = config.teacher, judged_users(config, split), spectrum.normalisation
    found = [Teaching(closed, how) for closed in filters]
    judged: list[float] | None = None
    if wanted.share != 0 and wanted.epochs and (wanted.share is not None or len(users)):
        say("training a teacher")
        if wanted.trained == "pooled":
            trained = train_teacher(config, split, spectrum, say)
        elif graph is not None:
            trained = graph()
        else:
            raise SparserecError(f"teacher {wanted.trained!r} can be trained in a run only")
        found = [replace(one, trained=trained) for one in found]
        found, judged = _shared(found, "share", wanted.share, "the trained teacher", split, users, say)
    linear = choose_ease(config, split, users, say)
    if linear is not None:
        found = [replace(one, linear=linear) for one in found]
        found, anew = _shared(found, "linear_share", wanted.ease, "EASE", split, users, say)
        judged = anew or judged
    if judged is not None:
        order = sorted(range(len(found)), key=lambda place: -judged[place])
        found = [found[place] for place in order]
    return found


def _shared(
    found: list[Teaching], name: str, wanted: float | None, what: str, split: Split, users: np.ndarray, say: Say
) -> tuple[list[Teaching], list[float] | None]:
    """Each with the share that is wanted or that validation chooses, and the validation NDCG@20 in that case."""
    if wanted is not None:
        return [replace(one, **{name: wanted}) for one in found], None
    settled, judged = [], []
    for one in found:
        quality = one.by_share(split, users)
        best = max(quality, key=lambda value: quality[value])
        share = best if quality[best] >= (1 + WORTH_SHARE) * quality[0.0] else 0.0
        said = f"valid ndcg@20 {quality[share]:.4f}; without {quality[0.0]:.4f}"
        say(f"rank {one.closed.rank}: share of {what} {share:g}, {said}")
        settled.append(replace(one, **{name: share}))
        judged.append(quality[share])
    return settled, judged


def choose_ease(config: RunConfig, split: Split, users: np.ndarray, say: Say) -> EaseTeacher | None:
    """EASE with the regularisation that validation likes best; None where it has no share or items are too many."""
    wanted, train = config.teacher, split.train
    if wanted.ease == 0 or (wanted.ease is None and (not len(users) or train.n_items > wanted.ease_items)):
        return None
    say("finding a linear model")
    values = REGULARISATIONS if wanted.regularisation is None else (wanted.regularisation,)
    if not len(users):
        values = values[:1]
    best, quality = None, -1.0
    for value in values:
        teacher = ease(train.csr(), value)
        found = _quality(OfHistories(teacher, train.csr()), split, users) if len(values) > 1 else 0.0
        if found > quality:
            best, quality = teacher, found
    assert best is not None
    if len(values) > 1:
        say(f"EASE: regularisation {best.regularisation:g}; valid ndcg@20 {quality:.4f}")
    return best


def train_teacher(config: RunConfig, split: Split, spectrum: Spectrum, say: Say) -> PooledTeacher:
    """The trained teacher of a run by itself, from the training part."""
    train, wanted, users = split.train, config.teacher, taught_users(config, split)
    dim = min(wanted.dim, len(spectrum.singular), max(16, POOLED_NUMBERS // train.n_items))
    root = np.sqrt(_degrees(train, spectrum.normalisation))[:, None]
    vectors = spectrum.items[:, :dim] * spectrum.singular[:dim] ** np.float32(config.init_power) * root
    settings = PooledSettings(
        epochs=wanted.epochs,
        temperature=wanted.temperature,
        lr=wanted.lr,
        batch=min(512, max(32, len(users) // 40)),
        seed=config.seed,
    )
    return train_pooled(
        train.csr() if len(users) == train.n_users else train.csr()[users],
        vectors,
        settings,
        lambda done, loss: say(f"teacher: epoch {done}/{settings.epochs}, loss {loss:.4f}"),
    )
