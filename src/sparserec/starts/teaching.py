"""The second stage of a start with a teacher: a closed-form filter, averaged with others as validation chooses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from sparserec.axes import TEACHERS
from sparserec.errors import SparserecError
from sparserec.interactions import Split
from sparserec.protocols import Scorer
from sparserec.sparsity import Spectrum
from sparserec.sparsity.initial import Normalisation
from sparserec.starts import thresholds
from sparserec.starts.base import Context
from sparserec.starts.filters import choose_filters, filters_of
from sparserec.starts.judging import KnownScores, judged_users, quality
from sparserec.starts.stages import load_stage, save_stage
from sparserec.teachers import AverageScorer, GraphFilter, HistoryTeacher, OfHistories, Raised, Response, TeacherKind

FILE = "teacher.stage"


@dataclass(frozen=True)
class Member:
    """A teacher in an average, beside the filter.

    Attributes:
        kind: what it is.
        teacher: scores from histories, or of users whatever their histories.
        share: of it in the average with all before, in [0, 1).
    """

    kind: TeacherKind
    teacher: HistoryTeacher | Scorer
    share: float = 0.0

    def scorer(self, history: sp.csr_array) -> Scorer:
        """For full ranking of users with these histories."""
        teacher = self.teacher
        scorer = OfHistories(teacher, history) if isinstance(teacher, HistoryTeacher) else teacher
        return Raised(scorer, self.kind.exponent)


@dataclass(frozen=True)
class Teaching:
    """A filter, and perhaps others beside it.

    Attributes:
        closed: the filter.
        normalisation: by what interactions were divided for it.
        members: the others, in the order in which they join.
    """

    closed: GraphFilter
    normalisation: Normalisation
    members: tuple[Member, ...] = ()

    def scorer(self, history: sp.csr_array) -> Scorer:
        """For full ranking of users with these histories (n_users, n_items)."""
        parts = self._parts(history)
        return AverageScorer(parts, history) if len(parts) > 1 else parts[0][0]

    def _parts(self, history: sp.csr_array) -> list[tuple[Scorer, float]]:
        """Scorers with their weights in the average."""
        members = [member for member in self.members if member.share]
        weight, parts = 1.0, []
        for member in reversed(members):
            parts.append((member.scorer(history), member.share * weight))
            weight *= 1 - member.share
        return [(self.closed.scorer(history), weight), *reversed(parts)]

    def with_share(self, share: float) -> Teaching:
        """The same with another share of the last member."""
        *others, last = self.members
        return replace(self, members=(*others, replace(last, share=share)))

    def by_share(self, split: Split, users: np.ndarray) -> dict[float, float]:
        """Validation NDCG@20 for these users with each share of the last member. Each teacher scores a user once."""
        history, totals = split.train.csr(), dict.fromkeys(thresholds.SHARES, 0.0)
        parts = self.with_share(0.5)._parts(history)
        before = sum(weight for _, weight in parts[:-1])
        average = AverageScorer(parts, history)
        for first in range(0, len(users), thresholds.JUDGED_BLOCK):
            block = users[first : first + thresholds.JUDGED_BLOCK]
            *others, last = average.scaled(block)
            base = others[0] * np.float32(parts[0][1] / before)
            for scores, (_, weight) in zip(others[1:], parts[1:-1], strict=True):
                base += scores * np.float32(weight / before)
            for share in totals:
                mixed = np.float32(1 - share) * base + np.float32(share) * last if share else base
                totals[share] += quality(KnownScores(block, mixed), split, block) * len(block)
        return {share: total / len(users) for share, total in totals.items()}

    def facts(self) -> dict[str, float]:
        """Its settings, by their names in `[teacher]`."""
        closed = self.closed
        facts = {"share": 0.0}
        for kind in joining().values():
            facts |= kind.facts(None, 0.0)
        for member in self.members:
            facts |= member.kind.facts(member.teacher, member.share)
        return {
            **asdict(self.normalisation),
            **asdict(closed.response),
            "rank": closed.rank,
            **facts,
        }


def joining() -> dict[str, TeacherKind]:
    """Teachers that are in every average where they can be, by name."""
    return {name: kind for name, kind in TEACHERS.items() if kind.joins}


def teacher_stage(context: Context, spectrum: Spectrum) -> list[Teaching]:
    """The teachers that the start may take, the one that validation likes best first: chosen, or as chosen before."""
    path = context.folder / FILE
    if stored := load_stage(path, context.fingerprint):
        return _restored(context, spectrum, *stored)
    teachings = choose_teachers(context, spectrum)
    facts, arrays = _remembered(teachings)
    save_stage(path, context.fingerprint, facts, arrays)
    return teachings


def choose_teachers(context: Context, spectrum: Spectrum) -> list[Teaching]:
    """Teachers of a run, the one that validation likes best first: each a filter, averaged with the same other ones.

    Their shares are chosen on validation too, one after the other. Where the spectrum is whole, linear models come
    first, the filter is chosen beside them, and a trained teacher joins last; else the filter comes first, and the
    trained teacher before linear ones.
    """
    settings, how = context.config.teacher, spectrum.normalisation
    whole = settings.spectrum == "whole"
    linear = _fitted(context, spectrum, joining()) if whole else []
    beside = _average(context, linear)
    teachings = [Teaching(closed, how) for closed in choose_filters(context, spectrum, beside)]
    for member in linear:
        teachings = _joined(context, teachings, member)
    if linear and settings.share is None and not any(member.share for member in teachings[0].members):
        # No linear model is of use: the filter is chosen for itself.
        teachings = [Teaching(closed, how) for closed in choose_filters(context, spectrum)]
    later = {settings.trained: TEACHERS[settings.trained]} | ({} if whole else joining())
    for name, kind in later.items():  # each has its share before the next is fitted
        for member in _fitted(context, spectrum, {name: kind}):
            teachings = _joined(context, teachings, member)
    return teachings


def _fitted(context: Context, spectrum: Spectrum, kinds: Mapping[str, TeacherKind]) -> list[Member]:
    """The teachers of these kinds that have a part in this run."""
    judges = len(judged_users(context.config, context.split)) > 0
    members = []
    for name, kind in kinds.items():
        asked = kind.share(context.config.teacher)
        if asked == 0 or (asked is None and not judges):
            continue
        context.course.begin(name)
        teacher = kind.train(context, spectrum)
        if teacher is not None:
            members.append(Member(kind, teacher))
    return members


def _average(context: Context, members: list[Member]) -> Scorer | None:
    """Teachers in equal parts; None of none."""
    if not members:
        return None
    history = context.split.train.csr()
    scorers = [member.scorer(history) for member in members]
    return scorers[0] if len(scorers) == 1 else AverageScorer([(one, 1 / len(scorers)) for one in scorers], history)


def _joined(context: Context, teachings: list[Teaching], member: Member) -> list[Teaching]:
    """Each with one more teacher: of the share that was asked for, else of that which validation chooses; the order is
    then that of validation, the best first."""
    teachings = [replace(one, members=(*one.members, member)) for one in teachings]
    asked = member.kind.share(context.config.teacher)
    if asked is not None:
        return [one.with_share(asked) for one in teachings]
    return _with_best_shares(context, teachings, judged_users(context.config, context.split))


def _with_best_shares(context: Context, teachings: list[Teaching], users: np.ndarray) -> list[Teaching]:
    """Each with the share of its last member that validation chooses, the one that validation likes best first."""
    settled, judged = [], []
    for one in teachings:
        by_share = one.by_share(context.split, users)
        best = max(by_share, key=lambda share: by_share[share])
        share = best if by_share[best] >= (1 + thresholds.WORTH_SHARE) * by_share[0.0] else 0.0
        found = f"validation NDCG@20 {by_share[share]:.4f}, without it {by_share[0.0]:.4f}"
        words = one.members[-1].kind.words
        context.course.detail(f"beside the filter of rank {one.closed.rank}: {share:g} of {words}; {found}")
        settled.append(one.with_share(share))
        judged.append(by_share[share])
    return [settled[place] for place in sorted(range(len(settled)), key=lambda place: -judged[place])]


def _remembered(teachings: list[Teaching]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What a resumed run needs of teachers: settings of filters, shares, and arrays of what was trained."""
    names = {id(kind): name for name, kind in TEACHERS.items()}
    members = {names[id(member.kind)]: member for member in teachings[0].members}
    arrays = {
        f"{name}.{key}": array
        for name, member in members.items()
        if member.kind.arrays is not None
        for key, array in member.kind.arrays(member.teacher).items()
    }
    facts = [
        {
            "rank": one.closed.rank,
            "response": asdict(one.closed.response),
            "members": [(names[id(member.kind)], member.share) for member in one.members],  # in their order
        }
        for one in teachings
    ]
    return {"teachers": facts, "facts": teachings[0].facts()}, arrays


