"""The start where order counts: what follows what, cut to a table of item columns."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from sparserec.evaluation import evaluate
from sparserec.protocols import Scorer
from sparserec.recommenders.histories import Ordered
from sparserec.settings import OrderConfig
from sparserec.sparsity import CsrMask, as_item_rows, largest_weights, refitted
from sparserec.starts import thresholds
from sparserec.starts.base import Context
from sparserec.starts.budget import columns_budget
from sparserec.starts.judging import candidates, judged_users, quality
from sparserec.teachers import (
    KEPT,
    CommonInteractions,
    Following,
    LinearTeacher,
    OfHistories,
    decayed,
    local_ease,
    successors,
)
from sparserec.training.samples import at_most

RIDGE = 0.1
"""Of the fit of the weights that stay to those that go."""
FORGOTTEN = 0.02
"""Pairs so far apart that an item of a history counts less beside the other do not count as taken together."""
TRIES = 50
"""Models that are judged, about."""
MOST_ITEMS = 1 << 20
"""Items up to which there may be a column for each."""
WEIGHTS = 1 << 25
"""Weights of a model at most, so that large catalogues take no more memory; an item keeps `FEWEST` at least."""
FEWEST = 32
WHOLE_HISTORY = 50
"""Places that items of a pair may be apart where order is left out."""


@dataclass(frozen=True)
class Chosen:
    """A model of what follows what.

    Attributes:
        following: how pairs are counted.
        age_decay: what an item of a history counts for each newer one.
        quality: validation NDCG@20, 0 where nothing was judged.
        unordered: of the best of the same models that know no order.
        spread: standard error of the difference, over users.
    """

    following: Following
    age_decay: float
    quality: float = 0.0
    unordered: float = 0.0
    spread: float = 0.0

    @property
    def counts(self) -> bool:
        """Whether order is worth while, and more than the luck of few users."""
        gain = self.quality - self.unordered
        return gain > max(thresholds.WORTH_ORDER * self.unordered, thresholds.SURE * self.spread)


@dataclass(frozen=True)
class ItemTable:
    """A table of item columns alone.

    Attributes:
        mask: a row and a column for each item.
        settings: what it was made by: every one that a second training needs.
        quality: validation NDCG@20, 0 where nothing was judged.
        clear: whether order gains so much that nothing without it needs to be tried.
    """

    mask: CsrMask
    settings: OrderConfig
    quality: float
    clear: bool


def ordered_table(context: Context) -> ItemTable | None:
    """The table of what follows what, where order counts; None where it does not, or is not known."""
    asked, train = context.config.order, context.split.train
    users = judged_users(context.config, context.split)
    known = asked.use is True
    if asked.use is False or train.timestamps is None or train.n_items > MOST_ITEMS:
        return None
    if not known and not (len(users) and context.split.judges_next):
        return None
    context.course.begin("order")
    history = Ordered.of(train)
    search = _Search(context, history, users)
    chosen = search.chosen()
    if not known and not chosen.counts:
        context.course.detail(
            f"the order of histories says little: validation NDCG@20 {chosen.quality:.4f}, without it "
            f"{chosen.unordered:.4f}"
        )
        return None
    model = successors(history, train.n_items, chosen.following, kept_weights(train.n_items))
    mask, popular, judged = _cut(context, search, model, chosen)
    words = f"order counts: each newer item makes one of the history count {chosen.age_decay:g} times"
    if len(users):
        words += (
            f"; validation NDCG@20 {chosen.quality:.4f}, without order {chosen.unordered:.4f}, "
            f"within the budget {judged:.4f}"
        )
    context.course.detail(words)
    return ItemTable(mask, _settings(chosen, popular), judged, known or _is_clear(context, search, judged, chosen))


def _is_clear(context: Context, search: _Search, judged: float, chosen: Chosen) -> bool:
    """Whether a table is so much better than models without order that no training of one can be expected to reach it.

    Those are the best without order of the kind that it is made from, and a linear model of neighbours, which is
    nearly as good as what a training without order leads to.
    """
    bar = 1 + thresholds.CLEAR_ORDER
    if judged < bar * chosen.unordered:
        return False
    split, settings = context.split, context.config.teacher
    common = CommonInteractions(split.train.csr(), min(settings.local_neighbours, split.train.n_items))
    linear = local_ease(common, thresholds.LOCAL_REGULARISATIONS[0])
    known = search.quality_of(OfHistories(linear, split.train.csr()))
    context.course.detail(f"a linear model without order: validation NDCG@20 {known:.4f}")
    return judged >= bar * known


def kept_weights(n_items: int) -> int:
    """Weights of an item at most."""
    return min(KEPT, max(FEWEST, WEIGHTS // n_items))


class _Search:
    """Settings judged on the validation part."""

    def __init__(self, context: Context, history: Ordered, users: np.ndarray):
        self._context, self._history, self._users = context, history, users
        self._n_items = context.split.train.n_items
        every = np.flatnonzero(context.split.valid.user_degrees())
        most = max(thresholds.DECIDING_USERS, thresholds.DECIDING_SCORES // max(self._n_items, 1))
        self._deciding = at_most(every, most, context.config.seed, 6)
        self._tried = 0
        self._judged: dict[tuple[Following, float], float] = {}

    def chosen(self) -> Chosen:
        """One setting after the other, and the best model without order beside it."""
        asked = self._context.config.order
        gaps = [(asked.gap or gap, asked.gap_decay or decay) for gap, decay in thresholds.GAPS]
        ages = candidates(asked.age_decay, thresholds.AGE_DECAYS)
        outs, intos = (
            candidates(asked.out, thresholds.LATER_EXPONENTS),
            candidates(asked.into, thresholds.EARLIER_EXPONENTS),
        )
        backs = candidates(asked.back, thresholds.BACKS)
        start = Following(*gaps[0], backs[0], intos[0], outs[0])
        if not len(self._users):
            return Chosen(start, ages[0])
        best = self._best([(start, ages)])
        best = self._best([(replace(start, gap=gap, gap_decay=decay), ages) for gap, decay in gaps[1:]], best)
        near = _near(best.age_decay, ages)
        best = self._best([(replace(best.following, out=out), near) for out in outs[1:]], best)
        best = self._best([(replace(best.following, into=into), near) for into in intos[1:]], best)
        best = self._best([(replace(best.following, back=back), near) for back in backs[1:]], best)
        best = self._best([(best.following, _between(best.age_decay) if asked.age_decay is None else [])], best)
        unordered = Following(WHOLE_HISTORY, 1.0, 1.0, best.following.into, best.following.out)
        finalists = self._finalists(best)
        plain = self._best([(unordered, [1.0]), (replace(unordered, into=0.5, out=0.5), [1.0])])
        by_users = [self._by_user(self._model(one.following), one.age_decay) for one in finalists]
        place = int(np.argmax([each.mean() for each in by_users]))  # of equals the first
        best, by_user = finalists[place], (by_users[place], self._by_user(self._model(plain.following), 1.0))
        gains = by_user[0] - by_user[1]
        spread = float(np.std(gains) / np.sqrt(len(gains)))
        return replace(best, quality=float(by_user[0].mean()), unordered=float(by_user[1].mean()), spread=spread)

    def _finalists(self, best: Chosen) -> list[Chosen]:
        """The best of all that were tried, to be judged by more users; the best one alone where there are no more."""
        if len(self._deciding) <= len(self._users):
            return [best]
        ranked = sorted(self._judged.items(), key=lambda entry: -entry[1])[: thresholds.FINALISTS]
        return [Chosen(following, age_decay, judged) for (following, age_decay), judged in ranked]

    def quality(self, model: sp.csr_array, age_decay: float) -> float:
        """Validation NDCG@20 of a model, for those by whom is decided; 0 where nobody can judge it."""
        return self.quality_of(self._scorer(model, age_decay))

    def quality_of(self, scorer: Scorer) -> float:
        """The same of any scorer: for the same users, since others may be easier to please."""
        if not len(self._users):
            return 0.0
        return quality(scorer, self._context.split, self._deciding)

    def _by_user(self, model: sp.csr_array, age_decay: float) -> np.ndarray:
        """NDCG@20 of each user by whom is decided."""
        scorer, split = self._scorer(model, age_decay), self._context.split
        return evaluate(scorer, split.train, split.valid, users=self._deciding, per_user=True).per_user["ndcg@20"]

    def _model(self, following: Following) -> sp.csr_array:
        return successors(self._history, self._n_items, following, kept_weights(self._n_items))

    def _scorer(self, model: sp.csr_array, age_decay: float) -> OfHistories:
        return OfHistories(LinearTeacher(model), decayed(self._history, self._n_items, age_decay))

    def _best(self, tries: Iterable[tuple[Following, Iterable[float]]], best: Chosen | None = None) -> Chosen:
        """The best of these models with each of some decays, and of the one before."""
        for following, ages in tries:
            model = self._model(following)
            for age_decay in ages:
                self._context.course.count(min(self._tried, TRIES), TRIES)
                self._tried += 1
                judged = quality(self._scorer(model, age_decay), self._context.split, self._users)
                self._judged[following, age_decay] = judged
                if best is None or judged > best.quality:
                    best = Chosen(following, age_decay, judged)
        assert best is not None
        return best


def _cut(context: Context, search: _Search, model: sp.csr_array, chosen: Chosen) -> tuple[CsrMask, float, float]:
    """The table within the budget, the exponent by which its weights were chosen, and its validation NDCG@20."""
    train, asked = context.split.train, context.config.order.popular
    history, n_items = Ordered.of(train), train.n_items
    budget = columns_budget(context.config, context.split, n_items, item_columns=True)
    degrees = np.maximum(train.item_degrees(), 1).astype(np.float64)
    together = taken_together(history, n_items, chosen.age_decay)
    found = []
    for popular in candidates(asked, thresholds.POPULAR):
        few = largest_weights(model, degrees**popular, budget)
        fitted = refitted(few, model, together, RIDGE)
        found.append((search.quality(fitted, chosen.age_decay), popular, fitted))
        if not found[-1][0]:
            break
    judged, popular, fitted = max(found, key=lambda entry: entry[0])  # of equals the first
    return as_item_rows(fitted), popular, judged


def taken_together(history: Ordered, n_items: int, age_decay: float) -> sp.csr_array:
    """What items have in common over histories (n_items, n_items), symmetric: how often both count, and how much.

    Over all beginnings of a history, the product of what two items count is age_decay^(places apart), but for a factor
    that all pairs share. A history of L items counts 1 / sqrt(L).
    """
    far = 1 if age_decay <= FORGOTTEN else WHOLE_HISTORY
    if FORGOTTEN < age_decay < 1:
        far = min(far, math.ceil(math.log(FORGOTTEN) / math.log(age_decay)))
    pairs = successors(history, n_items, Following(far, age_decay, 1.0, 0.0, 0.0, 1.0), 4 * kept_weights(n_items))
    lengths = np.diff(history.indptr)
    alone = np.repeat(1 / np.sqrt(np.maximum(lengths, 1)), lengths)
    diagonal = np.bincount(history.indices, alone, minlength=n_items).astype(np.float32)
    # Only the largest of a row were kept, so a pair may be there on one side alone.
    both = sp.csr_array(pairs.maximum(pairs.T) * np.float32(age_decay) + sp.diags_array(diagonal))
    both.sort_indices()
    return both


def _settings(chosen: Chosen, popular: float) -> OrderConfig:
    how = chosen.following
    return OrderConfig(
        use=True,
        age_decay=chosen.age_decay,
        gap=how.gap,
        gap_decay=how.gap_decay,
        back=how.back,
        into=how.into,
        out=how.out,
        popular=popular,
    )


def _near(value: float, values: tuple[float, ...]) -> list[float]:
    """A value and its neighbours among these."""
    ascending = sorted(values)
    place = ascending.index(value)
    return ascending[max(place - 1, 0) : place + 2]


def _between(value: float) -> list[float]:
    """Decays a little to both sides."""
    return [number for number in (round(value - 0.05, 3), round(value + 0.05, 3)) if 0 < number <= 1]
