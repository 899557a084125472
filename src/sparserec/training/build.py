"""From a configuration and a split to the parts that the training loop puts together."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sparserec.errors import SparserecError
from sparserec.files import make_folder
from sparserec.interactions import Split
from sparserec.objectives import BPR, DISTILLATION, NegativeSampler, Objective, SampledSoftmax
from sparserec.recommenders import FISM, History, Recommender
from sparserec.sparsity import EXPLORERS, Explorer, ExplorerConfig, make_explorer, parse_budget
from sparserec.tables import CPU, DenseTable, RowAdam, SparseTable, Table
from sparserec.teachers import Scorer
from sparserec.training.config import RunConfig, load_config
from sparserec.training.kinds import KINDS
from sparserec.training.pruned import PRUNED, pruned_start
from sparserec.training.rounded import FileView
from sparserec.training.start import Say, Start, needs_teacher, prepare, width
from sparserec.training.tables import NORMAL_SCALE, active_parameters, dense_start, dense_tables, sparse_tables
from sparserec.training.tasks import DistillationTask, NextItemTask, RankingTask, Task
from sparserec.training.trainer import CHOSEN_BY, Plan, Progress, Trainer

EVIDENCE_BYTES = 128_000_000
"""Memory that the evidence of watched rows may take: very wide tables watch fewer rows."""
SMALLEST_BATCH = 32
"""Users of a batch at least, however few there are."""
SMALLEST_ROW = 0.02
"""Root mean square that a row counts as at least where steps are relative; the whole table's starts at 0.2."""


def build_plan(
    config: RunConfig, split: Split, model: Recommender, until: int | None = None, rounds: bool | None = None
) -> Plan:
    """The numbers of the loop; `until` ends it after so many epochs, `rounds` says whether the last ones round."""
    relative = config.relative_lr
    epochs = left_epochs(config, split)
    lr = {name: relative if relative and takes_relative(table) else config.lr for name, table in model.tables.items()}
    return Plan(
        epochs=epochs,
        patience=config.patience,
        batch_size=_batch_size(config, split),
        lr=lr,
        seed=config.seed,
        fingerprint=fingerprint(config, split),
        judge_start=config.model == "fism" or epochs == 0,
        until=until,
        rounding=config.rounding,
        rounds=rounds,
    )


def build_view(config: RunConfig, model: Recommender) -> FileView | None:
    """The model as its file will have it, where values are coded to a budget; None for others."""
    if config.budget is None or config.values != "coded" or not isinstance(model, FISM):
        return None
    return FileView(model, parse_budget(config.budget, model.tables["items"].n_rows))


def left_epochs(config: RunConfig, split: Split) -> int:
    """Epochs of the training itself: all, but for those that dense tables were trained for before."""
    more, small = config.small_epochs, _batch_size(config, split) < config.batch_size
    if more is not None and small and config.method not in PRUNED:
        return more
    return config.epochs - dense_epochs(config)


def dense_epochs(config: RunConfig) -> int:
    """Epochs for which methods that prune train dense tables first."""
    return min(config.epochs, max(1, int(config.dense_share * config.epochs))) if config.method in PRUNED else 0


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


def takes_relative(table: Table) -> bool:
    """Whether relative steps make sense: not for logarithms, which are relative already."""
    return isinstance(table, SparseTable)


