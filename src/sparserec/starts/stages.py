"""Results of the stages of a start, each in a file of the run folder, so that a run goes on where it was interrupted.

A file is a line of JSON with the fingerprint of configuration and data, and arrays in NumPy's own format one after the
other, which are written without a copy in memory. Nothing is pickled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sparserec.errors import SparserecError
from sparserec.files import replacing
from sparserec.training.checkpoint import load_state

FACTS_BYTES = 1_000_000
"""Bytes of the line at most."""


def save_stage(path: Path, fingerprint: str, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write the result of a stage, atomically."""
    line = json.dumps({"fingerprint": fingerprint, "facts": facts, "arrays": list(arrays)}, sort_keys=True)
    with replacing(path) as part, part.open("wb") as file:
        file.write(line.encode() + b"\n")
        for array in arrays.values():
            np.lib.format.write_array(file, array, allow_pickle=False)


def load_stage(path: Path, fingerprint: str) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
    """Facts and arrays of a stage; None where this run has none there. Raises SparserecError when it is damaged."""
    if not path.exists():
        return None
    try:
        with path.open("rb") as file:
            head = json.loads(file.readline(FACTS_BYTES))
            if head["fingerprint"] != fingerprint:
                return None
            # The header of an array is parsed as Python, which fails in many ways.
            arrays = {name: np.lib.format.read_array(file, allow_pickle=False) for name in head["arrays"]}
            return dict(head["facts"]), arrays
    except Exception as error:
        raise SparserecError(f"{path}: not readable as a stage of this run ({error}); remove it and go on") from None


def has_stage(path: Path, fingerprint: str) -> bool:
    """Whether the result of a stage is there and of this configuration and data."""
    if not path.exists():
        return False
    with path.open("rb") as file:
        return f'"fingerprint": "{fingerprint}"'.encode() in file.readline(FACTS_BYTES)


def remove_stages(folder: Path) -> None:
    """Remove what the stages of a start have left, once the start is whole."""
    for path in folder.glob("*.stage"):
        path.unlink(missing_ok=True)


def belongs(path: Path, fingerprint: str) -> bool:
    """Whether a state, as checkpoints are, is there and of this configuration and data."""
    return path.exists() and load_state(path)[1].get("fingerprint") == fingerprint
