"""Item columns beside a table that was trained: weights of items by items for what its scores lack of the teacher's.

A table of few values an item tells groups of items apart, and less well which two of a group belong together. So a part
of its values, the smallest, gives way to weights that lead from one item to another, as many as their bytes allow. Both
are in the file as they are here, ordinary columns and item columns, and no age counts for anything.
"""

from __future__ import annotations

import math
import shutil
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from sparserec.artefact.codecs import named_codec
from sparserec.artefact.size import gaps_bits
from sparserec.evaluation import evaluate
from sparserec.files import replacing
from sparserec.objectives.distillation import EMPHASIS, RELATIVE_TO
from sparserec.recommenders import FISM
from sparserec.sparsity.initial import normalised
from sparserec.sparsity.local import neighbours
from sparserec.sparsity.masks import CsrMask, pointers, smallest_droppable
from sparserec.sparsity.residual import Residual
from sparserec.starts import thresholds
from sparserec.starts.base import Context
from sparserec.starts.history import BEST, TRAINED
from sparserec.starts.judging import taught_users
from sparserec.starts.lists import FILE as LISTS_FILE
from sparserec.starts.planning import has_item_columns
from sparserec.tables import DenseTable, SparseTable
from sparserec.teachers import open_lists
from sparserec.training import load_state, save_state
from sparserec.training.checkpoint import prefixed
from sparserec.training.trainer import CHOSEN_BY, ranked_users

HEADER_BYTES = 320
"""Bytes that two more tensors of gaps and the ages take in the header of a file, and the ages themselves."""


def add_item_columns(context: Context) -> None:
    """Put item columns beside the table in the run folder where that is worth while, once.

    Args:
        context: of a training that came to its end. `teacher.item_columns` says whether they are wanted; where it does
            not, validation must gain `thresholds.WORTH_ITEM_COLUMNS`.
    """
    path, listed = context.folder / BEST, context.folder / LISTS_FILE
    if not has_item_columns(context.config) or not path.exists() or not listed.exists():
        return
    tensors, facts = load_state(path)
    if "item_columns" in facts or "ages" in facts["dims"] or facts.get("rounded"):
        return  # decided already, or trained for the rounding of its file, which would be another
    asked, judged = context.config.teacher.item_columns, context.split.valid.nnz > 0
    if asked is None and not judged:
        return
    mask = CsrMask(*(tensors[f"items.{name}"].numpy() for name in ("indptr", "columns", "values")))
    dim, weights = int(facts["dims"]["items"]), tensors["weights.values"].numpy().ravel()
    fewer = _fewer(mask)
    count = weights_within(len(mask.indptr) - 1, dim, len(mask.columns), len(fewer.columns))
    if not count:
        return
    context.course.begin("beside")
    model = _joined(context, fewer, weights, dim, count)
    if judged:
        before, after = (_metrics(context, one) for one in (_fism(context, mask, weights, dim), model))
        words = f"validation NDCG@20 {after[CHOSEN_BY]:.4f}, without them {before[CHOSEN_BY]:.4f}"
        if asked is None and after[CHOSEN_BY] < (1 + thresholds.WORTH_ITEM_COLUMNS) * before[CHOSEN_BY]:
            context.course.detail(f"no item columns beside the table: {words}")
            save_state(path, tensors, {**facts, "item_columns": False})
            return
        context.course.detail(f"{count} weights in item columns beside the table: {words}")
        facts["valid"] = {**facts["valid"], **after}
    with replacing(context.folder / TRAINED) as part:
        shutil.copyfile(path, part)
    state = {key: value for name, table in model.tables.items() for key, value in prefixed(name, table.state()).items()}
    facts |= {"item_columns": True, "dims": {name: table.dim for name, table in model.tables.items()}}
    save_state(path, {key: value for key, value in state.items() if ".attached." not in key}, facts)


def weights_within(n_items: int, dim: int, before: int, after: int) -> int:
    """How many weights of items by items take the bytes that a table of fewer values leaves; as bits are expected.

    Args:
        n_items: rows, and item columns.
        dim: ordinary columns.
        before: values that the table had.
        after: values that stay.
    """
    bits = named_codec("coded").value_bits
    free = _bits(n_items * dim, before, bits) - _bits(n_items * dim, after, bits) - 8 * HEADER_BYTES
    low, high = 0, n_items * min(thresholds.NEAREST, n_items - 1)
    while low < high:
        middle = -(-(low + high) // 2)
        low, high = (middle, high) if _bits(n_items * n_items, middle, bits) <= free else (low, middle - 1)
    return low


def _bits(cells: int, count: int, value_bits: float) -> float:
    return gaps_bits(cells, count) + count * value_bits if count else 0.0


def _fewer(mask: CsrMask) -> CsrMask:
    """The mask without its smallest values, each row keeping one."""
    leave = math.floor(len(mask.values) * (1 - thresholds.STAYS))
    (drop,) = smallest_droppable([mask.indptr.astype(np.int64)], [np.abs(mask.values)], leave)
    kept = np.concatenate(([0], np.cumsum(~drop)))[mask.indptr]
    return CsrMask(kept.astype(np.int64), mask.columns[~drop], mask.values[~drop])


def _fism(context: Context, mask: CsrMask, weights: np.ndarray, dim: int, ages: DenseTable | None = None) -> FISM:
    """The model of a table and the logarithms of history weights (n_items,)."""
    table = SparseTable(mask.indptr, mask.columns, mask.values, dim)
    return FISM(table, DenseTable(weights[:, None].astype(np.float32)), context.split.train, ages)


def _joined(context: Context, mask: CsrMask, weights: np.ndarray, dim: int, count: int) -> FISM:
    """The model with `count` weights in item columns beside a mask."""
    train, n_items = context.split.train, len(mask.indptr) - 1
    users = taught_users(context.config, context.split)
    known = open_lists(context.folder / LISTS_FILE, users, n_items)
    nearest, _ = neighbours(normalised(train.csr()), min(thresholds.NEAREST, n_items - 1))
    plain = _fism(context, mask, weights, dim)
    counts = {"emphasis": EMPHASIS, "relative_to": RELATIVE_TO}  # as in the loss that the table was trained with
    with torch.no_grad():
        beside = Residual(train, nearest, known, lambda asked: _scores(plain, asked), **counts).weights(count)
    # One step codes the values of both: let them be as large on average. Scores do not change by it.
    scale = float(np.mean(np.abs(beside.data), dtype=np.float64) / np.mean(np.abs(mask.values), dtype=np.float64))
    table = sp.csr_array((mask.values * np.float32(scale), mask.columns.astype(np.int32), mask.indptr), (n_items, dim))
    both = sp.csr_array(sp.hstack([table, beside]))
    both.sort_indices()
    joined = CsrMask(pointers(np.diff(both.indptr)), both.indices, both.data.astype(np.float32))
    ones = DenseTable(np.ones((2, 1), dtype=np.float32))
    return _fism(context, joined, weights - 2 * math.log(scale), dim + n_items, ones)


def _scores(model: FISM, users: np.ndarray) -> np.ndarray:
    """Scores of all items (n_items, B) for users (B,)."""
    return model.catalogue_scores(torch.from_numpy(users)).numpy()


@torch.no_grad()
def _metrics(context: Context, model: FISM) -> dict[str, Any]:
    """Validation metrics, as the training has them after an epoch."""
    train, valid = context.split.train, context.split.valid
    users = ranked_users(context.split, context.config.seed)
    return evaluate(model.scorer(train), train, valid, ks=(20,), users=users).as_dict()
