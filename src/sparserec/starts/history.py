"""The start of recommenders of histories: a chain of stages, each of which leaves its result in the run folder.

    spectrum -> teachers -> their lists -> the table, after trials of its width

Without a teacher only the first and the last remain.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from sparserec.axes import STARTS
from sparserec.errors import SparserecError
from sparserec.files import make_folder
from sparserec.settings import RunConfig
from sparserec.sparsity import CsrMask, HistoryStart, Spectrum, local_factors
from sparserec.sparsity.initial import normalised
from sparserec.starts import thresholds
from sparserec.starts.base import Context, SparseStart, Start
from sparserec.starts.budget import columns_budget, width
from sparserec.starts.judging import judged_users, quality, taught_users
from sparserec.starts.lists import FILE as LISTS_FILE
from sparserec.starts.lists import Lists, list_files, settle_lists, taught_stage
from sparserec.starts.order import ItemTable, ordered_table
from sparserec.starts.spectrum import spectrum_stage
from sparserec.starts.stages import belongs, remove_stages
from sparserec.teachers import TeacherLists, open_lists
from sparserec.training import assemble, build_plan, build_task, build_trainer, load_state, needs_teacher, save_state
from sparserec.training.checkpoint import as_tensors
from sparserec.training.trainer import CHOSEN_BY

FILE = "start.safetensors"
BEST, TRAINED = "best.safetensors", "trained.safetensors"
"""The tables that a run ends with, and as they were trained where item columns stand beside them."""
LOCAL_COLUMNS = 16_384
"""Columns at most for groups of items, beside those of the spectrum."""
MOST_COLUMNS = 65_536
"""Columns of a table at most."""


@dataclass(frozen=True)
class FirstTable:
    """The first table of a recommender of histories.

    Attributes:
        start: mask, values and history weights.
        dim: its columns.
        columns: of these, those of the spectrum; the others are of groups of items, or item columns.
        ages: what age does to an item of a history; see `sparserec.recommenders.fism.FISM`.
    """

    start: HistoryStart
    dim: int
    columns: int
    ages: tuple[float, ...] = ()

    def begin(self, lists: TeacherLists | None = None) -> Start:
        """What a training begins with."""
        tables: dict[str, SparseStart | np.ndarray] = {"items": SparseStart(self.start.mask, self.dim)}
        if self.ages:  # of item columns alone, which have no weights
            tables["ages"] = np.array(self.ages, dtype=np.float32)[:, None]
        else:
            tables["weights"] = np.log(self.start.weights)[:, None]
        return Start(tables, lists, finished=bool(self.ages))


def history_start_of(context: Context) -> Start:
    """The start of this run: read from its folder, or made stage by stage and left there."""
    kind = STARTS[context.config.init]
    if kind.of_histories is None:
        able = " or ".join(name for name, other in sorted(STARTS.items(), reverse=True) if other.of_histories)
        raise SparserecError(f"{context.config.model} starts from init {able}, not {context.config.init}")
    columns_budget(context.config, context.split, width(context.config, context.split))  # refused before work begins
    if (start := _stored(context)) is not None:
        return start
    make_folder(context.folder)
    _forget(context.folder / FILE)
    ordered = _ordered(context)
    if ordered is not None and ordered.clear:
        return _begin_ordered(context, ordered)
    by_table = kind.widths and not needs_teacher(context.config)
    columns = vectors_needed(context.config) if context.goes_on else None
    spectrum = spectrum_stage(context, partial(_quality_of, context) if by_table else None, columns)
    taught = taught_stage(context, spectrum) if needs_teacher(context.config) else []
    if context.goes_on:
        table, chosen = _last_table(context), taught[0]
    else:
        table, chosen = Tables(context, spectrum).choose(taught)
    if ordered is not None and ordered.quality >= _trained_quality(context, table, chosen):
        return _begin_ordered(context, ordered)
    lists = None if chosen is None else settle_lists(context, chosen, taught)
    facts: dict = {"normalisation": asdict(spectrum.normalisation)}
    _save(context, table, facts | ({} if chosen is None else {"teacher": chosen.facts}))
    return table.begin(lists)


def _ordered(context: Context) -> ItemTable | None:
    """The table of what follows what, where the recommender can have one and order counts."""
    if not STARTS[context.config.init].widths:
        return None
    return ordered_table(context)


def _begin_ordered(context: Context, ordered: ItemTable) -> Start:
    """Leave a start of item columns in the run folder: its weights are fitted, and nothing is left to learn."""
    decay = ordered.settings.age_decay
    assert decay is not None
    context.course.only("order")
    n_items = context.split.train.n_items
    weights = np.ones(n_items, dtype=np.float32)
    table = FirstTable(HistoryStart(ordered.mask, weights), n_items, 0, (1.0, decay))
    for path in list_files(context.folder):  # of teachers that did worse
        path.unlink(missing_ok=True)
    _save(context, table, {"order": ordered.settings.model_dump()})
    return table.begin()


def _trained_quality(context: Context, table: FirstTable, teacher: Lists | None) -> float:
    """Validation NDCG@20 of a table after an epoch with its teacher, or as it is without one."""
    if teacher is not None:
        return after_an_epoch(context, table, teacher.lists)
    return table_quality(context, table, judged_users(context.config, context.split))


def vectors_needed(config: RunConfig) -> int:
    """Singular vectors that a teacher takes of which everything is decided."""
    teacher = config.teacher
    assert teacher.rank is not None
    return max(teacher.rank, teacher.dim) if teacher.share else teacher.rank


def _last_table(context: Context) -> FirstTable:
    """The table with which the earlier run ended, the one that validation chose."""
    assert context.earlier_run is not None
    context.course.begin("table")
    path = context.earlier_run / TRAINED
    if not path.exists():
        path = context.earlier_run / BEST
    tensors, facts = load_state(path)
    columns = load_state(context.earlier_run / FILE)[1]["columns"]
    try:
        mask = CsrMask(*(tensors[f"items.{name}"].numpy() for name in ("indptr", "columns", "values")))
        weights = np.exp(tensors["weights.values"].numpy()).ravel()
        return FirstTable(HistoryStart(mask, weights), int(facts["dims"]["items"]), int(columns))
    except (KeyError, TypeError, ValueError) as error:
        raise SparserecError(f"{path}: not the tables of a run of histories ({error}); train that run anew") from None


class Tables:
    """The last stage: the first table, tried in several widths where there is a teacher.

    Args:
        context: of the run.
        spectrum: of the training part.
    """

    def __init__(self, context: Context, spectrum: Spectrum):
        self._context, self._spectrum = context, spectrum
        self._like = None if context.earlier_run is None else _spectral_part(context.earlier_run / FILE)
        self._of_columns = cache(self._made)

    def choose(self, taught: Sequence[Lists]) -> tuple[FirstTable, Lists | None]:
        """The table with the teacher that it learns from, if any.

        Where the teacher's spectrum is low, a table of as many columns as its rank is tried with each teacher, then one
        of half the columns with the best of them, unless so few did worse already; after an epoch of training each,
        since wide tables gain more from it than narrow ones. Where it is whole, all columns are taken, unless half of
        them, or a quarter and so on, are clearly better before any training. Columns for groups of items join where
        validation asks for them.
        """
        context, asked = self._context, self._context.config.teacher.columns
        context.course.begin("table")
        if not STARTS[context.config.init].widths:
            return self.whole(), taught[0] if taught else None
        judges = len(judged_users(context.config, context.split)) > 0
        if taught and context.config.teacher.spectrum == "whole":
            table = self._whole_or_half() if asked is None and judges else self._of_columns(self._most(asked))
            return self._with_groups(table, taught[0]), taught[0]
        if not taught or (len(taught) == 1 and not (asked is None and judges)):
            table, chosen = self._of_rank(taught[0] if taught else None), taught[0] if taught else None
        else:
            table, chosen = self._best(taught, halves=asked is None and judges)
        return self._with_groups(table, chosen), chosen

    def whole(self) -> FirstTable:
        """A table of all columns of the spectrum."""
        return self._of_columns(self._most(None))

    def _most(self, asked: int | None) -> int:
        """As many columns as were asked for, at most all of the spectrum."""
        columns = len(self._spectrum.singular)
        return columns if asked is None else min(asked, columns)

    def _whole_or_half(self) -> FirstTable:
        """A table of all columns of the spectrum, or of half of them and so on, where that is clearly better."""
        users = judged_users(self._context.config, self._context.split)
        table = self.whole()
        best = table_quality(self._context, table, users) if table.dim > 1 else 0.0
        n_items, active = self._context.split.train.n_items, len(table.start.mask.columns)
        # A table that is half full has few places to choose among, and a full one leaves bytes of the budget.
        while table.dim > 1 and n_items * -(-table.dim // 2) >= 2 * active:
            half = self._of_columns(-(-table.dim // 2))
            judged = table_quality(self._context, half, users)
            self._context.course.detail(
                f"{table.dim} columns: validation NDCG@20 {best:.4f} as they are, {half.dim} columns {judged:.4f}"
            )
            if judged < (1 + thresholds.WORTH_NARROW) * best:
                break
            table, best = half, judged
        return table

    def _best(self, taught: Sequence[Lists], halves: bool) -> tuple[FirstTable, Lists]:
        tried = [(*self._tried(teacher, 1), teacher) for teacher in taught]
        quality, table, chosen = max(tried, key=lambda entry: entry[0])
        lost = any(other.dim == -(-table.dim // 2) for _, other, _ in tried)
        if halves and table.dim > 1 and not lost:
            other, half = self._tried(chosen, 2)
            table = half if other > quality else table
        return table, chosen

    def _tried(self, teacher: Lists, part: int) -> tuple[float, FirstTable]:
        table = self._of_rank(teacher, part)
        judged = after_an_epoch(self._context, table, teacher.lists)
        rank = teacher.facts["rank"]
        self._context.course.detail(
            f"{table.dim} columns with the teacher of rank {rank}: validation NDCG@20 {judged:.4f} after an epoch"
        )
        return judged, table

    def _of_rank(self, teacher: Lists | None, part: int = 1) -> FirstTable:
        """A table of a part of the columns that the teacher's rank allows, or of as many as were asked for."""
        rank = len(self._spectrum.singular) if teacher is None else int(teacher.facts["rank"])
        asked = self._context.config.teacher.columns
        return self._of_columns(max(1, rank // part) if asked is None else min(asked, rank))

    def _made(self, columns: int, groups: sp.csr_array | None = None, more: int = 0) -> FirstTable:
        context = self._context
        make = STARTS[context.config.init].of_histories
        assert make is not None
        like = self._like[0] if self._like is not None and self._like[1] == columns else None
        budget = columns_budget(context.config, context.split, columns + more)
        start = make(context, self._spectrum.narrowed(columns), budget, like, groups)
        return FirstTable(start, columns + more, columns)

    def _weight_of_graph(self, teacher: Lists) -> float:
        """What the graph counts beside the spectrum in a table: as in the filter, or as much where a linear model has
        a share, which knows the whole of it as well."""
        facts = teacher.facts
        linear = facts.get("ease", 0) or facts.get("local", 0)
        return 1.0 if linear and self._context.config.teacher.spectrum == "whole" else float(facts["neighbours"])

    def _with_groups(self, plain: FirstTable, teacher: Lists | None) -> FirstTable:
        """The table with columns for groups of items beside those it has, where validation asks for them."""
        context, asked = self._context, self._context.config.teacher.groups
        weight = 0.0 if teacher is None else self._weight_of_graph(teacher)
        # Only coded values keep a byte budget whatever the columns are; and nothing can be judged without users.
        if not weight or context.config.values != "coded" or asked is False:
            return plain
        users = judged_users(context.config, context.split)
        if asked is None and not len(users):
            return plain
        context.course.detail("adding columns for groups of items")
        train = context.split.train
        matrix = normalised(train.csr(), self._spectrum.normalisation)
        most = min(LOCAL_COLUMNS, MOST_COLUMNS - plain.columns)
        groups = local_factors(matrix, train.item_degrees(), columns=most)
        more = int(groups.indices.max(initial=-1)) + 1
        self._like = self._like or (plain.start.mask, plain.columns)  # else it would be turned from the beginning
        wide = self._made(plain.columns, groups * np.float32(np.sqrt(weight)), more)
        margin = 1 + (thresholds.WORTH_GROUPS if context.config.teacher.spectrum == "whole" else 0)
        if asked is None and margin * table_quality(context, plain, users) >= table_quality(context, wide, users):
            return plain
        context.course.detail(f"{more} groups of items have a column each")
        return wide


def after_an_epoch(context: Context, table: FirstTable, lists: TeacherLists) -> float:
    """Validation NDCG@20 after an epoch of training from this table; what it writes is removed again."""
    config, split, folder = context.config, context.split, context.folder / "trial"
    start = table.begin(lists).copied()
    model = assemble(config, start.make(), split.train)
    plan = replace(build_plan(config, split, model, until=1), judge_start=False)
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed here
    make_folder(folder)
    try:
        trainer = build_trainer(config, split, model, build_task(config, split, lists), plan, folder)
        trainer.run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return trainer.log[-1][CHOSEN_BY]


def table_quality(context: Context, table: FirstTable, users: np.ndarray) -> float:
    """Validation NDCG@20 of a table as it is, for these users."""
    train = context.split.train
    model = assemble(context.config, table.begin().make(), train)
    return quality(model.scorer(train), context.split, users)


def _quality_of(context: Context, spectrum: Spectrum) -> float:
    """Validation NDCG@20 of the table that begins at a spectrum."""
    table = Tables(context, spectrum).whole()
    return table_quality(context, table, judged_users(context.config, context.split))


def _stored(context: Context) -> Start | None:
    """The start that this run left in its folder, if it is whole."""
    path, listed = context.folder / FILE, context.folder / LISTS_FILE
    if not belongs(path, context.fingerprint):
        return None
    tensors, facts = load_state(path)
    taught = needs_teacher(context.config) and not facts.get("ages")
    if taught and not listed.exists():
        return None
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    mask = CsrMask(*(arrays[name] for name in ("indptr", "columns", "values")))
    ages = tuple(facts.get("ages", ()))
    table = FirstTable(HistoryStart(mask, arrays["weights"]), int(facts["dim"]), int(facts["columns"]), ages)
    users = taught_users(context.config, context.split) if taught else np.zeros(0, dtype=np.int64)
    return table.begin(open_lists(listed, users, context.split.train.n_items) if taught else None)


def _save(context: Context, table: FirstTable, found: Mapping[str, Any]) -> None:
    """Leave the start in the run folder with what was found; what the stages before left is no longer needed."""
    mask, weights = table.start.mask, table.start.weights
    arrays = {name: getattr(mask, name) for name in ("indptr", "columns", "values")} | {"weights": weights}
    facts = {"fingerprint": context.fingerprint, "dim": table.dim, "columns": table.columns, "ages": table.ages}
    save_state(context.folder / FILE, as_tensors(arrays), {**facts, **found})
    remove_stages(context.folder)


def _forget(path: Path) -> None:
    """A kill from here on must not leave a start beside the lists of another teacher."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise SparserecError(f"cannot write {path}: {error.strerror or error}") from None


def _spectral_part(path: Path) -> tuple[CsrMask, int]:
    """The initial table of another training without its columns for groups, and how many columns these leave."""
    tensors, facts = load_state(path)
    indptr, columns, values = (tensors[name].numpy() for name in ("indptr", "columns", "values"))
    inside = columns < facts["columns"]
    counts = np.concatenate(([0], np.cumsum(inside)))[indptr]
    return CsrMask(counts, columns[inside], values[inside]), int(facts["columns"])
