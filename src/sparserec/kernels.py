"""Numba kernels whose machine code is kept between processes, wherever there is a place for it."""

from __future__ import annotations

import os
import stat
import tempfile
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import config

from sparserec.errors import SparserecWarning

F = TypeVar("F", bound=Callable[..., Any])


def kernel(**options: Any) -> Callable[[F], F]:
    """`numba.njit(cache=True, nogil=True, ...)`, also where the package and the home folder can't be written.

    Numba keeps machine code beside the source, else in the user's cache. Where it can do neither, as in a container
    without root, the code is kept in a folder of the user's own among the temporary ones; where that is impossible
    too, each process compiles for itself, which one warning tells.
    """

    def compiled(function: F) -> F:
        for place in (None, private_folder):
            if place is not None and not _keep_in(place()):
                break
            try:
                return _saving_if_possible(numba.njit(cache=True, nogil=True, **options)(function))
            except RuntimeError:  # "cannot cache function": when the kernel is defined, not when it is called
                continue
        _tell()
        plain: Any = numba.njit(nogil=True, **options)(function)
        return plain

    return compiled


def private_folder() -> Path | None:
    """A folder among the temporary ones that nobody else can write to; None where there is none.

    What is kept there is run, so it is not enough that the folder exists: it must be this user's.
    """
    owner = os.getuid() if hasattr(os, "getuid") else None
    try:
        folder = Path(tempfile.gettempdir()) / ("sparserec" if owner is None else f"sparserec-{owner}")
        folder.mkdir(mode=0o700, exist_ok=True)
        known = folder.lstat()
    except OSError:
        return None
    if owner is None:  # Windows, whose temporary folder is the user's
        return folder
    safe = stat.S_ISDIR(known.st_mode) and known.st_uid == owner and not known.st_mode & 0o077
    return folder if safe and os.access(folder, os.W_OK) else None


def _keep_in(folder: Path | None) -> bool:
    """Tell Numba to keep machine code in a folder, unless it has been told where; whether it was told now."""
    if folder is None or os.environ.get("NUMBA_CACHE_DIR"):
        return False
    config.CACHE_DIR = str(folder)  # pyright: ignore[reportAttributeAccessIssue]
    return True


def _saving_if_possible(dispatcher: Any) -> Any:
    """The same kernel; to save it on a disk that is full then costs its next compilation and not this run."""
    saved = getattr(dispatcher, "_cache", None)
    save = getattr(saved, "save_overload", None)
    if saved is not None and save is not None:

        def save_if_possible(*arguments: Any) -> None:
            try:
                save(*arguments)
            except OSError:
                _tell()

        saved.save_overload = save_if_possible
    return dispatcher


@cache
def _tell() -> None:
    warnings.warn(
        "compiled kernels can't be kept, so every process compiles them anew: set NUMBA_CACHE_DIR to a folder that can "
        "be written",
        SparserecWarning,
        stacklevel=2,
    )
