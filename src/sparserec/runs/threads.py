"""How many CPU threads training takes."""

from __future__ import annotations

import os

import joblib
import numba
import torch
from numba.core import config as numba_config
from threadpoolctl import threadpool_limits

from sparserec.errors import SparserecError


def set_threads(threads: int | None) -> None:
    """Set the number of CPU threads of torch, of the kernels and of BLAS; None takes `default_threads`."""
    count = threads if threads is not None else default_threads()
    if count < 1:
        raise SparserecError(f"threads must be at least 1, not {count}")
    torch.set_num_threads(count)
    # What the environment variable of this name allows, else all.
    most = numba_config.NUMBA_NUM_THREADS  # pyright: ignore[reportAttributeAccessIssue]
    numba.set_num_threads(min(count, most))
    threadpool_limits(count, user_api="blas")


def default_threads() -> int:
    """What the environment variable OMP_NUM_THREADS says, else the cores that this process may use.

    These are as joblib counts them: those of its affinity, and within a container's quota.
    """
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(asked) if asked.isdecimal() and int(asked) else joblib.cpu_count()