def _batch_size(config: RunConfig, split: Split) -> int:
    """As configured; where examples are users and those are few, smaller, so that an epoch has steps enough."""
    if not needs_teacher(config):
        return config.batch_size
    return min(config.batch_size, max(SMALLEST_BATCH, split.train.n_users // 40))


def fingerprint(config: RunConfig, split: Split) -> str:
    """SHA-256 of the configuration and the data: what belongs to another run is told by it."""
    described = json.dumps(config.model_dump(), sort_keys=True) + split.fingerprint()
    return hashlib.sha256(described.encode()).hexdigest()


def build(
    config: RunConfig,
    split: Split,
    folder: Path,
    say: Say,
    lender: Path | None = None,
    earlier: Path | None = None,
    device: torch.device = CPU,
) -> tuple[Recommender, Task]:
    """The recommender with its tables at their initial mask and values, and what it learns from.

    `lender` is the folder of a training with the same teacher on the same data, whose lists are taken; `earlier` that
    of a training on a part of this data, with which the initial table is found faster. The tables lie on `device`.
    """
    if config.l2 and "users" not in KINDS[config.model].tables:
        raise SparserecError(f"setting l2 is for recommenders with a row for each user: {config.model} has none")
    if config.model == "fism":
        return _build_fism(config, split, folder, say, lender, earlier)
    if needs_teacher(config):
        raise SparserecError(
            f"loss {config.loss} learns from lists for histories: it needs model fism, not {config.model}"
        )
    weights = KINDS[config.model].weights(config, np.random.default_rng([config.seed, 7]))
    if config.method == "dense":
        tables = dense_tables(config, split)
    elif config.method in PRUNED:
        tables, weights = _pruned_tables(config, split, weights, folder, say, device)
    else:
        tables = sparse_tables(config, split)
    tables |= {name: DenseTable(matrix) for name, matrix in weights.items()}
    return assemble(config, tables, split.train, device), build_task(config, split)


def _pruned_tables(
    config: RunConfig, split: Split, weights: dict[str, np.ndarray], folder: Path, say: Say, device: torch.device
) -> tuple[dict[str, Table], dict[str, np.ndarray]]:
    """Tables with the mask that a dense training leaves, and the other matrices."""
    budget = active_parameters(config, split, config.dim)  # a budget that can't be kept is refused at once
    first = dense_epochs(config)
    dense = config.model_copy(update={"method": "dense", "epochs": first, "patience": first})
    own = fingerprint(config, split)

    def train(tables: Mapping[str, Table], phase: Path) -> None:
        say(f"training dense tables for {first} of {config.epochs} epochs")
        model = assemble(dense, tables, split.train, device)
        plan = replace(build_plan(dense, split, model), fingerprint=own)
        trainer = build_trainer(dense, split, model, build_task(dense, split), plan, phase)
        trainer.resume()
        trainer.run()

    start = dense_start(dense, split)
    masks, weights = pruned_start(config.method, start, weights, budget, folder, own, train)
    tables: dict[str, Table] = {
        name: SparseTable(mask.indptr, mask.columns, np.where(mask.values == 0, NORMAL_SCALE, mask.values), config.dim)
        for name, mask in masks.items()
    }
    return tables, weights


def _build_fism(
    config: RunConfig, split: Split, folder: Path, say: Say, lender: Path | None, earlier: Path | None
) -> tuple[Recommender, Task]:
    if config.method == "dense":
        raise SparserecError("fism has sparse tables only: choose another method, or model mf")
    if config.init == "nmf":
        raise SparserecError("fism starts from init spectral or random, not nmf")
    asked = width(config, split)
    most = active_parameters(config, split, asked)  # a budget that can't be kept is refused at once

    def budget(dim: int) -> int:
        # A teacher of low rank leaves fewer columns than were asked for; they may not hold so many parameters.
        return min(most, split.train.n_items * dim) if dim <= asked else active_parameters(config, split, dim)

    def judge(start: Start) -> float:
        return after_an_epoch(config, split, *_from_start(config, split, start), folder / "trial")

    def graph() -> Scorer:
        return train_graph_teacher(config, split, folder / "lightgcn", say)

    start = prepare(config, split, folder, budget, fingerprint(config, split), say, judge, lender, earlier, graph)
    return _from_start(config, split, start)


def train_graph_teacher(config: RunConfig, split: Split, folder: Path, say: Say) -> Scorer:
    """Dense LightGCN on the training part, as the teacher of a run; what it writes in `folder` is removed again.

    Scores are cosines, trained as those of the pooled teacher are, from a spectral start.
    """
    wanted, train = config.teacher, split.train
    own = load_config(
        "lightgcn",
        method="dense",
        dim=min(wanted.dim, train.n_users - 1, train.n_items - 1),
        layers=config.layers,
        similarity="cosine",
        temperature=wanted.temperature,
        lr=wanted.lr,
        epochs=wanted.epochs,
        batch_size=min(4096, max(256, train.nnz // 200)),
        n_negatives=512,
        weight_decay=1e-6,  # `l2` would shrink rows whose length doesn't count
        l2=0.0,
        seed=config.seed,
    )
    alone = replace(split, valid=split.valid.where(np.zeros(split.valid.nnz, dtype=bool)))
    model = assemble(own, dense_tables(own, alone), train)

    def report(progress: Progress) -> None:
        if len(progress.history) > reported[0]:
            reported[0] = len(progress.history)
            say(f"teacher: epoch {reported[0]}/{own.epochs}, loss {progress.loss:.4f}")

    reported = [0]
    make_folder(folder)
    trainer = build_trainer(
        own, alone, model, build_task(own, alone), build_plan(own, alone, model), folder, report=report
    )
    trainer.resume()
    trainer.run()
    shutil.rmtree(folder, ignore_errors=True)
    return model.scorer(train)


def _from_start(config: RunConfig, split: Split, start: Start) -> tuple[Recommender, Task]:
    """What begins at a start, which stays as it is."""
    mask = start.table.mask
    items = SparseTable(mask.indptr, mask.columns.copy(), mask.values.copy(), start.dim)
    weights = DenseTable(np.log(start.table.weights)[:, None])
    model = assemble(config, {"items": items, "weights": weights}, split.train)
    if start.lists is None:
        return model, build_task(config, split)
    return model, DistillationTask(split.train, start.lists, DISTILLATION[config.loss]())


def after_an_epoch(config: RunConfig, split: Split, model: Recommender, task: Task, folder: Path) -> float:
    """Validation NDCG@20 after the first epoch of this training; what it writes in `folder` is removed again."""
    plan = replace(build_plan(config, split, model, until=1), judge_start=False)
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed here
    make_folder(folder)
    try:
        trainer = build_trainer(config, split, model, task, plan, folder)
        trainer.run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return trainer.history[-1][CHOSEN_BY]


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


def assemble(
    config: RunConfig, tables: Mapping[str, Table], history: History, device: torch.device = CPU
) -> Recommender:
    """The recommender over these tables, by their names, moved to the device."""
    for table in tables.values():
        table.to(device)
    return KINDS[config.model].make(tables, history, config)


def build_task(config: RunConfig, split: Split) -> Task:
    """Interactions, or what came next, ranked above negatives."""
    parts = build_sampler(config, split), build_objective(config)
    if KINDS[config.model].next_item:
        return NextItemTask(split.train, *parts, length=config.length, dropout=config.dropout)
    return RankingTask(split.train, *parts, config.l2, KINDS[config.model].tables)


def build_objective(config: RunConfig) -> Objective:
    """The loss over positives and negatives."""
    return BPR() if config.loss == "bpr" else SampledSoftmax(config.temperature)


def build_sampler(config: RunConfig, split: Split) -> NegativeSampler:
    """The negatives: shared by the batch for the softmax, each user's own for BPR."""
    return NegativeSampler(
        split.train.indptr,
        split.train.indices,
        split.train.n_items,
        count=config.n_negatives,
        kind=config.negatives,
        shared=config.loss != "bpr",
    )


def build_explorer(config: RunConfig, model: Recommender, split: Split, steps: int) -> Explorer:
    """The explorer over the model's tables; `steps` is the length of the whole training."""
    settings = config.exploration
    end = max(1, int(steps * settings.end))
    kind = config.method if config.method in EXPLORERS else "static"
    tables = [table for table in model.tables.values() if isinstance(table, SparseTable)]
    explorer = ExplorerConfig(
        interval=max(1, end // max(1, settings.rounds)),
        end=end if settings.rounds else 0,
        drop_fraction=settings.drop_fraction,
        sample_fraction=_affordable(settings.sample_fraction or default_sample(tables), tables),
        importance=settings.importance,
        alpha=settings.alpha,
        accumulate=settings.accumulate,
    )
    sides, degrees = (
        KINDS[config.model].tables,
        {
            "users": split.train.user_degrees(),
            "items": split.train.item_degrees(),
        },
    )
    importance = [degrees[sides[name]] for name, table in model.tables.items() if isinstance(table, SparseTable)]
    return make_explorer(kind, tables, explorer, importance, config.seed)


def default_sample(tables: Sequence[SparseTable]) -> float:
    """Share of the rows to watch so that the evidence takes about the memory of the active parameters' own state.

    A watched row takes 4 bytes a column; an active parameter 15 to 16 bytes with its column, moments and age, and 4
    more while its gradient is held.
    """
    cells = sum(table.n_rows * table.dim for table in tables)
    return min(1.0, 4 * sum(table.nnz for table in tables) / cells) if cells else 1.0


def _affordable(fraction: float, tables: Sequence[SparseTable]) -> float:
    """At most the share of the rows whose evidence takes `EVIDENCE_BYTES`."""
    cells = sum(table.n_rows * table.dim for table in tables)
    return min(fraction, EVIDENCE_BYTES / (4 * cells)) if cells else fraction
