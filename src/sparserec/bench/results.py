"""An append-only file of results, one JSON line each, that survives a kill at any moment."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sparserec.errors import SparserecError


@dataclass(frozen=True)
class Job:
    """One run of a grid; what is the same in two jobs is the same job.

    Attributes:
        phase: "tune", which reads the validation part alone, or "run", which reads the test part once.
        dataset: folder name of the data set.
        base: recommender.
        method: name of the method in its grid.
        density: share of active parameters; of a dense table of as many bytes, that of the sparse one; None for dense.
        settings: those of the run, beside the recipe's.
    """

    phase: str
    dataset: str
    base: str
    method: str
    density: float | None
    settings: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Tells jobs apart, in text."""
        return json.dumps(asdict(self), sort_keys=True)

    @property
    def title(self) -> str:
        """For people."""
        density = "" if self.density is None else f" at {self.density:g}"
        return f"{self.dataset} {self.base}, {self.method}{density}, seed {self.settings.get('seed', 0)} ({self.phase})"


@dataclass(frozen=True)
class Entry:
    """A job and what it measured."""

    job: Job
    found: Mapping[str, Any]


class Results:
    """The results file. Only whole lines count, so a line that a kill cut off is as if it had not been begun.

    Args:
        path: the file; it may not exist yet.
    """

    def __init__(self, path: Path):
        self.path = path

    def entries(self) -> list[Entry]:
        """All results, the last one of each job. Raises SparserecError for a line that isn't one."""
        found: dict[str, Entry] = {}
        for number, line in enumerate(self._lines(), start=1):
            try:
                value = json.loads(line)
                job = Job(**value["job"])
                found[job.key] = Entry(job, value["found"])
            except (ValueError, KeyError, TypeError):
                raise SparserecError(f"{self.path}:{number}: not a result; mend or remove this line") from None
        return list(found.values())

    def append(self, entry: Entry) -> None:
        """Add a result and flush it to disk; what a kill left of an earlier line is taken away first."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab+") as file:
                whole = sum(len(line) + 1 for line in self._lines())
                if file.seek(0, os.SEEK_END) != whole:
                    file.truncate(whole)
                file.write(json.dumps({"job": asdict(entry.job), "found": dict(entry.found)}).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise SparserecError(f"cannot write {self.path}: {error.strerror or error}") from None

    def _lines(self) -> list[bytes]:
        """Lines that end, without their ends."""
        try:
            return self.path.read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            return []
