"""What the environment says of threads, made true for this machine before any library reads it."""

from __future__ import annotations

import os

VARIABLES = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")
"""Read by libraries of the training side when they are loaded: 100,000 threads crash some, a word crashes others."""

corrected: list[str] = []
"""What was wrong with them, a sentence each, for whoever sets the number of threads to tell."""


def usable_cores() -> int:
    """Cores that this process may run on: those of its affinity where the system has that, else all."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def correct_variables() -> None:
    """Lower numbers above the cores to these, and take out what is no number of threads."""
    cores = usable_cores()
    for name in VARIABLES:
        text = os.environ.get(name)
        if text is None:
            continue
        levels = [level.strip() for level in text.split(",")]  # OpenMP has one for each level of nesting
        numbers = [int(level) if level.isdecimal() and level.isascii() else 0 for level in levels]
        if min(numbers) < 1 or (len(numbers) > 1 and name != "OMP_NUM_THREADS"):
            del os.environ[name]
            if text.strip():
                corrected.append(f"{name}={text!r} is no number of threads, so it is left out of account")
        elif max(numbers) > cores:
            os.environ[name] = ",".join(str(min(number, cores)) for number in numbers)
            corrected.append(f"{name}={text} is more than this machine has cores: taken as {os.environ[name]}")
