"""How many CPU threads training takes."""

from __future__ import annotations

import operator
import os
import warnings

from sparserec import cores
from sparserec.errors import SparserecError, SparserecWarning
from sparserec.forks import start_threads


def set_threads(threads: int | None) -> None:
    """Set the number of CPU threads of torch, of the kernels and of BLAS; None takes `default_threads`.

    More than this process may use are not taken, which is told in a warning. Raises SparserecError for less than 1.
    """
    start_threads()
    count = checked_threads(threads)
    import numba
    import torch
    from numba.core import config
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(count)
    # As many as Numba was started with: NUMBA_NUM_THREADS, else the cores.
    numba.set_num_threads(min(count, config.NUMBA_NUM_THREADS))  # pyright: ignore[reportAttributeAccessIssue]
    threadpool_limits(count, user_api="blas")


def checked_threads(threads: int | None) -> int:
    """The number of threads to take, from 1 to the cores that this process may use; see `set_threads`."""
    for words in cores.corrected:
        warnings.warn(words, SparserecWarning, stacklevel=3)
    cores.corrected.clear()
    if threads is None:
        return default_threads()
    try:
        if isinstance(threads, bool):
            raise TypeError
        count = operator.index(threads)
    except TypeError:
        raise SparserecError(f"threads must be a whole number, not {threads!r}") from None
    if count < 1:
        raise SparserecError(f"threads must be at least 1, not {count}")
    most = available_cores()
    if count > most:
        warnings.warn(
            f"{count} threads are more than the {most} cores here: {most} are taken", SparserecWarning, stacklevel=3
        )
    return min(count, most)


def default_threads() -> int:
    """What the environment variable OMP_NUM_THREADS says, at most the cores that this process may use; else these."""
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    most = available_cores()
    return min(int(asked), most) if asked.isdecimal() and int(asked) else most


def available_cores() -> int:
    """The cores that this process may use, as joblib counts them: of its affinity, and within a container's quota."""
    import joblib

    return max(1, joblib.cpu_count())
