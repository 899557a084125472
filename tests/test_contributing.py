"""The recipes of CONTRIBUTING.md, run as they stand there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sparserec.axes import AXES, EXPLORERS, OBJECTIVES, RECOMMENDERS, TEACHERS
from sparserec.interactions import synthetic

PAGE = Path(__file__).resolve().parents[1] / "CONTRIBUTING.md"
RECIPES = dict(re.findall(r"^## (Add an? [^\n]+)\n.*?```python\n(.*?)```", PAGE.read_text(), re.DOTALL | re.MULTILINE))


@pytest.fixture(scope="module")
def catalogue():
    return synthetic(n_users=150, n_items=80, interactions_per_user=15, n_clusters=5, seed=2)[0]


@pytest.fixture
def recipe(catalogue, tmp_path, monkeypatch):
    """Run a recipe in a folder with interactions; its names, after that. Kinds that it registered go again."""
    facts = catalogue.interactions
    pairs = zip(facts.rows(), facts.indices, strict=True)
    (tmp_path / "ratings.csv").write_text("user,item\n" + "".join(f"u{u},i{i}\n" for u, i in pairs))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("builtins.print", lambda *words: None)

    def run(heading):
        code, namespace = RECIPES[heading], {"__name__": "recipe"}
        exec(compile(code, f"CONTRIBUTING.md, {heading}", "exec"), namespace)  # the project's own page
        return namespace

    yield run
    for registry in AXES.values():
        for name in [name for name in registry if name not in registry.built_in]:
            registry.unregister(name)


def test_an_explorer_with_a_drop_score_and_a_setting_of_its_own(recipe):
    run = recipe("Add an explorer")["run"]
    assert run.config.method == "thrift"
    assert run.config.sections["thrift"].favour == 0.5
    assert run.parameters() == 230 * 64 // 10
    assert "thrift" in EXPLORERS


def test_a_recommender_with_a_setting_of_its_own_learns_from_a_teacher(recipe):
    names = recipe("Add a recommender")
    run, taught = names["run"], names["taught"]
    assert (run.best()[0].scale, taught.best()[0].scale) == (0.5, 1.0)
    assert (taught.folder / "teacher.npy").exists()
    losses = [entry["loss"] for entry in taught.log() if "loss" in entry]
    assert losses[-1] < losses[0]
    assert taught.valid_metrics()["ndcg@20"] > 0.1
    assert "nearest" in RECOMMENDERS


def test_a_loss_with_a_setting_of_its_own(recipe):
    names = recipe("Add a loss")
    run = names["run"]
    assert run.config.sections["hinge"].margin == 0.5
    assert run.log()[-1]["loss"] < run.log()[0]["loss"]
    assert "hinge" in OBJECTIVES


def test_a_teacher(recipe):
    run = recipe("Add a teacher")["run"]
    assert run.config.teacher.trained == "neighbours"
    assert run.evaluate("test")["ndcg@20"] > 0.1
    assert "neighbours" in TEACHERS


def test_a_benchmark(tmp_path):
    (tmp_path / "benchmarks").mkdir()
    script = tmp_path / "benchmarks" / "sorting.py"
    script.write_text(RECIPES["Add a benchmark"])
    command = [sys.executable, str(script), "--quick", "--out", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    result = json.loads((tmp_path / "sorting.json").read_text())
    assert [row["length"] for row in result["result"]["rows"]] == [20, 2000]
    assert result["result"]["rounds"] == 10
    assert "sorting.py" in result["command"]
