"""The second training: what validation chose, on everything, or on all but a test part that is held out.

Validation and test hold back interactions that the final model should know. So a run that refits trains twice: once to
choose and to be measured, and once, in a folder of its own, with nothing left to choose.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sparserec.interactions import Split

FINAL = "final"
"""Folder of the second training, in the run folder."""


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
