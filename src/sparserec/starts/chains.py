"""From a context to the recommender with its first tables, and what it learns from."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np

from sparserec.axes import EXPLORERS, TABLES, TEACHERS
from sparserec.files import make_folder
from sparserec.recommenders import Recommender
from sparserec.settings import OrderConfig, RunConfig
from sparserec.starts.base import Context, Start
from sparserec.starts.factorised import sparse_tables, unbudgeted_matrices
from sparserec.starts.history import BEST, FILE, history_start_of
from sparserec.starts.judging import taught_users
from sparserec.starts.lists import FILE as LISTS_FILE
from sparserec.starts.lists import list_files, settle_lists, taught_stage
from sparserec.starts.pruned import pruned_tables
from sparserec.starts.settings import StartSettings
from sparserec.starts.spectrum import spectrum_stage
from sparserec.starts.stages import belongs, remove_stages
from sparserec.teachers import TeacherLists, open_lists
from sparserec.training import NothingToLearn, Task, assemble, build_task, load_state, needs_teacher, save_state
from sparserec.training.build import refuse_impossible


def begin(context: Context) -> tuple[Recommender, Task]:
    """The recommender with its tables at their initial mask and values, and what it learns from."""
    refuse_impossible(context.config)
    start = history_start_of(context) if context.recommender.from_histories else _start_of_rows(context)
    model = assemble(context.config, start.make(), context.split.train, context.device)
    return model, NothingToLearn() if start.finished else build_task(context.config, context.split, start.lists)


def _start_of_rows(context: Context) -> Start:
    """Of a recommender whose users or items have rows: tables by the method, its other matrices, a teacher's lists."""
    config, kind, method = context.config, context.recommender, EXPLORERS[context.config.method]
    generator = np.random.default_rng([config.seed, 7])
    matrices = kind.matrices(config.of(kind.settings), config.dim, generator)
    if method.pruned_from is not None:
        tables, matrices = pruned_tables(context, matrices)
    elif TABLES[method.table].of_matrix is not None:
        tables = unbudgeted_matrices(context)
    else:
        tables = sparse_tables(context)
    return Start({**tables, **matrices}, _lists(context) if needs_teacher(config) else None)


def _lists(context: Context) -> TeacherLists:
    """Lists of the best teacher: in the run folder, or made stage by stage and left there."""
    path, listed = context.folder / FILE, context.folder / LISTS_FILE
    if belongs(path, context.fingerprint) and listed.exists():
        return open_lists(listed, taught_users(context.config, context.split), context.split.train.n_items)
    make_folder(context.folder)
    spectrum = spectrum_stage(context, None)
    taught = taught_stage(context, spectrum)
    lists = settle_lists(context, taught[0], taught)
    facts = {"fingerprint": context.fingerprint, "teacher": taught[0].facts}
    save_state(path, {}, {**facts, "normalisation": asdict(spectrum.normalisation)})
    remove_stages(context.folder)
    return lists


def same_teacher(one: RunConfig, other: RunConfig) -> bool:
    """Whether two configurations ask for the same teacher, given the same data."""
    return _asked_teacher(one) == _asked_teacher(other)


def _asked_teacher(config: RunConfig) -> tuple:
    """What a teacher hangs on, besides the data."""
    teacher = config.teacher.model_copy(update={"columns": None, "groups": None, "item_columns": None})
    trained = config.of(TEACHERS[teacher.trained].settings)
    start = config.dim, config.of(StartSettings).init_power, config.seed, config.lesson_numbers
    return needs_teacher(config), start, teacher, trained


def decided(config: RunConfig, folder: Path) -> RunConfig:
    """The configuration with everything set that the start in a run folder found out about its teacher."""
    facts = load_state(folder / FILE)[1] if (folder / FILE).exists() else {}
    known = facts.get("normalisation", {})
    if "teacher" in facts:
        known |= facts["teacher"]
        if "columns" in facts:
            known |= {"columns": facts["columns"], "groups": facts["dim"] > facts["columns"]}
            known |= {"item_columns": bool(load_state(folder / BEST)[1].get("item_columns"))}
    order = (
        OrderConfig.model_validate(facts["order"])
        if "order" in facts
        else config.order.model_copy(update={"use": False})
    )
    return config.model_copy(update={"teacher": config.teacher.model_copy(update=known), "order": order})


def remove_start(folder: Path) -> None:
    """Remove what stages of a start have left in a run folder, and the start itself."""
    for path in (folder / FILE, *list_files(folder)):
        path.unlink(missing_ok=True)
    remove_stages(folder)


def has_teacher(folder: Path) -> bool:
    """Whether a run folder has a start with a teacher's lists."""
    return (folder / FILE).exists() and (folder / LISTS_FILE).exists()
