"""Digests of exported files and trained tables: whether a change of the code changes what training gives.

python benchmarks/digests.py write                 # trains, writes docs/results/digests.json
python benchmarks/digests.py check                 # trains, compares with that file; exit status 1 where any differs
python benchmarks/digests.py check --only fism,mf  # some of them

The same seed gives the same bytes on one machine with one set of libraries; another processor may take other paths
through BLAS, so digests are compared only where both are the same, and `check` says so where they are not. Real data
come from the folder that SPARSEREC_DATA names and are left out without it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent.parent / "docs" / "results" / "digests.json"
SMALL: dict[str, Any] = {"epochs": 3, "seed": 0}
JOBS: dict[str, tuple[str, dict[str, Any]]] = {
    "fism": ("synthetic", {"recipe": "fism", "budget": "24B/item", "dim": 128}),
    "fism-list-softmax": ("synthetic", {"recipe": "fism", "loss": "list-softmax", "dim": 64, **SMALL}),
    "fism-relaxed-ranking": ("synthetic", {"recipe": "fism", "loss": "relaxed-ranking", "dim": 64, **SMALL}),
    "fism-random": ("synthetic", {"recipe": "fism", "init": "random", "dim": 64, **SMALL}),
    "fism-softmax": ("synthetic", {"model": "fism", "recipe": "fism", "loss": "softmax", "dim": 64, **SMALL}),
    "fism-lightgcn-teacher": (
        "synthetic",
        {"recipe": "fism", "dim": 64, "teacher": {"trained": "lightgcn", "dim": 32, "epochs": 2}, **SMALL},
    ),
    "spectral": ("synthetic", {"recipe": "spectral"}),
    "mf": ("synthetic", {"recipe": "mf", "density": 0.1, **SMALL}),
    "mf-budget": ("synthetic", {"recipe": "mf", "budget": "40B/item", **SMALL}),
    "mf-set-nmf": ("synthetic", {"recipe": "mf", "method": "set", "init": "nmf", **SMALL}),
    "mf-rigl-random": ("synthetic", {"recipe": "mf", "method": "rigl", "init": "random", **SMALL}),
    "mf-dsl-normal": ("synthetic", {"recipe": "mf", "method": "dsl", "init_values": "normal", **SMALL}),
    "mf-bpr": ("synthetic", {"recipe": "mf", "loss": "bpr", "n_negatives": 4, "l2": 0.01, **SMALL}),
    "mf-magnitude": ("synthetic", {"recipe": "mf", "method": "magnitude", **SMALL}),
    "mf-pep": ("synthetic", {"recipe": "mf", "method": "pep", **SMALL}),
    "mf-dense": ("synthetic", {"recipe": "mf", "method": "dense", "dim": 16, **SMALL}),
    "lightgcn": ("synthetic", {"recipe": "lightgcn", **SMALL}),
    "neumf": ("synthetic", {"recipe": "neumf", **SMALL}),
    "neumf-magnitude": ("synthetic", {"recipe": "neumf", "method": "magnitude", **SMALL}),
    "sasrec": ("synthetic", {"recipe": "sasrec", **SMALL}),
    "ml-fism": ("ml-latest-small", {"recipe": "fism", "budget": "12B/item", "dim": 512, "epochs": 3}),
    "ml-spectral": ("ml-latest-small", {"recipe": "spectral", "budget": "12B/item", "dim": 256}),
    "ml-mf": ("ml-latest-small", {"recipe": "mf", **SMALL}),
    "ml-lightgcn": ("ml-latest-small", {"recipe": "lightgcn", **SMALL}),
}
"""What is trained: data and settings."""
UNEXPORTED = ("neumf",)


def digest(name: str, folder: Path) -> str | None:
    """SHA-256 of the exported file, or of the tables of a recommender that has none; None without its data."""
    import sparserec
    from sparserec.bench.data import HELD_OUT
    from sparserec.errors import SparserecError
    from sparserec.interactions import synthetic

    data, settings = JOBS[name]
    if data == "synthetic":
        dataset: Any = synthetic(n_users=400, n_items=300, interactions_per_user=20, seed=3)[0]
    else:
        root = os.environ.get("SPARSEREC_DATA")
        if not root or not (Path(root) / data).exists():
            return None
        dataset = sparserec.load(Path(root) / data / "ratings.csv")
    if settings["recipe"] != "sasrec":  # without times it is cut at random, and its card says so as it always did
        untimed = replace(dataset.interactions, timestamps=None)
        dataset = replace(dataset, interactions=untimed, timestamped=False)
    run = sparserec.train(dataset, folder / name, threads=1, device="cpu", data=HELD_OUT, **settings)
    try:
        run.export(folder / f"{name}.safetensors")
        return hashlib.sha256((folder / f"{name}.safetensors").read_bytes()).hexdigest()
    except SparserecError:
        if not name.startswith(UNEXPORTED):
            raise
    from safetensors.numpy import load_file

    tables, hashed = load_file(folder / name / "best.safetensors"), hashlib.sha256()
    for key in sorted(tables):
        hashed.update(key.encode() + b"\0" + tables[key].tobytes())
    return hashed.hexdigest()


def environment() -> dict[str, str]:
    """What the digests depend on besides the code."""
    from sparserec.bench.machine import machine

    facts = {name: str(value) for name, value in machine().items() if name != "cores"}
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    flags = next((line for line in lines if line.startswith("flags")), "")
    features = hashlib.sha256(flags.encode()).hexdigest()[:16]  # processors of one name may have other instructions
    return facts | {"blas": os.environ.get("OPENBLAS_CORETYPE", ""), "features": features}


def main() -> None:
    """See the description of the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=("write", "check"))
    parser.add_argument("--only", help="names of some of them, separated by commas")
    args = parser.parse_args()
    names = args.only.split(",") if args.only else list(JOBS)
    before = json.loads(FILE.read_text()) if FILE.exists() else {"digests": {}}
    after: dict[str, str] = {}
    if args.verb == "check" and before.get("environment") != environment():
        print("the digests were written on another processor or with other libraries; differences say little")
    with tempfile.TemporaryDirectory(prefix="sparserec-digests-") as folder:
        for name in names:
            value = digest(name, Path(folder))
            if value is None:
                print(f"{name}: left out, set SPARSEREC_DATA")
                continue
            after[name] = value
            known = before["digests"].get(name)
            verdict = "new" if known is None else "same" if known == value else "DIFFERENT"
            print(f"{name}: {value[:16]} {verdict}", flush=True)
    if args.verb == "write":
        FILE.write_text(
            json.dumps({"environment": environment(), "digests": before["digests"] | after}, indent=2) + "\n"
        )
    elif any(before["digests"].get(name) != value for name, value in after.items()):
        sys.exit(1)


if __name__ == "__main__":
    main()