def _restored(
    context: Context, spectrum: Spectrum, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> list[Teaching]:
    """The teachers as they were chosen; those that left no arrays are trained again."""
    make, how = filters_of(context, spectrum), spectrum.normalisation
    known = context.config.teacher.model_copy(update=facts["facts"])
    decided = replace(context, config=context.config.model_copy(update={"teacher": known}))
    teachers: dict[str, Any] = {}
    for name, _ in facts["teachers"][0]["members"]:
        parts = {key.removeprefix(f"{name}."): array for key, array in arrays.items() if key.startswith(f"{name}.")}
        kind = TEACHERS[name]
        teachers[name] = kind.restore(parts) if kind.restore and parts else kind.train(decided, spectrum)
    teachings = []
    for one in facts["teachers"]:
        members = tuple(Member(TEACHERS[name], teachers[name], share) for name, share in one["members"])
        teachings.append(Teaching(make(one["rank"], Response(**one["response"])), how, members))
    return teachings


def checked_facts(settings: Any, path: Any) -> dict[str, Any]:
    """The settings of a teacher of another run, as its start tells them."""
    if not isinstance(settings, dict) or not {"power", "rank", "neighbours", "share"} <= settings.keys():
        raise SparserecError(f"{path}: tells nothing of a teacher; train that run anew")
    return settings
