"""The README's lines on ml-latest-small, as a user would type them: every line of output with when it came.

Writes a page, by default docs/guide/session.md: when each command said its first line, how long it took, what it wrote.
The commands are those of the README, in order, then the page: what changes there changes here.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sparserec.bench.data import data_root
from sparserec.files import write_text

ROOT = Path(__file__).resolve().parents[1]
WEB = "sparserec web model.safetensors --titles movies.csv"
FILES = ("ratings.csv", "movies.csv")


@dataclass
class Told:
    """What a command did: its lines with seconds from its start, how long it took, and the files it left."""

    command: str
    lines: list[tuple[float, str]] = field(default_factory=list)
    seconds: float = 0.0
    code: int = 0
    wrote: dict[str, int] = field(default_factory=dict)

    @property
    def first(self) -> float:
        return self.lines[0][0] if self.lines else self.seconds


def readme_commands() -> list[str]:
    """The lines of the README's shell block."""
    blocks = re.findall(r"^```\n(sparserec .*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    return [line for line in blocks[0].splitlines() if line.strip()]


def sizes(folder: Path) -> dict[str, int]:
    """Bytes of the files beside the data; what is in a run folder counts as one."""
    found = {}
    for path in sorted(folder.iterdir()):
        files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
        found[path.name] = sum(file.stat().st_size for file in files)
    return found


def told(command: str, folder: Path) -> Told:
    """Run a command there as a user does and note when each line comes."""
    program = Path(sys.executable).with_name("sparserec")
    words = [str(program) if program.exists() else "sparserec", *shlex.split(command)[1:]]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "110"}
    before, answer, began = sizes(folder), Told(command), time.perf_counter()
    process = subprocess.Popen(
        words, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        answer.lines.append((time.perf_counter() - began, line.rstrip()))
    answer.code, answer.seconds = process.wait(), time.perf_counter() - began
    after = sizes(folder)
    answer.wrote = {name: count for name, count in after.items() if before.get(name) != count}
    return answer


def page(session: list[Told], cores: int) -> Iterator[str]:
    """The page, line by line."""
    yield "# A session\n"
    yield f"The README's lines on ml-latest-small, recorded by `python benchmarks/session.py` on {cores} cores"
    yield f"({platform.machine()}, Python {platform.python_version()}). Seconds are from the start of each command.\n"
    yield "| command | first line, s | all, s | wrote |\n|---|---|---|---|"
    for one in session:
        wrote = ", ".join(f"{name} {count:,} B" for name, count in one.wrote.items())
        yield f"| `{one.command}` | {one.first:.1f} | {one.seconds:.1f} | {wrote} |"
    for one in session:
        yield f"\n```\n$ {one.command}"
        yield from (f"{seconds:7.1f}  {line}".rstrip() for seconds, line in one.lines)
        yield f"{one.seconds:7.1f}  (end{'' if one.code == 0 else f', code {one.code}'})\n```"


def main() -> int:
    """Record the session; 1 where a command failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of the data sets; else that of SPARSEREC_DATA")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "guide" / "session.md")
    given = parser.parse_args()
    session = []
    with tempfile.TemporaryDirectory(prefix="sparserec-session-") as name:
        folder = Path(name)
        for file in FILES:
            shutil.copyfile(data_root(given.data) / "ml-latest-small" / file, folder / file)
        for command in [*readme_commands(), WEB]:
            print("$", command, flush=True)
            session.append(told(command, folder))
            print(f"  first line {session[-1].first:.1f} s, all {session[-1].seconds:.1f} s", flush=True)
    write_text(given.out, "\n".join(page(session, os.cpu_count() or 1)) + "\n")
    return int(any(one.code for one in session))


if __name__ == "__main__":
    sys.exit(main())
