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
        budget = f" at {self.settings['budget']}" if "budget" in self.settings else ""
        size = budget if self.density is None else f" at {self.density:g}"
        return f"{self.dataset} {self.base}, {self.method}{size}, seed {self.settings.get('seed', 0)} ({self.phase})"


@dataclass(frozen=True)
class Entry:
    """A job and what it measured."""

    job: Job
    figures: Mapping[str, Any]


class Nested:
    """Lines {"job": ..., "found": ...}: those of the grids that are part of the package."""

    def entry(self, line: dict[str, Any]) -> Entry:
        """What a line says."""
        return Entry(Job(**line["job"]), line["found"])

    def line(self, entry: Entry) -> dict[str, Any]:
        """The line of an entry."""
        return {"job": asdict(entry.job), "found": dict(entry.figures)}


@dataclass(frozen=True)
class Flat:
    """Lines in which the parts of a job stand beside its figures, and the density among its settings.

    Attributes:
        base: of all jobs; where it is None, lines name it as their "kind".
    """

    base: str | None = None

    def entry(self, line: dict[str, Any]) -> Entry:
        """What a line says."""
        figures = dict(line)
        names = [figures.pop(name) for name in ("phase", "dataset", *([] if self.base else ["kind"]), "method")]
        base, settings = self.base or names[2], figures.pop("settings")
        return Entry(Job(names[0], names[1], base, names[-1], None, settings), figures)

    def line(self, entry: Entry) -> dict[str, Any]:
        """The line of an entry."""
        job = entry.job
        kind = {} if self.base else {"kind": job.base}
        parts = {"phase": job.phase, "dataset": job.dataset, **kind, "method": job.method, "settings": job.settings}
        return {**parts, **entry.figures}


class Results:
    """The results file. Only whole lines count, so a line that a kill cut off is as if it had not been begun.

    Args:
        path: the file; it may not exist yet.
        layout: of its lines.
    """

    def __init__(self, path: Path, layout: Nested | Flat | None = None):
        self.path, self._layout = path, layout or Nested()

    def entries(self) -> list[Entry]:
        """All results, the last one of each job. Raises SparserecError for a line that isn't one."""
        last: dict[str, Entry] = {}
        for number, line in enumerate(self._lines(), start=1):
            try:
                entry = self._layout.entry(json.loads(line))
                last[entry.job.key] = entry
            except (ValueError, KeyError, TypeError):
                raise SparserecError(f"{self.path}:{number}: not a result; mend or remove this line") from None
        return list(last.values())

    def append(self, entry: Entry) -> None:
        """Add a result and flush it to disk; what a kill left of an earlier line is taken away first."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab+") as file:
                whole = sum(len(line) + 1 for line in self._lines())
                if file.seek(0, os.SEEK_END) != whole:
                    file.truncate(whole)
                file.write(json.dumps(self._layout.line(entry)).encode() + b"\n")
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
