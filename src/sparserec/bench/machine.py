"""The machine that figures depend on: what it is, the memory of this process, one thread on one core."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

from sparserec.errors import SparserecError

PACKAGES = ("torch", "numpy", "numba", "scikit-learn")
"""Packages whose versions stand beside figures."""
STATUS = Path("/proc/self/status")


def machine() -> dict[str, str | int]:
    """Processor, cores, and the versions of Python and of `PACKAGES`."""
    versions = {name: version(name) for name in PACKAGES}
    return {"processor": _processor(), "cores": os.cpu_count() or 1, "python": platform.python_version(), **versions}


def status_bytes(field: str) -> int:
    """A field of /proc/self/status in bytes: "VmRSS" is resident memory now, "VmHWM" the most there was.

    getrusage's peak would include that of the parent process.

    Raises:
        SparserecError: where there is no such file; only Linux has it.
    """
    if not STATUS.exists():
        raise SparserecError(f"this measurement reads {STATUS}, which only Linux has")
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


def peak_rss() -> int | None:
    """Highest resident memory of this process in bytes; None where nothing tells it."""
    return status_bytes("VmHWM") if STATUS.exists() else None


def reset_peak() -> int:
    """Let "VmHWM" count from here on. Returns the resident memory in bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return status_bytes("VmRSS")


def one_thread() -> None:
    """Let BLAS have one thread and choose what is best for this processor; to be called before NumPy is imported."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        os.environ.pop(name, None)


def one_core() -> None:
    """Stay on the last core, where the system can be told so."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
