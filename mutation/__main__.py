"""Mutation testing: changes of the source that no test notices.

    python mutation [PART ...] [--jobs N] [--again] [--list]

PART limits the run to modules whose path contains it, such as sparsity/masks.py. Results are kept in
build/mutation.jsonl: what was killed once is not tried again while its function and the tests stay as they are, and
with `--again` survivors alone are tried. A run over everything writes docs/results/mutation.json, and ends with code 1
where less than the least share of mutants was killed, or where a survivor has no reason in survivors.toml.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
import tomllib
from collections import Counter
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"
# Forks need a pool of threads that stands them, and no device.
os.environ |= {"NUMBA_THREADING_LAYER": "workqueue", "CUDA_VISIBLE_DEVICES": ""}

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent
STATE = ROOT / "build" / "mutation.jsonl"
RESULTS = ROOT / "docs" / "results" / "mutation.json"
LEAST = 0.9
"""Share of the mutants that tests must kill."""


def main() -> int:
    """Run it; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--again", action="store_true", help="try only the survivors of earlier runs")
    parser.add_argument("--list", action="store_true", help="print the mutants and end")
    options = parser.parse_args()

    import pytest
    from running import SURVIVED, Finder, Tests

    config = tomllib.loads((FOLDER / "targets.toml").read_text())
    modules = chosen_modules(config, options.parts)
    if options.list:
        for module in modules:
            print("\n".join(mutant.key for mutant in module.mutants))
        return 0
    earlier, results = read_state(), {}
    tests = Tests(modules, options.jobs, tuple(config["tests"]["without"]))
    for module in modules:
        for mutant in module.mutants:
            mark = fingerprint(module, mutant)
            known = earlier.get((mutant.key, mark))
            same = known is not None and known["tests"] == tests_of(module)
            if known is not None and (known["outcome"] != SURVIVED if options.again else same):
                results[mutant.key] = known
            else:
                tests.todo.append((module, mutant))
    total, begun = len(tests.todo), time.monotonic()
    print(f"{len(results) + total} mutants, {total} to try", flush=True)

    STATE.parent.mkdir(exist_ok=True)
    with STATE.open("a") as state:

        def keep(module, mutant, outcome, by, seconds) -> None:
            entry = {"key": mutant.key, "function": fingerprint(module, mutant), "tests": tests_of(module)}
            entry |= {"outcome": outcome, "by": by, "seconds": round(seconds, 2)}
            results[mutant.key] = entry
            print(json.dumps(entry), file=state, flush=True)
            if outcome == SURVIVED:
                print(f"survived  {mutant.file}:{mutant.line}  {mutant.key.split('::')[1]}", flush=True)

        tests.on_result = keep
        if total:
            sys.meta_path.insert(0, Finder(modules, tests.entered))
            folders = sorted({folder for module in modules for folder in module.tests})
            arguments = ["-qq", "-s", "-p", "no:cacheprovider", "--tb=native", "--no-header", "--no-summary"]
            os.chdir(ROOT)
            if pytest.main([*arguments, *folders], plugins=[tests]) not in {0, 5}:
                return 2
    print(f"tried {total} in {time.monotonic() - begun:.0f} s")
    return report(modules, results, whole=not options.parts)


def chosen_modules(config: dict, parts: list[str]) -> list:
    """The modules of the configuration, those whose path contains one of the parts where there are some."""
    from running import Module

    files: dict[str, tuple[str, ...]] = {}
    for target in config["target"]:
        for pattern in target["modules"]:
            paths = sorted(ROOT.glob(pattern))
            if not paths:
                sys.exit(f"targets.toml: there is no {pattern}")
            for path in paths:  # the first target that names a module has it
                files.setdefault(str(path.relative_to(ROOT)), tuple(target["tests"]))
    chosen = {file: tests for file, tests in files.items() if not parts or any(part in file for part in parts)}
    if not chosen:
        sys.exit(f"no module has {' or '.join(parts)} in its path; there are: {', '.join(files)}")
    modules = [Module(file, tests) for file, tests in chosen.items()]
    return [module for module in modules if module.mutants]


def read_state() -> dict[tuple[str, str], dict]:
    """Results of earlier runs; of those of the same mutant the last."""
    lines = STATE.read_text().splitlines() if STATE.exists() else []
    entries = [json.loads(line) for line in lines if line.endswith("}")]
    return {(entry["key"], entry["function"]): entry for entry in entries}


def fingerprint(module, mutant) -> str:
    """Of the source of a mutant's function, or of its class or module."""
    import ast

    body, node = module.tree.body, module.tree
    for name in mutant.function.split(".") if mutant.function else []:
        node = next(part for part in body if getattr(part, "name", "") == name)
        body = node.body
    return hashlib.sha256(ast.unparse(node).encode()).hexdigest()[:16]


def tests_of(module) -> str:
    """Fingerprint of a module's tests."""
    paths = [Path(ROOT / part) for part in module.tests]
    files = sorted(file for path in paths for file in ([path] if path.is_file() else path.rglob("*.py")))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def report(modules: list, results: dict, *, whole: bool) -> int:
    """Print what came out, write the results file after a run over everything; the exit code."""
    from running import SURVIVED

    reasons = [(key, entry["why"]) for entry in read_reasons() for key in entry["mutants"]]
    table, survivors, unexplained = {}, [], []
    for module in modules:
        outcomes = Counter(results[mutant.key]["outcome"] for mutant in module.mutants if mutant.key in results)
        count = sum(outcomes.values())
        table[module.file] = {"mutants": count, "killed": count - outcomes[SURVIVED]}
        print(f"{module.file:50} {count:5} mutants, {count - outcomes[SURVIVED]:5} killed")
        for mutant in module.mutants:
            if results.get(mutant.key, {}).get("outcome") == SURVIVED:
                why = next((why for key, why in reasons if names(key, mutant.key)), None)
                survivors.append({"mutant": mutant.key, "why": why})
                if why is None:
                    unexplained.append(mutant.key)
    count, killed = (sum(line[name] for line in table.values()) for name in ("mutants", "killed"))
    share = killed / max(count, 1)
    print(f"{killed} of {count} killed: {share:.1%}; {len(unexplained)} survivors without a reason")
    if whole:
        result = {
            "mutants": count,
            "killed": killed,
            "share": round(share, 4),
            "modules": table,
            "survivors": survivors,
        }
        from sparserec.bench.machine import machine

        entry = {"command": "make mutants", "machine": machine(), "result": result}
        RESULTS.write_text(json.dumps(entry, indent=2, ensure_ascii=False) + "\n")
    return int(share < LEAST or bool(unexplained))


def read_reasons() -> list[dict]:
    """Why mutants may survive: entries with `why`, and `mutants`, keys without src/sparserec/ before them."""
    return tomllib.loads((FOLDER / "survivors.toml").read_text())["survivor"]


def names(key: str, mutant: str) -> bool:
    """Whether a key of survivors.toml means a mutant; one that ends with * means all that begin like it."""
    full = f"src/sparserec/{key}"
    return mutant.startswith(full[:-1]) if full.endswith("*") else mutant == full


if __name__ == "__main__":
    sys.exit(main())
