"""The default recipe beside that of an earlier version, one after the other on one machine: time, memory, accuracy.

    git worktree add EARLIER 9f82755
    python benchmarks/earlier.py --folder FOLDER --earlier EARLIER

Jobs and what is measured are those of `recipe.py`. Nothing else should run on the machine. Writes
docs/results/earlier.json.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from recipe import measured
from sparserec.bench.script import Rows, run


def main(
    *,
    folder: Annotated[Path, "for run folders, files and what was measured"],
    earlier: Annotated[Path, "a checkout of the earlier version"],
    jobs: Annotated[Sequence[str], "DATA:BYTES"] = ("ml-latest-small:24", "beauty:24", "gowalla-again:24"),
    seed: int = 0,
    threads: int = 2,
) -> Rows:
    for job in jobs:
        yield measured(folder, job, seed, threads)
        yield measured(folder, job, seed, threads, "earlier", earlier)
    return {"threads": threads}


if __name__ == "__main__":
    run(main)
