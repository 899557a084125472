"""The numbers of a training: what the loop needs of a configuration."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from sparserec.axes import EXPLORERS, OBJECTIVES, RECOMMENDERS
from sparserec.interactions import Split
from sparserec.recommenders import Recommender
from sparserec.settings import RunConfig
from sparserec.sparsity.settings import PruningSettings
from sparserec.tables import SparseTable, Table

SMALLEST_BATCH = 32
"""Users of a batch at least, however few there are."""
ROUNDED = 0.25
"""Share of the epochs, the last ones, in which values may be rounded as in the file."""


@dataclass(frozen=True)
class Plan:
    """The numbers of a training run that the loop needs.

    Attributes:
        epochs: passes over the examples at most; with 0 the start is what remains.
        patience: epochs without a better validation value before it stops.
        batch_size: examples a step.
        lr: initial step size of the tables by name; decays as a cosine to 5 % over all epochs.
        seed: seed of the order of the examples and of the negatives.
        fingerprint: of the configuration and the data; a checkpoint of another is refused.
        judge_start: validate the start too, as epoch -1; a start that knows something may be hard to beat.
        until: epochs to run, where that was found out before; schedules are those of `epochs` all the same.
        first: the epoch to begin with, for a training that goes on from tables which have seen those before.
        rounding: share of the validation value that the rounding of the file may cost. Where it costs more, the last
            `ROUNDED` of the epochs are trained with values rounded as in the file.
        rounds: whether they are, where that was found out before.
    """

    epochs: int
    patience: int
    batch_size: int
    lr: Mapping[str, float]
    seed: int
    fingerprint: str
    judge_start: bool = False
    until: int | None = None
    first: int = 0
    rounding: float = 1.0
    rounds: bool | None = None

    @property
    def rounded_from(self) -> int:
        """The first epoch that may see rounded values."""
        return self.epochs - max(1, int(ROUNDED * self.epochs))

    @property
    def last(self) -> int:
        """Epochs to run at most."""
        return self.epochs if self.until is None else min(self.epochs, self.until)

    def lr_at(self, table: str, progress: float) -> float:
        """Step size of a table at a share `progress` in [0, 1] of the whole training."""
        return self.lr[table] * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))))


def build_plan(
    config: RunConfig,
    split: Split,
    model: Recommender,
    until: int | None = None,
    rounds: bool | None = None,
    first: int = 0,
) -> Plan:
    """The numbers of the loop; `until` ends it after so many epochs, `rounds` says whether the last ones round, and
    `first` which is the first of them."""
    relative = config.relative_lr
    epochs = left_epochs(config, split)
    lr = {name: relative if relative and takes_relative(table) else config.lr for name, table in model.tables.items()}
    return Plan(
        epochs=epochs,
        patience=config.patience,
        batch_size=batch_size(config, split),
        lr=lr,
        seed=config.seed,
        fingerprint=fingerprint(config, split),
        judge_start=RECOMMENDERS[config.model].from_histories or epochs == 0,
        until=until,
        first=first,
        rounding=config.rounding,
        rounds=rounds,
    )


def left_epochs(config: RunConfig, split: Split) -> int:
    """Epochs of the training itself: all, but for those that dense tables were trained for before."""
    more, small = config.small_epochs, batch_size(config, split) < config.batch_size
    if more is not None and small and EXPLORERS[config.method].pruned_from is None:
        return more
    return config.epochs - dense_epochs(config)


def dense_epochs(config: RunConfig) -> int:
    """Epochs for which methods that prune train dense tables first."""
    if EXPLORERS[config.method].pruned_from is None:
        return 0
    share = config.of(PruningSettings).dense_share
    return min(config.epochs, max(1, int(share * config.epochs)))


def batch_size(config: RunConfig, split: Split) -> int:
    """As configured; where examples are users and those are few, smaller, so that an epoch has steps enough."""
    if not needs_teacher(config):
        return config.batch_size
    return min(config.batch_size, max(SMALLEST_BATCH, split.train.n_users // 40))


def needs_teacher(config: RunConfig) -> bool:
    """Whether the loss learns from a teacher's lists."""
    return OBJECTIVES[config.loss].learns == "lists" and config.epochs > 0


def takes_relative(table: Table) -> bool:
    """Whether relative steps make sense: not for logarithms, which are relative already."""
    return isinstance(table, SparseTable)


def fingerprint(config: RunConfig, split: Split) -> str:
    """SHA-256 of the configuration and the data: what belongs to another run is told by it."""
    described = json.dumps(config.model_dump(), sort_keys=True) + split.fingerprint()
    return hashlib.sha256(described.encode()).hexdigest()
