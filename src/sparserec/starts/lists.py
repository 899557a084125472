"""The third stage of a start with a teacher: the top of its ranking for every user who learns from it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparserec.files import replacing
from sparserec.sparsity import Spectrum
from sparserec.starts.base import Context
from sparserec.starts.judging import taught_users
from sparserec.starts.stages import has_stage
from sparserec.starts.teaching import FILE as TEACHER_STAGE
from sparserec.starts.teaching import Teaching, checked_facts, teacher_stage
from sparserec.teachers import TeacherLists, open_lists, write_lists
from sparserec.training.checkpoint import load_state

FILE = "teacher.npy"
"""The lists that a run learns from; while there are several teachers, `teacher-RANK.npy` are those of each."""


@dataclass(frozen=True)
class Lists:
    """A teacher's lists.

    Attributes:
        facts: its settings, by their names in `[teacher]`.
        lists: the lists, a memory map.
        path: where they are.
    """

    facts: dict[str, Any]
    lists: TeacherLists
    path: Path


def lists_stage(context: Context, teachings: Sequence[Teaching]) -> list[Lists]:
    """The lists of each teacher: those in the run folder, or written there."""
    context.course.begin("lists")
    train, users = context.split.train, taught_users(context.config, context.split)
    results, all_users = [], len(users) * len(teachings)
    for number, teaching in enumerate(teachings):
        ranked = number * len(users)
        facts = teaching.facts()
        path = context.folder / (FILE if len(teachings) == 1 else f"teacher-{facts['rank']}.npy")
        if path.exists():
            results.append(Lists(facts, open_lists(path, users, train.n_items), path))
            continue
        whom = "every user" if len(users) == train.n_users else f"{len(users):,} of {train.n_users:,} users"
        context.course.detail(f"ranking the catalogue for {whom} with the teacher of rank {facts['rank']}")
        scorer = teaching.scorer(train.csr())
        lists = write_lists(
            path,
            scorer,
            train,
            context.config.teacher.length,
            progress=lambda done, of, ranked=ranked: context.course.count(ranked + done, all_users),
            users=users,
        )
        results.append(Lists(facts, lists, path))
    return results


def taught_stage(context: Context, spectrum: Spectrum) -> list[Lists]:
    """Lists of the teachers between which a start may choose, the best one's first: this run's, or another run's."""
    if context.teacher_run is not None:
        return taken_lists(context, context.teacher_run)
    if not has_stage(context.folder / TEACHER_STAGE, context.fingerprint):
        for path in list_files(context.folder):  # of teachers that were chosen for something else
            path.unlink(missing_ok=True)
    return lists_stage(context, teacher_stage(context, spectrum))


def taken_lists(context: Context, folder: Path) -> list[Lists]:
    """The lists of another run of the same data and teacher, copied into this one's folder."""
    facts = checked_facts(load_state(folder / "start.safetensors")[1].get("teacher"), folder / "start.safetensors")
    path, train = context.folder / FILE, context.split.train
    with replacing(path) as part:
        shutil.copyfile(folder / FILE, part)
    return [Lists(facts, open_lists(path, taught_users(context.config, context.split), train.n_items), path)]


def settle_lists(context: Context, chosen: Lists, others: Sequence[Lists]) -> TeacherLists:
    """Leave those that were chosen, under the name that a run looks for."""
    path, train = context.folder / FILE, context.split.train
    if chosen.path != path:
        os.replace(chosen.path, path)
    for other in others:
        if other.path not in (path, chosen.path):
            other.path.unlink(missing_ok=True)
    return open_lists(path, chosen.lists.users, train.n_items)


def list_files(folder: Path) -> list[Path]:
    """All files of lists in a run folder."""
    return [folder / FILE, *folder.glob("teacher-*.npy")]
