"""The training loop. It reads top to bottom as the method does: step, accumulate, explore, validate, save."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from sparserec.artefact import Rounding
from sparserec.errors import SparserecError
from sparserec.evaluation import evaluate
from sparserec.interactions import Split
from sparserec.recommenders import Recommender
from sparserec.tables import RowAdam
from sparserec.training.checkpoint import as_tensors, load_state, prefixed, save_state, section
from sparserec.training.plan import Plan
from sparserec.training.rounded import FileView
from sparserec.training.samples import at_most
from sparserec.training.tasks import Task

CHOSEN_BY = "ndcg@20"
"""The validation metric that early stopping looks at."""
RANKED_USERS = 10_000
"""Validation users at most who are ranked for after an epoch; a sample where there are more."""
ROUNDINGS = 4
"""Times an epoch that the step of the rounding follows the table."""


def ranked_users(split: Split, seed: int) -> np.ndarray | None:
    """Users of the validation part who are ranked for after an epoch, ascending; None for all who are in it."""
    users = np.flatnonzero(split.valid.user_degrees())
    return at_most(users, RANKED_USERS, seed, 11) if len(users) > RANKED_USERS else None


class Explorer(Protocol):
    """What the loop needs of an explorer; see `sparserec.sparsity.explorers`."""

    def watch(self, step: int) -> None: ...  # noqa: D102
    def observe(self) -> None: ...  # noqa: D102
    def due(self, step: int) -> bool: ...  # noqa: D102
    def revise(self, step: int) -> Any: ...  # noqa: D102
    def state(self) -> dict[str, np.ndarray]: ...  # noqa: D102
    def load(self, state: dict[str, np.ndarray]) -> None: ...  # noqa: D102


@dataclass(frozen=True)
class Progress:
    """What a reporter is told after a step.

    Attributes:
        epoch: the epoch that is running, from 0; `epochs` is the most there will be.
        step: steps done, of `steps` at most, over the whole training.
        loss: mean loss of the epoch so far.
        active: active parameters.
        seconds: since this process began to train.
        log: one entry for each finished epoch: epoch, loss, validation metrics, seconds.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    active: int
    seconds: float
    log: tuple[dict[str, float], ...]


Reporter = Callable[[Progress], None]


@dataclass
class _State:
    """Where the training stands; with the tables and the explorer, all that a resumed run needs."""

    step: int = 0
    loss_sum: float = 0.0
    best: float = -1.0
    best_epoch: int = -1
    finished: bool = False
    rounding: list[float] | None = None
    """Fields of the `Rounding` of the values that the loss sees; None for exact ones."""
    log: list[dict[str, float]] = field(default_factory=list)
    """One entry for each finished epoch."""


