"""The start of methods that train dense tables first and then prune them to the budget.

"magnitude" keeps the largest |w| over all tables with their values, and training goes on with this mask. Source: Han et
al., "Learning both weights and connections for efficient neural networks" (arXiv 1506.02626); reported to be strong for
embedding tables in arXiv 2406.17335. Unlike the former it prunes once and not in rounds.

"pep" learns a threshold for each row with the values, keeps what lies furthest above it, and trains that mask again
from the initial values. Source: Liu et al., "Learnable embedding sizes for recommender systems" (arXiv 2101.07577).
Unlike the original the number of parameters that stay is exact, and the search ends after a given share of the epochs
instead of when few enough are left.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from sparserec.files import make_folder
from sparserec.sparsity import CsrMask
from sparserec.sparsity.masks import largest
from sparserec.tables import DenseTable, Table, ThresholdTable
from sparserec.training.checkpoint import as_tensors, load_state, save_state, section

PRUNED = ("magnitude", "pep")
"""Methods that begin like this."""

Train = Callable[[Mapping[str, Table], Path], None]
"""Trains dense tables in place; what it needs to resume lies in a folder of its own."""


def pruned_start(
    method: str,
    start: Mapping[str, np.ndarray],
    weights: Mapping[str, np.ndarray],
    budget: int,
    folder: Path,
    fingerprint: str,
    train: Train,
) -> tuple[dict[str, CsrMask], dict[str, np.ndarray]]:
    """Train dense tables, or take what was left of that in the run folder, and prune them.

    Args:
        method: "magnitude" or "pep".
        start: initial values of the embedding tables by name, (n_rows, dim) each.
        weights: those of the other matrices by name.
        budget: entries that stay, over all embedding tables together; each row keeps one at least.
        folder: the run folder.
        fingerprint: of configuration and data; what another run left is not taken.
        train: see `Train`.

    Returns:
        masks of the embedding tables with their values, and the other matrices, to go on with.
    """
    kept, phase = folder / "pruned.safetensors", folder / "dense"
    if not _belongs(kept, fingerprint):
        if not _belongs(phase / "checkpoint.safetensors", fingerprint):
            shutil.rmtree(phase, ignore_errors=True)
        make_folder(phase)
        threshold = method == "pep"
        tables = {name: (ThresholdTable if threshold else DenseTable)(matrix.copy()) for name, matrix in start.items()}
        others = {name: DenseTable(matrix.copy()) for name, matrix in weights.items()}
        train({**tables, **others}, phase)
        masks = _prune({name: _scores(table) for name, table in tables.items()}, budget)
        values = start if threshold else {name: _matrix(table) for name, table in tables.items()}
        rest = weights if threshold else {name: _matrix(table) for name, table in others.items()}
        _save(kept, {name: _filled(mask, values[name]) for name, mask in masks.items()}, rest, fingerprint)
        shutil.rmtree(phase, ignore_errors=True)
    tensors, _ = load_state(kept)
    masks = {}
    for name in start:
        part = {key: tensor.numpy() for key, tensor in section(f"mask.{name}", tensors).items()}
        masks[name] = CsrMask(part["indptr"], part["columns"], part["values"])
    return masks, {name: section("weights", tensors)[name].numpy() for name in weights}


def _belongs(path: Path, fingerprint: str) -> bool:
    return path.exists() and load_state(path)[1].get("fingerprint") == fingerprint


def _save(path: Path, masks: Mapping[str, CsrMask], weights: Mapping[str, np.ndarray], fingerprint: str) -> None:
    arrays = {f"weights.{name}": matrix for name, matrix in weights.items()}
    for name, mask in masks.items():
        arrays |= {f"mask.{name}.{part}": getattr(mask, part) for part in ("indptr", "columns", "values")}
    save_state(path, as_tensors(arrays), {"fingerprint": fingerprint})


def _matrix(table: Table) -> np.ndarray:
    assert isinstance(table, DenseTable)
    return table.matrix.cpu().numpy()


def _scores(table: Table) -> np.ndarray:
    """What is kept before what, (n_rows, dim) float32 >= 0."""
    if isinstance(table, ThresholdTable):
        margins = table.margins()
        return margins + 1  # a threshold cuts less than 1
    return np.abs(_matrix(table))


def _prune(scores: Mapping[str, np.ndarray], budget: int) -> dict[str, CsrMask]:
    """The `budget` entries with the largest scores over all tables, every row keeping one."""
    indptr, columns = largest(np.vstack(list(scores.values())), budget)
    masks, first = {}, 0
    for name, part in scores.items():
        own = indptr[first : first + len(part) + 1]
        masks[name] = CsrMask(own - own[0], columns[own[0] : own[-1]], np.zeros(0, dtype=np.float32))
        first += len(part)
    return masks


def _filled(mask: CsrMask, values: np.ndarray) -> CsrMask:
    rows = np.repeat(np.arange(len(values)), np.diff(mask.indptr))
    return CsrMask(mask.indptr, mask.columns, values[rows, mask.columns])
