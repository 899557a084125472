"""The second training: what validation chose, on the training and validation parts together.

Validation holds back interactions that the final model should know. So a run that refits trains twice: once to choose
and once, in a folder of its own, with nothing left to choose.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from sparserec.interactions import Split
from sparserec.training.checkpoint import load_state
from sparserec.training.config import RunConfig

FINAL = "final"
"""Folder of the second training, in the run folder."""


def everything(split: Split) -> Split:
    """The same data with the validation part joined to the training part; the test part stays as it is."""
    nothing = split.valid.where(np.zeros(split.valid.nnz, dtype=bool))
    return replace(split, train=split.history("test"), valid=nothing)


def settled(config: RunConfig, folder: Path) -> RunConfig:
    """The configuration with everything set that the first training in `folder` found out about its teacher."""
    start = folder / "start.safetensors"
    facts = load_state(start)[1] if start.exists() else {}
    known = facts.get("normalisation", {})
    if "teacher" in facts:
        known |= {**facts["teacher"], "columns": facts["columns"], "groups": facts["dim"] > facts["columns"]}
    return config.model_copy(update={"teacher": config.teacher.model_copy(update=known)})
