"""What can be averaged with the closed-form filter, and how it is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import scipy.sparse as sp

from sparserec.protocols import Scorer
from sparserec.section import NoSettings, Settings


@runtime_checkable
class HistoryTeacher(Protocol):
    """A teacher that scores from histories."""

    n_items: int

    def score_histories(self, histories: sp.csr_array) -> np.ndarray:
        """Binary histories (B, n_items) -> scores of all items (B, n_items) float32."""
        ...


@runtime_checkable
class SparseTeacher(Protocol):
    """A teacher that scores few items of a catalogue; the others score 0."""

    def sparse_scores(self, histories: sp.csr_array) -> sp.csr_array:
        """Binary histories (B, n_items) -> scores (B, n_items) float32 that are not 0, which may be changed."""
        ...


@dataclass(frozen=True)
class TeacherKind:
    """A teacher that joins the closed-form filter in an average whose shares validation chooses.

    Attributes:
        train: the teacher of a run, of its context (`sparserec.starts.Context`) and the spectrum: scores from
            histories, or of users whatever their histories; None where it has no part in this run.
        share: of the settings of `[teacher]`, the share that was asked for; None lets validation choose.
        exponent: > 0, to which its scores are raised in the average: cosines then fall as steeply as a filter's.
        joins: whether it is in every average, where it can; else `teacher.trained` names the one that is.
        facts: of the teacher and its share, what the run remembers, by names of settings of `[teacher]`.
        arrays: of the teacher, what a resumed run makes it of; None where it is trained again.
        restore: the teacher, of these arrays.
        settings: the class of its settings, besides those of `[teacher]`.
        words: what it is called in messages.
        summary: a few words, for the lists of kinds.
    """

    train: Callable[[Any, Any], HistoryTeacher | Scorer | None]
    share: Callable[[Any], float | None] = lambda settings: settings.share
    exponent: float = 3.0
    joins: bool = False
    facts: Callable[[Any, float], dict[str, float]] = lambda teacher, share: {"share": share}
    arrays: Callable[[Any], dict[str, np.ndarray]] | None = None
    restore: Callable[[dict[str, np.ndarray]], HistoryTeacher] | None = None
    settings: type[Settings] = NoSettings
    words: str = "the trained teacher"
    summary: str = ""
