"""Jobs done one after the other or several at a time, each in a process of its own; what is done is not done again."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path

from sparserec.bench.results import Entry, Job, Results
from sparserec.errors import SparserecError


@dataclass(frozen=True)
class Conditions:
    """Under which jobs are done; they don't decide what comes out.

    Attributes:
        data: folder of the data sets.
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


@dataclass(frozen=True)
class Standing:
    """What is told when a job has ended.

    Attributes:
        done, total: jobs of this grid.
        entry: the job that ended last, and what it found; None before the first one.
        seconds_left: until all are done, at the pace of jobs alike; None while nothing is known.
    """

    done: int
    total: int
    entry: Entry | None
    seconds_left: float | None


def work(
    jobs: Sequence[Job], results: Results, conditions: Conditions, tell: Callable[[Standing], None], module: str
) -> None:
    """Do the jobs that the results file doesn't have, and append what each finds.

    Args:
        jobs: all jobs of the grid.
        results: the file.
        conditions: see there.
        tell: called before the first job and after every one.
        module: `python -m module` does one job: it takes {"job", "data", "folder", "threads", "device",
            "workers", "keep", "parent"} as JSON and prints what it found as JSON, in its last line.

    Raises:
        SparserecError: when a job fails; the ones that run by then come to their end and are recorded.
    """
    entries = results.entries()
    known, pace = {entry.job.key for entry in entries}, _Pace(entries)
    todo = [job for job in jobs if job.key not in known]
    tell(Standing(len(jobs) - len(todo), len(jobs), None, pace.left(todo, conditions.workers)))
    failed: tuple[Job, BaseException] | None = None
    with ThreadPoolExecutor(conditions.workers) as pool:
        running = {pool.submit(_in_a_process, job, conditions, module): job for job in todo}
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
    told = json.dumps({**asdict(job), "phase": None}, sort_keys=True)
    return runs / hashlib.sha256(told.encode()).hexdigest()[:16]


def _in_a_process(job: Job, conditions: Conditions, module: str) -> dict:
    """A process a job: peak memory is that job's own, and a crash loses one result."""
    call = {
        "job": asdict(job),
        "data": str(conditions.data),
        "folder": str(folder_of(job, conditions.runs)),
        "threads": conditions.threads,
        "keep": conditions.keep,
        "device": conditions.device,
        "workers": conditions.workers,
        "parent": os.getpid(),
    }
    answer = subprocess.run(
        [sys.executable, "-m", module, json.dumps(call)], capture_output=True, text=True, check=False
    )
    if answer.returncode:
        words = answer.stderr.strip().splitlines()
        raise SparserecError(words[-1] if words else f"its process ended with {answer.returncode}")
    return json.loads(answer.stdout.splitlines()[-1])


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
        if entry.found.get("resumed"):
            return
        self._seconds.setdefault((entry.job.dataset, entry.job.base), []).append(entry.found["seconds"])

    def left(self, jobs: Sequence[Job], workers: int) -> float | None:
        every = [seconds for group in self._seconds.values() for seconds in group]
        if not every:
            return None
        total = 0.0
        for job in jobs:
            group = self._seconds.get((job.dataset, job.base), every)
            total += sum(group) / len(group)
        return total / workers
