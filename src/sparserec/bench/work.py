"""Jobs done one after the other or several at a time, each in a process of its own; what is done is not done again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sparserec.bench.fresh import fresh
from sparserec.bench.results import Entry, Job, Results
from sparserec.errors import SparserecError

Do = Callable[[dict[str, Any]], dict[str, Any]]
"""What does a job: it takes "job", the fields of `Job`, and "folder", "results", "parent" and what `Conditions` has, as
JSON has them, and returns figures."""


@dataclass(frozen=True)
class Conditions:
    """Under which jobs are done; they don't decide what comes out.

    Attributes:
        data: folder of the data sets.
        elsewhere: paths, by name, of data sets that lie in other places.
        runs: folder of the run folders: a job that was cut off goes on in its own.
        threads: threads of a job.
        workers: jobs at a time.
        keep: whether the run folders of finished jobs stay.
        device: where runs are trained, see `sparserec.train`.
    """

    data: Path
    runs: Path
    threads: int = 1
    workers: int = 1
    keep: bool = False
    device: str = "auto"
    elsewhere: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Standing:
    """What is told when a job has ended.

    Attributes:
        done, total: jobs of this grid.
        entry: the job that ended last, and its figures; None before the first one.
        seconds_left: until all are done, at the pace of jobs alike; None while nothing is known.
    """

    done: int
    total: int
    entry: Entry | None
    seconds_left: float | None


def work(
    jobs: Sequence[Job], results: Results, conditions: Conditions, tell: Callable[[Standing], None], do: Do
) -> None:
    """Do the jobs that the results file doesn't have, and append the figures of each.

    Args:
        jobs: all jobs of the grid.
        results: the file.
        conditions: see there.
        tell: called before the first job and after every one.
        do: does one job, in a process of its own.

    Raises:
        SparserecError: when a job fails; the ones that run by then come to their end and are recorded.
    """
    entries = results.entries()
    known, pace = {entry.job.key for entry in entries}, _Pace(entries)
    todo = [job for job in jobs if job.key not in known]
    tell(Standing(len(jobs) - len(todo), len(jobs), None, pace.left(todo, conditions.workers)))
    failed: tuple[Job, BaseException] | None = None
    with ThreadPoolExecutor(conditions.workers) as pool:
        running = {pool.submit(in_a_process, job, results, conditions, do): job for job in todo}
        try:
            while running:
                ended, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    job = running.pop(future)
                    if future.cancelled():
                        continue
                    if error := future.exception():
                        failed = failed or (job, error)
                        _cancel(running)
                        continue
                    entry = Entry(job, future.result())
                    results.append(entry)
                    pace.add(entry)
                    left = [other for waiting, other in running.items() if not waiting.cancelled()]
                    tell(Standing(len(jobs) - len(left), len(jobs), entry, pace.left(left, conditions.workers)))
        except BaseException:
            _cancel(running)
            raise
    if failed:
        job, error = failed
        raise SparserecError(
            f"{job.title} failed ({error}); what was done is recorded, the same command goes on"
        ) from error


def folder_of(job: Job, runs: Path) -> Path:
    """The run folder of a job: one that was cut off goes on, and a tuned run is not trained again in the run phase."""
    phaseless = json.dumps({**asdict(job), "phase": None}, sort_keys=True)
    return runs / hashlib.sha256(phaseless.encode()).hexdigest()[:16]


def in_a_process(job: Job, results: Results, conditions: Conditions, do: Do) -> dict[str, Any]:
    """A process a job: peak memory is that job's own, and a crash loses one result."""
    return fresh(do, call=call_of(job, results, conditions))


def call_of(job: Job, results: Results, conditions: Conditions) -> dict[str, Any]:
    """What a job is done with."""
    folder, path = folder_of(job, conditions.runs), results.path
    given = {**asdict(conditions), "job": asdict(job), "folder": folder, "results": path, "parent": os.getpid()}
    return {name: str(value) if isinstance(value, Path) else value for name, value in given.items()}


def _cancel(futures: Iterable[Future]) -> None:
    """Jobs that have not begun don't begin."""
    for future in futures:
        future.cancel()


class _Pace:
    """How long jobs take: those alike, else all."""

    def __init__(self, entries: Sequence[Entry]):
        self._seconds: dict[tuple[str, str], list[float]] = {}
        for entry in entries:
            self.add(entry)

    def add(self, entry: Entry) -> None:
        seconds = None if entry.figures.get("resumed") else entry.figures.get("seconds")
        if seconds is not None:
            self._seconds.setdefault((entry.job.dataset, entry.job.base), []).append(seconds)

    def left(self, jobs: Sequence[Job], workers: int) -> float | None:
        every = [seconds for group in self._seconds.values() for seconds in group]
        if not every:
            return None
        total = 0.0
        for job in jobs:
            group = self._seconds.get((job.dataset, job.base), every)
            total += sum(group) / len(group)
        return total / workers
