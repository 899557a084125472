"""The default recipe beside that of an earlier version, one after the other on one machine: time, memory, accuracy.

    git worktree add EARLIER 9f82755
    python benchmarks/earlier.py --folder FOLDER --earlier EARLIER

Jobs and what is measured are those of `recipe.py`. A machine compiles a kernel once, and keeps it: so that neither
version's rows have that in them, each first trains on a fifth of the users where a data set is a file of histories,
else on all. "compiled" counts the kernels that the measured training had to compile all the same. Nothing else should
run on the machine. Writes docs/results/earlier.json.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from recipe import Row, command, job_data, measured, train_words
from sparserec.bench.script import Rows, remembered, run
from sparserec.files import make_folder

FEWER = 5
JOBS = ("ml-latest-small:24", "beauty:24", "gowalla-again:24", "gowalla:24")


def main(
    *,
    folder: Annotated[Path, "for run folders, files and what was measured"],
    earlier: Annotated[Path, "a checkout of the earlier version"],
    jobs: Annotated[Sequence[str], "DATA:BYTES"] = JOBS,
    seed: int = 0,
    threads: int = 2,
) -> Rows:
    for job in jobs:
        for version, source in (("this", None), ("earlier", earlier)):
            yield _measured_warm(folder, job, seed, threads, version, source)
    return {"threads": threads}


def _measured_warm(folder: Path, job: str, seed: int, threads: int, version: str, source: Path | None) -> Row:
    """A row, with the kernels that its training compiled although one like it came before; remembered in the folder."""

    def made() -> Row:
        warm = folder / "warm"
        data = _fewer(job_data(job, folder), warm)
        command(source, *train_words(job, data, source, seed, threads), "--out", warm / "run")
        shutil.rmtree(warm)
        before = _kernels(source)
        row = measured(folder, job, seed, threads, version, source)
        return {**row, "compiled": len(_kernels(source) - before)}

    return remembered(folder / f"{job.replace(':', '-')}-{seed}-{version}.json", made)


def _fewer(data: Path, place: Path) -> Path:
    """A fifth of the users of a folder of histories, a line each; a file as it is."""
    make_folder(place)
    if not data.is_dir() or not (data / "train.txt").exists():
        return data
    for name in ("train.txt", "test.txt"):
        lines = (data / name).read_text().splitlines(keepends=True)
        (place / name).write_text("".join(line for line in lines if int(line.split()[0]) % FEWER == 0))
    return place


def _kernels(source: Path | None) -> set[Path]:
    """The machine code that a checkout keeps."""
    root = source or Path(__file__).resolve().parents[1]
    return set((root / "src").rglob("*.nbc"))


if __name__ == "__main__":
    run(main)