class Trainer:
    """Trains a recommender on a split and keeps its run folder up to date.

    Randomness is drawn from counters (seed, epoch, step), never from a running generator, so a run that is resumed
    from any step goes on as if it had not stopped.

    Args:
        model: the recommender; its tables are trained in place.
        optimizers: one for each table, by its name.
        explorer: moves the active parameters; a static one never does.
        task: the examples and their loss.
        split: the interactions; only `train` and `valid` are read. Without a validation part nothing is judged, and
            what the last epoch leaves is the result.
        plan: the numbers.
        folder: the run folder, for `checkpoint.safetensors` and `best.safetensors`.
        report: told of the progress after every step.
        stop: asked after every step; True saves a checkpoint and ends the training.
        checkpoint_every: seconds between checkpoints within an epoch.
        view: the model as its file will have it, for plans with `rounding`.
    """

    def __init__(
        self,
        model: Recommender,
        optimizers: Mapping[str, RowAdam],
        explorer: Explorer,
        task: Task,
        split: Split,
        plan: Plan,
        folder: Path,
        report: Reporter | None = None,
        stop: Callable[[], bool] | None = None,
        checkpoint_every: float = 60.0,
        view: FileView | None = None,
    ):
        self._model, self._optimizers, self._explorer = model, optimizers, explorer
        self._task, self._split, self._plan = task, split, plan
        self._folder, self._report, self._checkpoint_every = folder, report, checkpoint_every
        self._stop, self._view = stop or (lambda: False), view
        self._steps_an_epoch = max(1, math.ceil(task.size / plan.batch_size))
        self._state = _State(step=plan.first * self._steps_an_epoch)
        self._judges = split.valid.nnz > 0
        self._ranked = ranked_users(split, plan.seed)
        self._began = self._saved_at = time.monotonic()

    @property
    def log(self) -> list[dict[str, float]]:
        """One entry for each finished epoch."""
        return self._state.log

    def resume(self) -> bool:
        """Continue from the checkpoint in the folder, if there is one. Raises SparserecError if it is another run's."""
        path = self._folder / "checkpoint.safetensors"
        if not path.exists():
            return False
        tensors, facts = load_state(path)
        if facts.pop("fingerprint", None) != self._plan.fingerprint:
            raise SparserecError(f"{path}: was made with other data or another configuration; train into a new folder")
        try:
            for name, table in self._model.tables.items():
                table.load(section(name, tensors))
            self._explorer.load({name: tensor.numpy() for name, tensor in section("explorer", tensors).items()})
            self._state = _State(log=facts.pop("history"), **facts)
        except (SparserecError, KeyError, TypeError, ValueError) as error:
            raise SparserecError(f"{path}: not the state of this run ({error}); train into a new folder") from None
        return True

    def run(self) -> str:
        """Train to the end. Returns why it ended: "finished", "stopped early" or "interrupted"."""
        state, plan = self._state, self._plan
        if self._judges and plan.judge_start and not state.log:
            self._judge(-1)
            state.finished = plan.epochs == 0
            self._save()
        while not state.finished:
            epoch, first = divmod(state.step, self._steps_an_epoch)
            if epoch >= plan.last:
                state.finished = True
                break
            if first == 0 and epoch == plan.rounded_from:
                self._begin_to_round()
            order = np.random.default_rng([plan.seed, 1, epoch]).permutation(self._task.size)
            for number in range(first, self._steps_an_epoch):
                self._step(epoch, order[number * plan.batch_size : (number + 1) * plan.batch_size])
                if self._stop():
                    self._save_interrupted()
                    return "interrupted"
                if time.monotonic() - self._saved_at > self._checkpoint_every:
                    self._save()
            self._end_epoch(epoch)
        if not self._judges:
            self._save()
            self._save_best(plan.last - 1)
        return "stopped early" if state.step < plan.last * self._steps_an_epoch else "finished"

    def _step(self, epoch: int, chosen: np.ndarray) -> None:
        """One batch: scores, loss, gradients, update; then the explorer, when it is due."""
        state, plan = self._state, self._plan
        generator = np.random.default_rng([plan.seed, 2, state.step])
        self._explorer.watch(state.step)
        with self._as_in_the_file(state.step % max(1, self._steps_an_epoch // ROUNDINGS) == 0):
            loss = self._task.loss(self._model, chosen, generator)
            loss.backward()
        self._explorer.observe()
        progress = state.step / (plan.epochs * self._steps_an_epoch)
        for name, optimizer in self._optimizers.items():
            optimizer.lr = plan.lr_at(name, progress)
            optimizer.step()
        state.step += 1
        if self._explorer.due(state.step):
            self._explorer.revise(state.step)
        state.loss_sum += float(loss.detach())
        if not math.isfinite(state.loss_sum):
            raise SparserecError(
                f"the loss is no longer finite at step {state.step} (epoch {epoch}); a smaller lr usually helps"
            )
        self._tell(epoch, state.loss_sum / ((state.step - 1) % self._steps_an_epoch + 1))

    def _begin_to_round(self) -> None:
        """Round from now on where it costs too much not to; the best so far then counts less by that share."""
        state, plan, view = self._state, self._plan, self._view
        if view is None or plan.rounds is False or not (plan.rounds or self._judges):
            return
        how = view.now()
        if plan.rounds is None:
            exact = state.log[-1][CHOSEN_BY] if state.log else self._ranking()[CHOSEN_BY]
            with view.shown(how):
                rounded = self._ranking()[CHOSEN_BY]
            if rounded >= (1 - plan.rounding) * exact:
                return
            state.best *= rounded / exact
        state.rounding = [how.step, how.least, how.magnitude]

    @contextmanager
    def _as_in_the_file(self, refresh: bool) -> Iterator[None]:
        """Within this, values are rounded if it has come to that; by what the file would do now, if `refresh`."""
        view, state = self._view, self._state
        if view is None or state.rounding is None:
            yield
            return
        if refresh:
            how = view.now()
            state.rounding = [how.step, how.least, how.magnitude]
        step, least, *magnitude = state.rounding  # a checkpoint from before there were magnitudes has none
        with view.shown(Rounding(step, least, *map(int, magnitude))):
            yield

    def _end_epoch(self, epoch: int) -> None:
        """Validate, remember the best, decide whether to go on, save."""
        state = self._state
        loss = state.loss_sum / self._steps_an_epoch
        state.loss_sum = 0.0
        self._judge(epoch, loss)
        patient = not self._judges or epoch - state.best_epoch < self._plan.patience
        state.finished = not patient or epoch + 1 >= self._plan.last
        self._save()
        self._tell(epoch, loss)

    def _judge(self, epoch: int, loss: float | None = None) -> None:
        """Validate, and remember the best."""
        state = self._state
        values: dict[str, float] = {}
        if self._judges:
            with self._as_in_the_file(refresh=True):
                values = self._ranking()
        seconds = round(time.monotonic() - self._began, 1)
        known = {} if loss is None else {"loss": loss}
        state.log.append({"epoch": epoch, **known, "seconds": seconds, **values})
        if values and values[CHOSEN_BY] > state.best:
            state.best, state.best_epoch = values[CHOSEN_BY], epoch
            self._save_best(epoch)

    def _ranking(self) -> dict[str, float]:
        """Metrics of the model as it is on the validation part."""
        train, valid = self._split.train, self._split.valid
        return evaluate(self._model.scorer(train), train, valid, ks=(20,), users=self._ranked).as_dict()

    def _tell(self, epoch: int, loss: float) -> None:
        if self._report is None:
            return
        self._report(
            Progress(
                epoch=epoch,
                epochs=self._plan.last,
                step=self._state.step,
                steps=self._plan.last * self._steps_an_epoch,
                loss=loss,
                active=sum(table.nnz for table in self._model.tables.values()),
                seconds=time.monotonic() - self._began,
                log=tuple(self._state.log),
            )
        )

    def _tables(self) -> dict[str, Tensor]:
        tensors: dict[str, Tensor] = {}
        for name, table in self._model.tables.items():
            tensors |= prefixed(name, table.state())
        return tensors

    def _save(self) -> None:
        tensors = self._tables() | prefixed("explorer", as_tensors(self._explorer.state()))
        facts = {**asdict(self._state), "fingerprint": self._plan.fingerprint}
        facts["history"] = facts.pop("log")  # the name that it has had in files from the beginning
        save_state(self._folder / "checkpoint.safetensors", tensors, facts)
        self._saved_at = time.monotonic()

    def _save_best(self, epoch: int) -> None:
        served = {name: tensor for name, tensor in self._tables().items() if ".attached." not in name}
        metrics = self._state.log[-1] if self._state.log else {}
        dims = {name: table.dim for name, table in self._model.tables.items()}
        rounded = self._state.rounding is not None
        facts = {"epoch": epoch, "fingerprint": self._plan.fingerprint, "valid": metrics, "dims": dims}
        facts |= {"rounded": rounded}
        save_state(self._folder / "best.safetensors", served, facts)

    def _save_interrupted(self) -> None:
        """A run that is stopped before its first validation, or has none, still leaves tables that can be used."""
        self._save()
        if self._judges and not (self._folder / "best.safetensors").exists():
            self._save_best(-1)
        if not self._judges and self._plan.until is None:  # of a second training, only the end is of use
            self._save_best(-1)
