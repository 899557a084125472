"""How many functions and files of the package one thing enters: writes docs/results/ways.json.

    python benchmarks/ways.py                 # of this checkout
    python benchmarks/ways.py --before DIR    # beside those of another one

A function or file counts once, however often it is entered, in whatever thread; comprehensions count as what they stand
in, compiled kernels not at all. Everything is done once before it is counted, so that what is imported or compiled at
first use does not show. A build is all that `sparserec.train` enters until the loop of the model itself begins; what is
trained for a start or a teacher on the way is part of it. Only public calls are made; the loop is found by the name of
its class, so that the script runs on other versions of the package.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Annotated, Any

RUNS: dict[str, dict[str, Any]] = {
    "fism": {"recipe": "fism", "budget": "48B/item", "epochs": 2, "refit": False, "data": {"holdout": True}},
    "mf": {"recipe": "mf", "dim": 16, "epochs": 2, "data": {"holdout": True}},
}
"""Settings of a small run of each recommender that is built and trained."""


Entered = tuple[str, str, int]
"""A function: its file, its name, its first line."""


class Ways:
    """Counts what is entered of the package between `begin` and `end`.

    Args:
        package: its folder.
    """

    def __init__(self, package: Path):
        self._package, self._entered = f"{package}{os.sep}", set[Entered]()
        self._loop: tuple[CodeType | None, CodeType | None] = None, None
        self._step: set[Entered] | None = None
        self.build, self.step = set[Entered](), set[Entered]()

    def of(self, call: Callable[[], Any]) -> tuple[set[Entered], Any]:
        """What a call enters, and what it returns; of a training also `build` and the last `step` of it."""
        self._entered = set()
        loop = next((c for module in list(sys.modules.values()) if (c := _trainer(module))), None)
        self._loop = (loop.run.__code__, loop._step.__code__) if loop else (None, None)
        threading.setprofile(self._see)
        sys.setprofile(self._see)
        try:
            returned = call()
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
        return self._entered, returned

    def _see(self, frame: FrameType, event: str, _: object) -> None:
        code, (run, step) = frame.f_code, self._loop
        if event == "return" and code is step and self._step is not None:
            self.step, self._step = self._step, None
        if event != "call" or not code.co_filename.startswith(self._package):
            return
        if code is run:
            self.build = set(self._entered)
        if code is step:
            self._step = set()
        if code.co_name.startswith("<") and code.co_name != "<lambda>":
            return
        entered = code.co_filename, code.co_qualname, code.co_firstlineno
        self._entered.add(entered)
        if self._step is not None:
            self._step.add(entered)


def _trainer(module: object) -> type | None:
    trainer = vars(module).get("Trainer") if getattr(module, "__name__", "").startswith("sparserec.") else None
    return trainer if hasattr(trainer, "_step") else None


def counted() -> dict[str, dict[str, Any]]:
    """Functions and files that each thing enters, and lines of code, of the package that is imported here."""
    import sparserec
    from sparserec.device import Recommender
    from sparserec.interactions import synthetic

    package = Path(sparserec.__file__).resolve().parent
    data, _ = synthetic(n_users=300, n_items=200, interactions_per_user=20, n_clusters=8, seed=5)
    ways, figures = Ways(package), {}
    with tempfile.TemporaryDirectory() as folder:
        for warm in (True, False):
            for name, settings in RUNS.items():
                out = Path(folder) / f"{name}-{warm}"
                _, run = ways.of(lambda: sparserec.train(data, out, threads=1, **settings))  # noqa: B023
                figures |= {f"building a run of {name}": ways.build, f"a training step of {name}": ways.step}
                if name != "fism":
                    continue
                file = out / "model.safetensors"
                figures["an export"], _ = ways.of(lambda: run.export(file))  # noqa: B023
                figures["an evaluation"], _ = ways.of(lambda: run.evaluate("test"))  # noqa: B023
                model = Recommender.open(file)
                history = model.item_ids[:5]
                figures["a recommendation"], _ = ways.of(lambda: model.recommend(history=history, k=10))  # noqa: B023
    root = package.parents[1]
    sources = {"src/": [*package.rglob("*.py")], "the folder training/": [*(package / "training").rglob("*.py")]}
    sources["benchmarks/"] = [*root.glob("benchmarks/*.*")]
    return {
        "entered": {name: [len(every), len({file for file, *_ in every})] for name, every in figures.items()},
        "lines": {name: sum(len(f.read_text().splitlines()) for f in files) for name, files in sources.items()},
    }


def elsewhere(root: Path) -> dict[str, dict[str, Any]]:
    """The same of a checkout, in a process of its own."""
    paths = os.pathsep.join([str(root.resolve() / "src"), os.environ.get("PYTHONPATH", "")])
    command, there = [sys.executable, __file__, "--here"], {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run(command, env=there, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main(before: Annotated[Path | None, "another checkout, to stand beside this one"] = None) -> dict:
    columns = {"before": elsewhere(before)} if before else {}
    columns["now"] = elsewhere(Path(__file__).resolve().parents[1])
    rows = []
    for what in columns["now"]["entered"]:
        row: dict[str, Any] = {"what": what}
        for place, unit in enumerate(("functions", "files")):
            row |= {f"{unit} {column}": figures["entered"][what][place] for column, figures in columns.items()}
        rows.append(row)
    lines = {
        f"lines of {name}": {column: figures["lines"][name] for column, figures in columns.items()}
        for name in columns["now"]["lines"]
    }
    return {**lines, "rows": rows}


if __name__ == "__main__":
    if sys.argv[1:] == ["--here"]:
        print(json.dumps(counted()))
    else:
        from sparserec.bench.script import run

        run(main)
