"""What the benchmarks share: the machine, where results go, real data or a stand-in, peak memory."""

from __future__ import annotations

import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sparserec import Run, Split

RESULTS = Path(__file__).resolve().parent.parent / "docs" / "results"


def data_path(name: str) -> str:
    """Folder of a real data set; the benchmark ends with a hint when there is none."""
    root = os.environ.get("SPARSEREC_DATA")
    if not root or not (Path(root) / name).exists():
        sys.exit(f"set SPARSEREC_DATA to the folder that holds {name}/ (LightGCN text: train.txt and test.txt)")
    return str(Path(root) / name)


def machine() -> dict[str, str | int]:
    """What figures depend on: processor, cores, versions."""
    names = ("torch", "numpy", "numba", "scikit-learn")
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "python": platform.python_version(),
        **{name: version(name) for name in names},
    }


def save(name: str, command: str, result: dict) -> None:
    """Write docs/results/NAME.json and print it."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    entry = {"command": command, "machine": machine(), "result": result}
    text = json.dumps(entry, indent=2) + "\n"
    (RESULTS / f"{name}.json").write_text(text)
    print(text)


def from_file(run: Run, file: Path, parts: Split) -> dict[str, float]:
    """Export a run; the bytes of the file, raw ids apart, and its metrics on test through the device runtime."""
    # Only here: some benchmarks measure the memory of a process that needs none of this.
    from sparserec.artefact import inspect
    from sparserec.device import Recommender
    from sparserec.runs import evaluate_on_device

    run.export(file)
    size = inspect(file)["bytes"]
    found = evaluate_on_device(Recommender.open(file), parts, "test")
    return {"bytes": size["total"] - size["ids"], **found.as_dict()}


def status_bytes(field: str) -> int:
    """A field of /proc/self/status in bytes: VmRSS now, VmHWM at most.

    getrusage's peak would include that of the parent process.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        sys.exit("this benchmark reads /proc/self/status, which only Linux has")
    line = next(line for line in status.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


def reset_peak() -> None:
    """Let VmHWM count from here on."""
    Path("/proc/self/clear_refs").write_text("5")


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
