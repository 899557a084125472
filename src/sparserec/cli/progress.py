"""Progress of a run on the screen: stages by number, a bar that moves on a terminal, plain lines elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TaskID, TextColumn

from sparserec.cli.console import say, screen
from sparserec.course import Lines, News, place
from sparserec.units import left_text, seconds_text

if TYPE_CHECKING:
    from sparserec.training import Progress as Step


class TrainingProgress:
    """A context that shows which stage of how many goes on, how far it is, and the time left until the end of all.

    On a terminal a line moves, and one stays for each stage that is over; elsewhere (a log file, a pipe) there are
    plain lines.

    Args:
        quiet: show nothing.
        verbose: show what was chosen, and a line for each epoch.
    """

    def __init__(self, quiet: bool = False, verbose: bool = False):
        self._quiet, self._verbose = quiet, verbose
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[facts]}", markup=False),
            console=screen,
            transient=True,
            disable=quiet or not screen.is_terminal,
        )
        self._lines = Lines(say, verbose)
        self._task: TaskID | None = None
        self._last: News | None = None
        self._last_step, self._epochs_shown, self._facts = 0, 0, ""

    def __enter__(self) -> TrainingProgress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def follow(self, news: News) -> None:
        """Show what is news; see `sparserec.train`."""
        before, self._last = self._last, news if news.number else self._last
        if self._quiet:
            return
        if not screen.is_terminal or news.kind in ("note", "detail"):
            self._lines(news)
            return
        if news.kind in ("stage", "end") and before is not None and before.number and self._task is not None:
            say(f"{place(before)}{before.words}, {seconds_text(before.seconds)}")
            self._bar.remove_task(self._task)
            self._task, self._facts = None, ""
        if news.kind != "end":
            self._move(news)

    def report(self, step: Step) -> None:
        """Take note of a step of training; see `sparserec.train`."""
        if step.step < self._last_step:  # another training begins
            self._epochs_shown = 0
        self._last_step = step.step
        known = [entry["ndcg@20"] for entry in step.log if "ndcg@20" in entry]
        best = f", best validation NDCG@20 {max(known):.4f}" if known else ""
        self._facts = f"epoch {min(step.epoch + 1, step.epochs)} of {step.epochs}{best}, "
        if self._verbose and not self._quiet:
            for entry in step.log[self._epochs_shown :]:
                say("  " + epoch_line(entry, step.epochs, step.active))
        self._epochs_shown = len(step.log)

    def what_is_left(self) -> str:
        """Where it stands, for whoever ends it here."""
        news = self._last
        if news is None:
            return "before the first stage, while the data were read"
        after = news.stages - news.number
        left = f", {left_text(news.left)} at most" if news.left is not None else ""
        more = f"; {after} more stage{'s' * (after != 1)} after it{left}" if after else f"; it is the last one{left}"
        return f"in stage {news.number} of {news.stages} ({news.words}){more}"

    def _move(self, news: News) -> None:
        left = "" if news.left is None else f"{left_text(news.left)} left at most"
        if self._task is None:
            self._task = self._bar.add_task("", total=None, facts="")
        self._bar.update(
            self._task,
            description=f"{place(news)}{news.words}",
            total=news.total or None,
            completed=news.done,
            facts=f"{self._facts}{left}",
        )


def epoch_line(entry: dict[str, float], epochs: int, active: int) -> str:
    """What an epoch came to."""
    if "loss" not in entry:
        return f"before training: validation NDCG@20 {entry['ndcg@20']:.4f}"
    judged = f", validation NDCG@20 {entry['ndcg@20']:.4f}" if "ndcg@20" in entry else ""
    return (
        f"epoch {entry['epoch'] + 1} of {epochs}: loss {entry['loss']:.4f}{judged}, {active:,} active parameters, "
        f"{seconds_text(entry['seconds'])}"
    )
