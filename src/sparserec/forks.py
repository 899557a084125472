"""Processes that are forked: the threads of Polars, PyTorch and Numba stay behind in the parent."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sparserec.errors import SparserecError


@dataclass
class _Threads:
    """What is known of the libraries' threads: whether they run, and whether a parent has them instead."""

    started: bool = False
    left_behind: bool = False


_threads = _Threads()


def start_threads() -> None:
    """Say that libraries will now start threads; called first by everything that reads, trains or evaluates.

    Raises SparserecError in a process that was forked from one whose threads had been started: what waits for them
    would wait for ever, or be ended by OpenMP. What needs NumPy alone, as the device runtime, goes on there.
    """
    if _threads.left_behind:
        raise SparserecError(
            "this process was forked from one that had already read, trained or evaluated, and the threads that did it "
            "do not live on here: start processes with multiprocessing.get_context('spawn') instead of 'fork'"
        )
    _threads.started = True


def _polars_runs() -> bool:
    """Whether somebody else has used Polars in this process, as far as the system tells by the names of threads."""
    with suppress(OSError):
        for name in Path("/proc/self/task").glob("*/comm"):
            with suppress(OSError):
                if name.read_bytes()[:7] == b"polars-" and name.read_bytes()[7:8].isdigit():
                    return True
    return False


def _before() -> None:
    _threads.started = _threads.started or _polars_runs()


def _in_child() -> None:
    _threads.left_behind = _threads.left_behind or _threads.started


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_child=_in_child)
