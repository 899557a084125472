"""From settings and tables to the parts that the training loop puts together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from sparserec.axes import EXPLORERS, OBJECTIVES, RECOMMENDERS, TABLES
from sparserec.errors import SparserecError
from sparserec.interactions import Split
from sparserec.objectives import NegativeSampler
from sparserec.recommenders import Histories, Recommender
from sparserec.settings import STEPS_OF_SAMPLE, RunConfig
from sparserec.sparsity import Explorer, ExplorerConfig, make_explorer
from sparserec.tables import CPU, RowAdam, SparseTable, Table
from sparserec.teachers import TeacherLists
from sparserec.training.plan import Plan, takes_relative
from sparserec.training.rounded import FileView
from sparserec.training.tasks import DistillationTask, NextItemTask, RankingTask, Task
from sparserec.training.trainer import Trainer

EVIDENCE_BYTES = 128_000_000
"""Memory that the evidence of watched rows may take: very wide tables watch fewer rows."""
MOST_WATCHED = 0.25
"""Share of the rows that are watched at most where none is asked for: evidence of a quarter of a dense gradient."""
SMALLEST_ROW = 0.02
"""Root mean square that a row counts as at least where steps are relative; the whole table's starts at 0.2."""


def assemble(
    config: RunConfig, tables: Mapping[str, Table], history: Histories, device: torch.device = CPU
) -> Recommender:
    """The recommender over these tables, by their names, moved to the device."""
    for table in tables.values():
        table.to(device)
    kind = RECOMMENDERS[config.model]
    return kind.make(tables, history, config.of(kind.settings))


def build_task(config: RunConfig, split: Split, lists: TeacherLists | None = None) -> Task:
    """What an epoch goes over: users with a teacher's lists, else interactions, or what came next in sequences."""
    kind = RECOMMENDERS[config.model]
    if lists is not None:
        return DistillationTask(split.train, lists, build_objective(config))
    parts = build_sampler(config, split), build_objective(config)
    if kind.next_item:
        return NextItemTask(split.train, *parts)
    return RankingTask(split.train, *parts, config.l2, kind.tables)


def build_objective(config: RunConfig) -> Any:
    """The loss, with its settings."""
    kind = OBJECTIVES[config.loss]
    return kind.make(config.of(kind.settings))


def build_sampler(config: RunConfig, split: Split) -> NegativeSampler:
    """The negatives: shared by the batch, or each user's own, as the loss has them."""
    return NegativeSampler(
        split.train.indptr,
        split.train.indices,
        split.train.n_items,
        count=config.n_negatives,
        kind=config.negatives,
        shared=OBJECTIVES[config.loss].shared_negatives,
    )


def build_view(config: RunConfig, model: Recommender, budget: int | None) -> FileView | None:
    """The model as its file will have it, where values are coded to a budget; None for others.

    Args:
        config: of the run.
        model: the model.
        budget: bytes of the file without its raw ids, or None.
    """
    if budget is None or config.values != "coded" or not RECOMMENDERS[config.model].from_histories:
        return None
    return FileView(model, budget)


def build_optimizers(config: RunConfig, model: Recommender) -> dict[str, RowAdam]:
    """One optimiser for each table; the step size is set step by step."""
    return {
        name: RowAdam(
            table,
            lr=config.lr,
            weight_decay=config.weight_decay,
            relative=SMALLEST_ROW if config.relative_lr and takes_relative(table) else 0.0,
        )
        for name, table in model.tables.items()
    }


def build_trainer(
    config: RunConfig,
    split: Split,
    model: Recommender,
    task: Task,
    plan: Plan,
    folder: Path,
    **others: Any,
) -> Trainer:
    """The training of a model by a plan, with its optimisers and its explorer; `others` as for `Trainer`."""
    explorer = build_explorer(config, model, split, plan.epochs * -(-task.size // plan.batch_size))
    return Trainer(model, build_optimizers(config, model), explorer, task, split, plan, folder, **others)


def build_explorer(config: RunConfig, model: Recommender, split: Split, steps: int) -> Explorer:
    """The explorer over the model's tables; `steps` is the length of the whole training."""
    settings, kind = config.exploration, EXPLORERS[config.method]
    end = max(1, int(steps * settings.end))
    tables = {name: table for name, table in model.tables.items() if isinstance(table, SparseTable)}
    interval = max(1, end // max(1, settings.rounds))
    watched = _affordable(settings.sample_fraction or default_sample([*tables.values()]), [*tables.values()])
    explorer = ExplorerConfig(
        interval=interval,
        end=end if settings.rounds else 0,
        drop_fraction=settings.drop_fraction,
        sample_fraction=watched,
        importance=settings.importance,
        alpha=settings.alpha,
        accumulate=settings.accumulate,
        samples=settings.samples or default_samples(watched, interval),
    )
    degrees = {"users": split.train.user_degrees(), "items": split.train.item_degrees()}
    sides = RECOMMENDERS[config.model].tables
    importance = [degrees[sides[name]] for name in tables]
    return make_explorer(config.method, [*tables.values()], explorer, importance, config.seed, config.of(kind.settings))


def default_sample(tables: Sequence[SparseTable]) -> float:
    """Share of the rows to watch so that the evidence takes about the memory of the active parameters' own state.

    A watched row takes 4 bytes a column; an active parameter 15 to 16 bytes with its column, moments and age, and 4
    more while its gradient is held. From a density of a sixteenth on it is a quarter of the rows, however dense.
    """
    cells = sum(table.n_rows * table.dim for table in tables)
    return min(MOST_WATCHED, 4 * sum(table.nnz for table in tables) / cells) if cells else MOST_WATCHED


def default_samples(fraction: float, interval: int) -> int:
    """How many samples to watch one after the other between two explorations: as many as see all rows, where each has
    `STEPS_OF_SAMPLE` steps; else as many as have them, one at least.

    Args:
        fraction: share of the rows in a sample.
        interval: steps between two explorations.
    """
    return max(1, min(round(1 / fraction), interval // STEPS_OF_SAMPLE))


def _affordable(fraction: float, tables: Sequence[SparseTable]) -> float:
    """At most the share of the rows whose evidence takes `EVIDENCE_BYTES`."""
    cells = sum(table.n_rows * table.dim for table in tables)
    return min(fraction, EVIDENCE_BYTES / (4 * cells)) if cells else fraction


def refuse_impossible(config: RunConfig) -> None:
    """Raises SparserecError for settings that a recommender has no use for, before anything is made."""
    kind = RECOMMENDERS[config.model]
    if config.l2 and "users" not in kind.tables:
        raise SparserecError(f"setting l2 is for recommenders with a row for each user: {config.model} has none")
    method = EXPLORERS[config.method]
    if kind.from_histories and (method.pruned_from or TABLES[method.table].of_matrix):
        raise SparserecError(f"{config.model} has sparse tables only: choose another method, or model mf")
    if OBJECTIVES[config.loss].learns == "lists" and config.epochs > 0 and not kind.learns_lists:
        able = ", ".join(name for name, other in RECOMMENDERS.items() if other.learns_lists)
        raise SparserecError(
            f"loss {config.loss} learns from lists for histories: it needs model {able}, not {config.model}"
        )
