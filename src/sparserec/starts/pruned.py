"""The start of methods that train dense tables first and then prune them to the budget; see `explorers.pruning`."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from sparserec.axes import EXPLORERS, TABLES
from sparserec.files import make_folder
from sparserec.sparsity import CsrMask
from sparserec.sparsity.masks import largest
from sparserec.starts.base import Context, SparseStart
from sparserec.starts.budget import active_parameters
from sparserec.starts.factorised import dense_matrices, filled
from sparserec.starts.stages import belongs
from sparserec.tables import DenseTable, Table, TableKind
from sparserec.training import Reporter, assemble, build_plan, build_task, build_trainer, load_state, save_state
from sparserec.training.checkpoint import as_tensors, section
from sparserec.training.plan import dense_epochs


def pruned_tables(
    context: Context, matrices: Mapping[str, np.ndarray]
) -> tuple[dict[str, SparseStart], dict[str, np.ndarray]]:
    """Train dense tables, or take what was left of that in the run folder, and prune them.

    Args:
        context: of the run.
        matrices: the recommender's other matrices by name, at their initial values.

    Returns:
        masks of the embedding tables with their values, and the other matrices, to go on with.
    """
    result = context.folder / "pruned.safetensors"
    budget = active_parameters(context.config, context.split, context.config.dim)  # one too small is refused at once
    context.course.begin("table")
    first = dense_matrices(context)
    if not belongs(result, context.fingerprint):
        kind = TABLES[EXPLORERS[context.config.method].pruned_from or ""]
        tables, others = _trained_dense(context, kind, first, matrices)
        after = {name: _matrix(table) for name, table in others.items()} if kind.keeps_values else matrices
        _save(result, context, prune(kind, tables, first, budget), after)
        shutil.rmtree(context.folder / "dense", ignore_errors=True)
    tensors, _ = load_state(result)
    starts = {}
    for name in first:
        part = {key: tensor.numpy() for key, tensor in section(f"mask.{name}", tensors).items()}
        mask = CsrMask(part["indptr"], part["columns"], filled(part["values"]))
        starts[name] = SparseStart(mask, context.config.dim)
    return starts, {name: section("weights", tensors)[name].numpy() for name in matrices}


def _trained_dense(
    context: Context, kind: TableKind, first: Mapping[str, np.ndarray], matrices: Mapping[str, np.ndarray]
) -> tuple[dict[str, Table], dict[str, DenseTable]]:
    """The dense tables after their share of the epochs, and the other matrices; goes on where it was interrupted."""
    config, split, phase = context.config, context.split, context.folder / "dense"
    if not belongs(phase / "checkpoint.safetensors", context.fingerprint):
        shutil.rmtree(phase, ignore_errors=True)
    make_folder(phase)
    assert kind.of_matrix is not None
    tables: dict[str, Table] = {name: kind.of_matrix(matrix.copy()) for name, matrix in first.items()}
    others = {name: DenseTable(matrix.copy()) for name, matrix in matrices.items()}
    epochs = dense_epochs(config)
    dense = config.model_copy(update={"method": "dense", "epochs": epochs, "patience": epochs})
    context.course.begin("dense")
    context.course.detail(f"training dense tables for {epochs} of {config.epochs} epochs")
    model = assemble(dense, {**tables, **others}, split.train, context.device)
    plan = replace(build_plan(dense, split, model), fingerprint=context.fingerprint)
    trainer = build_trainer(dense, split, model, build_task(dense, split), plan, phase, report=_counted(context))
    trainer.resume()
    trainer.run()
    return tables, others


def _counted(context: Context) -> Reporter:
    return lambda progress: context.course.count(progress.step, progress.steps)


def prune(
    kind: TableKind, tables: Mapping[str, Table], first: Mapping[str, np.ndarray], budget: int
) -> dict[str, CsrMask]:
    """The `budget` entries with the largest scores over all tables, every row keeping one, with their values.

    Args:
        kind: of the tables.
        tables: as they were trained, by name.
        first: the values that they began with, (n_rows, dim).
        budget: entries over all tables together.
    """
    assert kind.prune_scores is not None
    scores = {name: kind.prune_scores(table) for name, table in tables.items()}
    indptr, columns = largest(np.vstack(list(scores.values())), budget)
    masks, row = {}, 0
    for name, part in scores.items():
        bounds = indptr[row : row + len(part) + 1]
        active = columns[bounds[0] : bounds[-1]]
        values = _matrix(tables[name]) if kind.keeps_values else first[name]
        rows = np.repeat(np.arange(len(part)), np.diff(bounds))
        masks[name] = CsrMask(bounds - bounds[0], active, values[rows, active])
        row += len(part)
    return masks


def _save(path: Path, context: Context, masks: Mapping[str, CsrMask], matrices: Mapping[str, np.ndarray]) -> None:
    arrays = {f"weights.{name}": matrix for name, matrix in matrices.items()}
    for name, mask in masks.items():
        arrays |= {f"mask.{name}.{part}": getattr(mask, part) for part in ("indptr", "columns", "values")}
    save_state(path, as_tensors(arrays), {"fingerprint": context.fingerprint})


def _matrix(table: Table) -> np.ndarray:
    return table.values.reshape(table.n_rows, -1).cpu().numpy()
