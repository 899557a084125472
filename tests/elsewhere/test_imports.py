"""What is loaded, and when: the public calls and the first line of a training take no torch."""

from __future__ import annotations

import importlib
import pkgutil
import types

import pytest

import sparserec
from sparserec.axes import AXES
from sparserec.section import NoSettings

HEAVY = "torch numba scipy sklearn matplotlib pandas pyarrow joblib"

IMPORTED = f"""
import sys, time
began = time.process_time()
NAMES
spent = time.process_time() - began
print([name for name in {HEAVY.split()!r} if name in sys.modules], spent)
"""


def loaded(script, names: str) -> tuple[str, float]:
    found, _, spent = script(IMPORTED.replace("NAMES", names)).strip().rpartition(" ")
    return found, float(spent)


@pytest.mark.parametrize(
    "names",
    [
        "import sparserec",
        "from sparserec import load, split, Dataset",
        "from sparserec import Run, RunConfig, train",
        "from sparserec.runs import Run, train, set_threads",
        "import sparserec.training, sparserec.starts, sparserec.tables, sparserec.recommenders, sparserec.objectives",
        "from sparserec.settings import load_config; load_config('lightgcn', layers=2)",
        "import sparserec.cli",
    ],
)
def test_the_public_calls_load_nothing_heavy_and_little_in_all(script, names):
    found, spent = loaded(script, names)
    assert found == "[]"
    assert spent < 5  # a third of it or less on an idle machine; what is loaded is the sharper bound


def test_reading_and_cutting_take_no_torch(script, ratings):
    found, _ = loaded(script, f"import sparserec; sparserec.split(sparserec.load({str(ratings)!r}))")
    assert not {"'torch'", "'numba'", "'scipy'", "'sklearn'"} & set(found.strip("[]").split(", "))


FIRST = """
import sys
import sparserec

def stage(words):
    print(words, [name for name in ("torch", "numba", "sklearn") if name in sys.modules])

sparserec.train(sys.argv[1], stage=stage, **QUICK)
"""


def test_a_training_reads_its_data_before_torch_is_loaded(script, ratings):
    lines = script(FIRST, ratings).splitlines()
    assert lines[0] == f"reading {ratings} ... []"
    assert lines[1].endswith(" []")
    assert "torch" in lines[-1]


COMPILER = """
import sys
import sparserec

data = sparserec.load(sys.argv[1])
sparserec.train(data, **QUICK)
run = sparserec.train(data, recipe="fism", dim=8, epochs=1, teacher={"epochs": 1}, threads=1)
print(run.ended, "torch" in sys.modules, "torch._dynamo" in sys.modules)
"""


def test_no_training_loads_the_compiler_of_torch(script, ratings):
    """It takes over a second and 140 MB, and one custom operator or optimiser of torch's is enough to load it."""
    assert script(COMPILER, ratings).split()[-2:] == ["True", "False"]


def test_no_module_takes_the_place_of_a_name():
    """A package whose names are deferred must have no module that is called like one of them."""
    for package in pkgutil.iter_modules(sparserec.__path__, "sparserec."):
        module = importlib.import_module(package.name)
        if not package.ispkg or not callable(getattr(module, "__getattr__", None)):
            continue
        modules = {one.name for one in pkgutil.iter_modules(module.__path__)}
        assert not modules & set(module.__all__), package.name
        for name in module.__all__:
            assert not isinstance(getattr(module, name), types.ModuleType)


@pytest.mark.parametrize("axis", AXES)
def test_settings_are_known_without_their_kind(axis):
    registry = AXES[axis]
    for name in registry.built_in:
        own = getattr(registry[name], "settings", NoSettings)
        assert registry.settings_of(name) is (own if own.section else None), name
