"""The second training: what validation chose, on the training and validation parts together.

Validation holds back interactions that the final model should know. So a run that refits trains twice: once to choose
and once, in a folder of its own, with nothing left to choose.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sparserec.interactions import Split

FINAL = "final"
"""Folder of the second training, in the run folder."""


def everything(split: Split) -> Split:
    """The same data with the validation part joined to the training part; the test part stays as it is."""
    nothing = split.valid.where(np.zeros(split.valid.nnz, dtype=bool))
    return replace(split, train=split.history("test"), valid=nothing)
