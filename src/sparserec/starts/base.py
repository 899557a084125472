"""What a start is made of, and what it leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from sparserec.axes import RECOMMENDERS
from sparserec.course import Course
from sparserec.interactions import Split
from sparserec.recommenders import RecommenderKind, Side
from sparserec.section import NoSettings, Settings
from sparserec.settings import RunConfig
from sparserec.sparsity import CsrMask, Entries, HistoryStart, Spectrum
from sparserec.tables import CPU, DenseTable, SparseTable, Table
from sparserec.teachers import TeacherLists
from sparserec.training.plan import fingerprint


@dataclass(frozen=True)
class Context:
    """All that a stage of a start may ask for.

    Attributes:
        config: the run's.
        split: only `train` and `valid` are read.
        folder: the run folder; stages leave their results there.
        course: told which stage begins, how far it is, and what was chosen.
        device: where tables are trained.
        teacher_run: the folder of another run, of the same data and teacher settings, whose teacher is taken.
        earlier_run: the folder of a training on nearly the same interactions that decided everything: its first table
            says where to turn the columns of a new one, which saves time.
        goes_on: whether the last table of the earlier run takes the place of a first one.
    """

    config: RunConfig
    split: Split
    folder: Path
    course: Course = field(default_factory=Course)
    device: torch.device = CPU
    teacher_run: Path | None = None
    earlier_run: Path | None = None
    goes_on: bool = False

    @property
    def fingerprint(self) -> str:
        """Of configuration and data; what another run left in the folder is told by it."""
        return fingerprint(self.config, self.split)

    @property
    def recommender(self) -> RecommenderKind:
        """The kind of recommender."""
        return RECOMMENDERS[self.config.model]


@dataclass(frozen=True)
class Start:
    """What a training begins with.

    Attributes:
        tables: by name, masks with values and numbers of columns, or matrices (n_rows, dim) that become dense tables.
        lists: a teacher's, or None when the loss needs none.
        finished: whether nothing is left to learn.
    """

    tables: Mapping[str, SparseStart | np.ndarray]
    lists: TeacherLists | None = None
    finished: bool = False

    def make(self) -> dict[str, Table]:
        """The tables, over the arrays of the start: what trains them writes there."""
        return {
            name: DenseTable(part) if isinstance(part, np.ndarray) else part.make()
            for name, part in self.tables.items()
        }

    def copied(self) -> Start:
        """The same with arrays of its own."""
        tables = {name: part.copy() for name, part in self.tables.items()}
        return replace(self, tables=tables)


@dataclass(frozen=True)
class SparseStart:
    """The mask of a table with its values, and how many columns the table has."""

    mask: CsrMask
    dim: int

    def make(self) -> SparseTable:
        """The table, over the arrays of the mask."""
        return SparseTable(self.mask.indptr, self.mask.columns, self.mask.values, self.dim)

    def copy(self) -> SparseStart:
        """The same with arrays of its own; row pointers are never written to."""
        return SparseStart(CsrMask(self.mask.indptr, self.mask.columns.copy(), self.mask.values.copy()), self.dim)


class OfHistories(Protocol):
    """The first table of a recommender of histories."""

    def __call__(
        self, context: Context, spectrum: Spectrum, budget: int, like: CsrMask | None, groups: Any
    ) -> HistoryStart:
        """Make it.

        Args:
            context: of the run.
            spectrum: with as many singular vectors as the table is to have columns, not counting those of groups.
            budget: active parameters.
            like: an earlier table of as many columns; theirs are turned towards its own.
            groups: (n_items, m) sparse factors of groups of items that are to have columns too, or None.
        """
        ...


@dataclass(frozen=True)
class StartKind:
    """Where the active parameters are at the start.

    Attributes:
        factors: for recommenders whose users and items have rows: factors (n_users, dim) and (n_items, dim) whose
            largest entries make the mask, and the values unless these are to be normal numbers; None for a mask drawn
            by chance.
        entries: the largest entries of each row of the same, as many as asked for, for what need not hold the factors
            to know them; sparse tables then start from these.
        mask_alone: whether values are normal numbers whatever the settings say: the factors give the mask alone.
        of_histories: for recommenders of histories; None where they can't start like this.
        widths: whether the columns of a table of histories are chosen by trials.
        settings: the class of its settings.
        summary: a few words, for the lists of kinds.
    """

    factors: Callable[[Context], Mapping[Side, np.ndarray]] | None = None
    entries: Callable[[Context, int], Mapping[Side, Entries]] | None = None
    mask_alone: bool = False
    of_histories: OfHistories | None = None
    widths: bool = False
    settings: type[Settings] = NoSettings
    summary: str = ""
