"""The course of a run: its stages in order, which of them goes on, and how long all of it will still take.

Whoever does the work says what begins and counts what is done; whoever shows it is told in `News`. The time left is
estimated from counted work: each stage has an expected duration, which only has to be right beside those of the others.
The pace at which the finished ones went corrects the rest, a stage that counts is extrapolated by itself, and a stage
of the second training takes as long as the same stage of the first one did, for as much more work as it has.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sparserec.units import left_text

TRUST = 4.0
"""Seconds of work after which the pace is believed half: before, expected durations count as they are."""
ENOUGH = 0.03
"""Share of a stage that must be done before it is extrapolated by itself."""
OVERDUE = 0.15
"""Of a stage that takes longer than expected and does not count, this share of its time so far is still to come."""


@dataclass(frozen=True)
class Stage:
    """A part of a run.

    Attributes:
        name: by which it is begun.
        words: what is done, for whom it is shown to.
        work: expected seconds; only its ratio to those of other stages has to be right.
        second: whether it belongs to the second training.
    """

    name: str
    words: str
    work: float
    second: bool = False


@dataclass(frozen=True)
class News:
    """What a listener is told.

    Attributes:
        kind: "stage" has begun; "count" of it has moved; "note" is something to know; "detail" is for the curious;
            "end" is the end of all stages.
        words: of the stage, the note or the detail.
        number: of the stage that goes on, from 1; 0 before the first and where no stages are planned.
        stages: how many there are.
        done: what is done of `total` in this stage; both 0 where it doesn't count.
        total: see `done`.
        left: seconds until the end of all stages, at most as far as that can be known; None while nothing is known.
        seconds: since the stage began.
    """

    kind: Literal["stage", "count", "note", "detail", "end"]
    words: str
    number: int = 0
    stages: int = 0
    done: int = 0
    total: int = 0
    left: float | None = None
    seconds: float = 0.0


Listener = Callable[[News], None]


class Course:
    """The stages of a run while it goes on.

    Args:
        tell: told of everything; nobody when None.
        clock: seconds, from any beginning.
    """

    def __init__(self, tell: Listener | None = None, clock: Callable[[], float] = time.monotonic):
        self._tell, self._clock = tell or (lambda news: None), clock
        self._stages: list[Stage] = []
        self._took: dict[tuple[str, bool], float] = {}
        self._number, self._began, self._done, self._total = 0, clock(), 0, 0
        self._second = False

    @property
    def stage(self) -> Stage | None:
        """The stage that goes on; None before the first one."""
        return self._stages[self._number - 1] if self._number else None

    def plan(self, stages: Sequence[Stage]) -> None:
        """Say which stages there are, or, when more is known, say it anew."""
        current = self.stage
        self._stages = list(stages)
        self._number = 0 if current is None else 1 + self._place(current.name, current.second, self._number - 1)

    def plan_second(self, stages: Sequence[Stage]) -> None:
        """Say anew which stages the second training has; those of the first stay as they are known, where they are."""
        first = [stage for stage in self._stages if not stage.second] or [one for one in stages if not one.second]
        self.plan([*first, *(stage for stage in stages if stage.second)])

    def only(self, *names: str) -> None:
        """Say that after the stage that goes on those of these names alone will come."""
        known = enumerate(self._stages)
        self._stages = [stage for place, stage in known if place < self._number or stage.name in names]

    def begin(self, name: str) -> None:
        """Begin a stage; those before it are finished or were not needed. One that is not planned changes nothing."""
        place = self._place(name, self._second, -1)
        if place < 0 or (place == self._number - 1):
            return
        self._finish()
        self._number, self._began, self._done, self._total = place + 1, self._clock(), 0, 0
        self._say("stage", self._stages[place].words)

    def second(self) -> None:
        """From here on, stages are those of the second training."""
        self._second = True

    def count(self, done: int, total: int) -> None:
        """Say how much of the stage is done."""
        self._done, self._total = done, total
        self._say("count", self.stage.words if self.stage else "")

    def note(self, words: str) -> None:
        """Say something that whoever waits should know."""
        self._say("note", words)

    def detail(self, words: str) -> None:
        """Say something for those who want to know more."""
        self._say("detail", words)

    def end(self) -> None:
        """All stages are finished."""
        self._finish()
        self._number = len(self._stages)
        self._tell(News("end", "", self._number, self._number, left=0.0))

    def left(self) -> float | None:
        """Seconds until the end of all stages; None where none are planned."""
        if not self._number:
            return sum(stage.work for stage in self._stages) if self._stages else None
        pace, elapsed = self._pace(), self._clock() - self._began
        total = self._rest_of_stage(pace, elapsed)
        for stage in self._stages[self._number :]:
            total += self._expected(stage, pace, elapsed)
        return total

    def _rest_of_stage(self, pace: float, elapsed: float) -> float:
        share, stage = self._share(), self._stages[self._number - 1]
        expected = self._expected(stage, pace, elapsed)
        if share >= 1:
            return 0.0
        if share >= ENOUGH:
            return elapsed / share * (1 - share)
        return max(expected - elapsed, OVERDUE * elapsed)

    def _expected(self, stage: Stage, pace: float, elapsed: float) -> float:
        """Seconds that a stage will take: as the same one of the first training did, else by the pace of all so far."""
        if stage.second:
            first = next((one for one in self._stages if one.name == stage.name and not one.second), None)
            if first is not None and first.work > 0:
                return self._known(first, pace, elapsed) * stage.work / first.work
        return pace * stage.work

    def _known(self, first: Stage, pace: float, elapsed: float) -> float:
        """What a stage of the first training took, or is about to take."""
        if (first.name, False) in self._took:
            return self._took[first.name, False]
        if first == self.stage and self._share() >= ENOUGH:
            return elapsed / self._share()
        return pace * first.work

    def _pace(self) -> float:
        """Seconds by expected seconds, of what is done so far."""
        took = works = TRUST
        for stage in self._stages[: self._number - 1]:
            if (stage.name, stage.second) in self._took:
                took, works = took + self._took[stage.name, stage.second], works + stage.work
        if self._share() >= ENOUGH and (stage := self.stage):
            took, works = took + self._clock() - self._began, works + stage.work * self._share()
        return took / works

    def _share(self) -> float:
        return self._done / self._total if self._total else 0.0

    def _finish(self) -> None:
        if stage := self.stage:
            self._took[stage.name, stage.second] = self._clock() - self._began

    def _place(self, name: str, second: bool, otherwise: int) -> int:
        places = (at for at, stage in enumerate(self._stages) if (stage.name, stage.second) == (name, second))
        return next(places, otherwise)

    def _say(self, kind: Literal["stage", "count", "note", "detail"], words: str) -> None:
        news = News(kind, words, self._number, len(self._stages), seconds=self._clock() - self._began)
        if kind in ("stage", "count"):
            news = replace(news, done=self._done, total=self._total, left=self.left())
        self._tell(news)


class Lines:
    """A listener that writes plain lines, for log files, pipes and notebooks: each stage, each note, and how far it is.

    Args:
        write: takes a line, without its end.
        verbose: details too.
        every: seconds between two lines about one stage.
    """

    def __init__(self, write: Callable[[str], None] = print, verbose: bool = False, every: float = 10.0):
        self._write, self._verbose, self._every = write, verbose, every
        self._next = every

    def __call__(self, news: News) -> None:
        """Write what is news."""
        if news.kind == "stage":
            self._next = self._every
            self._write(f"{place(news)}{news.words} ...{left_words(news)}")
        elif news.kind == "count" and news.seconds >= self._next and news.total:
            self._next = news.seconds + self._every
            self._write(f"{place(news)}{news.words}: {news.done:,} of {news.total:,}{left_words(news)}")
        elif news.kind == "note" or (news.kind == "detail" and self._verbose):
            self._write(news.words if news.kind == "note" else f"  {news.words}")


def place(news: News) -> str:
    """Which stage it is, "3 of 8: "; nothing where none are planned."""
    return f"{news.number} of {news.stages}: " if news.number else ""


def left_words(news: News) -> str:
    """The time left, in brackets, or nothing where it isn't known."""
    return "" if news.left is None or not news.number else f" ({left_text(news.left)} left at most)"
