"""Changed artefacts and patches by the million: each is refused with a SparserecError, or works.

    python benchmarks/fuzzing.py --inputs 1000000 --browser [--state FILE] [--chunk 20000]

Inputs are numbered, and each follows from its number (fuzz/mutations.py). They run in chunks, a process each, in which
an allocation beyond `ROOM` fails, and so does an input that takes longer than `SECONDS`. One in `TRACED` is traced: it
may take `FACTOR` times its own bytes and `CONSTANT`; where a patch is applied, the file that it makes counts too. With
`--browser`, Node.js opens every artefact too: it must accept the same ones, and find the same ids in them. After each
chunk the state is written, and a later call goes on from there; docs/results/fuzzing.json holds what was tried so far.
Ends with code 1 when there was a find.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from pathlib import Path

from sparserec.bench.fresh import fresh
from sparserec.bench.machine import one_thread, status_bytes
from sparserec.bench.script import run, save
from sparserec.bench.timing import timed
from sparserec.files import make_folder, write_text

one_thread()

ROOT = Path(__file__).resolve().parent.parent
ROOM = 64 << 20
"""Bytes of address space beyond what the process has when it begins."""
SECONDS = 5.0
TRACED = 20
FACTOR, CONSTANT = 64, 4 << 20


class HangError(BaseException):
    """An input took too long."""


def tried(first: int, count: int, shared: str | None = None) -> dict:
    """Try the inputs from `first` on; artefacts and what came of them go into the file `shared` if it is given."""
    sys.path.insert(0, str(ROOT / "fuzz"))
    import targets

    def too_long(*_: object) -> None:
        raise HangError

    signal.signal(signal.SIGALRM, too_long)
    bases = targets.Bases()
    for number in range(first, first + 50):  # what is only imported or set up at first use
        targets.tried(*targets.case(bases, number))
    limit = status_bytes("VmSize") + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))
    before = status_bytes("VmHWM")
    outcomes: Counter[str] = Counter()
    finds, slowest, most_traced, traced = [], 0.0, 0.0, 0
    for number in range(first, first + count):
        kind, old, data = targets.case(bases, number)
        trace = number % TRACED == 0
        if trace:
            tracemalloc.start()
        began = time.perf_counter()
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        accepted = False
        try:
            accepted = targets.tried(kind, old, data)
            outcomes[f"{kind}: {'accepted' if accepted else 'refused'}"] += 1
        except (Exception, HangError) as error:
            outcomes["finds"] += 1
            finds.append({"number": number, "kind": kind, "error": repr(error)[:300]})
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        slowest = max(slowest, time.perf_counter() - began)
        if trace:
            peak, traced = tracemalloc.get_traced_memory()[1], traced + 1
            tracemalloc.stop()
            made = targets.made_bytes(data) if accepted and kind == "patch" else 0
            most_traced = max(most_traced, peak)
            if peak > FACTOR * (len(data) + len(old) + made) + CONSTANT:
                finds.append({"number": number, "kind": kind, "error": f"took {peak} bytes"})
        if shared is not None and kind != "patch":
            write_case(Path(shared), number, data, kind == "artefact", targets.ids_of(data, kind == "artefact"))
    return {
        "outcomes": dict(outcomes),
        "finds": finds,
        "slowest ms": 1000 * slowest,
        "traced": traced,
        "most traced bytes": most_traced,
        "peak growth bytes": status_bytes("VmHWM") - before,
    }


def write_case(path: Path, number: int, data: bytes, verify: bool, ids: list[str] | None) -> None:
    """Add an artefact to a file for Node.js: a line of JSON, then its bytes.

    The line has `number`, `bytes`, `verify` (whether the digest is asked for) and `ids`: SHA-256 over the ids and how
    many they are, or null where it is refused.
    """
    told = None if ids is None else [len(ids), hashlib.sha256("\0".join(ids).encode()).hexdigest()]
    line = json.dumps({"number": number, "bytes": len(data), "verify": verify, "ids": told})
    with path.open("ab") as file:
        file.write(line.encode() + b"\n" + data)


def compared(shared: Path) -> dict:
    """What Node.js says to the artefacts of a chunk: how many it compared, and those of which it says otherwise."""
    script = ROOT / "benchmarks" / "browser_fuzz.mjs"
    done = subprocess.run(["node", script, "compare", shared], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def chunk_of(first: int, count: int, browser: bool) -> dict:
    """Try inputs in a fresh process, and where asked for in Node.js too."""
    with tempfile.TemporaryDirectory() as folder:
        shared = Path(folder) / "artefacts"
        part = fresh(tried, first=first, count=count, shared=str(shared) if browser else None)
        answers = compared(shared) if browser else {"compared": 0, "differ": []}
    part["finds"] += [{"kind": "artefact, in Node.js", **one} for one in answers["differ"]]
    return part | {"compared": answers["compared"]}


def merged(state: dict, part: dict, count: int) -> dict:
    total = Counter(state["outcomes"])
    total.update(part["outcomes"])
    return {
        "inputs": state["inputs"] + count,
        "outcomes": dict(sorted(total.items())),
        "finds": state["finds"] + part["finds"],
        "slowest ms": round(max(state["slowest ms"], part["slowest ms"]), 1),
        "compared with Node.js": state.get("compared with Node.js", 0) + part["compared"],
        "traced": state["traced"] + part["traced"],
        "most traced bytes": max(state["most traced bytes"], part["most traced bytes"]),
        "peak growth bytes": max(state["peak growth bytes"], part["peak growth bytes"]),
        "seconds": round(state["seconds"] + part["seconds"], 1),
    }


NOTHING = {
    "inputs": 0,
    "outcomes": {},
    "finds": [],
    "slowest ms": 0,
    "compared with Node.js": 0,
    "traced": 0,
    "most traced bytes": 0,
}
NOTHING |= {"peak growth bytes": 0, "seconds": 0}


def main(
    inputs: int = 1_000_000,
    chunk: int = 20_000,
    browser: bool = False,
    state: Path = ROOT / "runs" / "fuzzing.json",
    out: Path | None = None,
) -> None:
    so_far = json.loads(state.read_text()) if state.exists() else NOTHING
    while so_far["inputs"] < inputs:
        count = min(chunk, inputs - so_far["inputs"])
        seconds, part = timed(lambda first=so_far["inputs"], count=count: chunk_of(first, count, browser))
        so_far = merged(so_far, {**part, "seconds": seconds}, count)
        make_folder(state.parent)
        write_text(state, json.dumps(so_far))
    limits = {"room bytes": ROOM, "seconds": SECONDS, "factor": FACTOR, "constant bytes": CONSTANT}
    result = {"limits of an input": limits, **so_far}
    save("fuzzing", result, out, f"python benchmarks/fuzzing.py --inputs {inputs}" + " --browser" * browser)
    sys.exit(1 if so_far["finds"] else 0)


if __name__ == "__main__":
    run(main, quick={"inputs": 200, "chunk": 100, "state": Path(tempfile.gettempdir()) / f"fuzzing-{os.getpid()}.json"})
