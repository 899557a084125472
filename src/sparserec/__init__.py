"""sparserec: recommendation on the device, with embedding tables that are sparse from training to the file.

Training side (`pip install sparserec[train]`): `load`, `split`, `train`, `Run`. Device side (NumPy and safetensors
only): `sparserec.device`. Names are imported on first use, so that the device side never loads the training side.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from sparserec import forks as forks  # from here on it watches for forks
from sparserec.cores import correct_variables
from sparserec.errors import SparserecError
from sparserec.version import __version__

if TYPE_CHECKING:
    from sparserec.interactions import Dataset, Interactions, Split, load, split
    from sparserec.runs import Run, train
    from sparserec.settings import RunConfig

# Read by OpenMP when torch is loaded: its idle threads then sleep instead of spinning on cores that the Numba kernels
# need between torch's operations. Without it a training step takes two to three times as long on two cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
correct_variables()

_HOMES = {
    "Dataset": "interactions",
    "Interactions": "interactions",
    "Split": "interactions",
    "load": "interactions",
    "split": "interactions",
    "Run": "runs",
    "RunConfig": "settings",
    "train": "runs",
}

__all__ = [
    "Dataset",
    "Interactions",
    "Run",
    "RunConfig",
    "SparserecError",
    "Split",
    "__version__",
    "load",
    "split",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sparserec' has no attribute {name!r}")
    try:
        return getattr(import_module(f"sparserec.{_HOMES[name]}"), name)
    except ModuleNotFoundError as missing:
        if missing.name and missing.name.split(".")[0] == "sparserec":
            raise
        raise SparserecError(
            f"sparserec.{name} needs {missing.name!r}, which is not installed: pip install 'sparserec[train]'"
        ) from None


def __dir__() -> list[str]:
    return sorted(__all__)
