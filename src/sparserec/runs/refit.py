"""The second training: what validation chose, on everything, or on all but a test part that is held out.

Validation and test hold back interactions that the final model should know. So a run that refits trains twice: once to
choose and to be measured, and once, in a folder of its own, with nothing left to choose. Where the second one sees
little more than the first did, it goes on from the first one's tables and repeats only the end of its epochs, with the
lists of a teacher that knows everything.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sparserec.axes import RECOMMENDERS
from sparserec.interactions import Split
from sparserec.settings import RunConfig

FINAL = "final"
"""Folder of the second training, in the run folder."""

LITTLE = 0.1
"""Share of the interactions that are new to a second training, up to which it goes on from the first."""
LAST = 2 / 3
"""Share of the epochs, the last ones, that it repeats then."""


def everything(split: Split, holdout: bool = True) -> Split:
    """The same data with the validation part joined to the training part.

    Args:
        split: the three parts.
        holdout: leave the test part as it is; else it joins the training part too.
    """
    nothing = split.valid.where(np.zeros(split.valid.nnz, dtype=bool))
    if holdout:
        return replace(split, train=split.history("test"), valid=nothing)
    untested = split.test.where(np.zeros(split.test.nnz, dtype=bool))
    return replace(split, train=split.joined(), valid=nothing, test=untested)


def adds_something(split: Split, holdout: bool) -> bool:
    """Whether a second training would see interactions that the first one does not."""
    return split.valid.nnz > 0 or (not holdout and split.test.nnz > 0)


def first_epoch(config: RunConfig, split: Split, again: Split, until: int) -> int:
    """The epoch with which a second training begins: after 0 it goes on from the tables of the first one.

    Args:
        config: of the run.
        split: of the first training.
        again: of the second.
        until: epochs that validation chose.
    """
    from sparserec.training import needs_teacher  # late: it loads torch
    from sparserec.training.plan import left_epochs

    if not RECOMMENDERS[config.model].from_histories or not needs_teacher(config):
        return 0
    if config.teacher.spectrum != "whole" or again.train.nnz - split.train.nnz > LITTLE * again.train.nnz:
        return 0
    return max(0, until - max(1, round(LAST * left_epochs(config, split))))
