"""Progress of a training run on the screen: a line that moves, and one that stays for each epoch."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TaskID, TextColumn

from sparserec.cli.console import say, screen, seconds_text

if TYPE_CHECKING:
    from sparserec.training import Progress as Step


class TrainingProgress:
    """A context that shows stages, steps, loss, validation NDCG@20, active parameters and the time left.

    On a terminal the line moves; elsewhere (a log file) only the lines of finished epochs and stages are written.
    """

    def __init__(self, quiet: bool = False):
        self._quiet = quiet
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[facts]}"),
            console=screen,
            transient=True,
            disable=quiet or not screen.is_terminal,
        )
        self._task: TaskID | None = None
        self._last_step = 0
        self._epochs_shown: int | None = None
        self._began: tuple[int, float] | None = None

    def __enter__(self) -> TrainingProgress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def stage(self, words: str) -> None:
        """Say that a long stage begins."""
        if not self._quiet:
            say(f"{words} ...", style="dim")

    def report(self, step: Step) -> None:
        """Show a step."""
        if self._quiet:
            return
        if self._task is not None and step.step < self._last_step:  # another training begins: the refit
            self._bar.remove_task(self._task)
            self._task = None
        self._last_step = step.step
        if self._task is None:
            self._task = self._bar.add_task("training", total=step.steps, facts="")
            amid = step.step > 1 and step.step % max(1, step.steps // step.epochs)
            self._epochs_shown = len(step.log) if amid else 0
            self._began = (step.step, step.seconds)
        self._bar.update(self._task, completed=step.step, description=_where(step), facts=self._facts(step))
        assert self._epochs_shown is not None
        for entry in step.log[self._epochs_shown :]:
            when = f"epoch {entry['epoch'] + 1:>3}/{step.epochs}" if "loss" in entry else "the start".ljust(9)
            loss = f"{entry['loss']:.4f}" if "loss" in entry else "-".ljust(6)
            judged = f"valid ndcg@20 {entry['ndcg@20']:.4f}  " if "ndcg@20" in entry else ""
            say(f"{when}  loss {loss}  {judged}active {step.active:,}  {seconds_text(entry['seconds'])}")
        self._epochs_shown = len(step.log)

    def _facts(self, step: Step) -> str:
        assert self._began is not None
        done = step.step - self._began[0]
        left = (step.seconds - self._began[1]) / done * (step.steps - step.step) if done else 0.0
        known = [entry["ndcg@20"] for entry in step.log if "ndcg@20" in entry]
        best = f"ndcg@20 {max(known):.4f}  " if known else ""
        return f"loss {step.loss:.4f}  {best}active {step.active:,}  {seconds_text(left)} left at most"


def _where(step: Step) -> str:
    return f"epoch {min(step.epoch + 1, step.epochs)}/{step.epochs}"
