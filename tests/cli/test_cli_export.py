"""`export`: what it says, the lines it ends with, files without users; and models that can't be exported."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sparserec.device import Recommender
from sparserec.runs import Run

WEB = Path(__file__).resolve().parents[2] / "web"

ODD = "it's [bold] 50%#1 é.safetensors"


def lines_between(out: str, first: str, last: str) -> str:
    """The indented lines of an output between two others."""
    block = out.split(first)[1].split(last, maxsplit=1)[0].strip("\n").splitlines()
    assert all(line.startswith("  ") for line in block)
    return "\n".join(line[2:] for line in block)


@pytest.fixture(params=["model.safetensors", ODD])
def exported(sparserec, trained, tmp_path, request, monkeypatch):
    """An exported file in a folder that is the current one, and what `export` said."""
    monkeypatch.chdir(tmp_path)
    code, out, err = sparserec("export", trained[0], "--out", request.param)
    assert (code, err) == (0, "")
    return Path(request.param), out


def test_the_lines_for_python_run(exported, tmp_path):
    program = lines_between(exported[1], "In Python:", "In a page:")
    answer = program.splitlines()[-1]
    done = subprocess.run(
        [sys.executable, "-c", program.replace(answer, f"print(len({answer}))")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "20\n"), done.stderr


def test_the_lines_for_a_page_run(exported, tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node.js 20 or newer: apt-get install nodejs")
    program = lines_between(exported[1], "In a page:", "The quickest page:")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "sparserec").symlink_to(WEB)
    # A page fetches what lies beside it; Node.js has no page, so this stands for its address.
    page = "import { readFileSync } from 'node:fs';\n"
    page += "const base = new URL('./', import.meta.url);\n"
    page += "globalThis.fetch = async (address) => new Response(readFileSync(new URL(address, base)));\n"
    answer = program.splitlines()[-1]
    (tmp_path / "page.mjs").write_text(page + program.replace(answer, f"console.log({answer.rstrip(';')}.length);"))
    done = subprocess.run([node, "page.mjs"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "20\n"), done.stderr


def test_the_quickest_page_is_a_command_for_a_shell(exported, tmp_path):
    command = exported[1].split("The quickest page: ")[1].strip()
    shown = subprocess.run(["bash", "-c", f"printf '%s\\n' {command}"], capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines() == ["sparserec", "web", str(exported[0])]


def test_a_user_table_is_told_and_can_be_left_out(sparserec, trained, ratings, tmp_path):
    run, file = trained
    code, out, _ = sparserec("export", run, "--out", tmp_path / "all")
    assert (
        "It has a row for each of 150 users: every device that gets it has all their ids and tastes; --no-users" in out
    )
    code, out, _ = sparserec("export", run, "--out", tmp_path / "items", "--no-users")
    assert code == 0
    assert "It has no rows for users: tastes come from histories alone" in out
    model, data = Recommender.open(tmp_path / "items"), (tmp_path / "items").read_bytes()
    assert (model.has_users, model.n_users, model.user_ids) == (False, 0, [])
    assert Recommender.open(file).n_users == 150
    assert len(data) < file.stat().st_size
    code, out, _ = sparserec("evaluate", tmp_path / "items", ratings, "--json", "--no-rivals")
    assert code == 0
    code, popular, _ = sparserec("evaluate", tmp_path / "items", ratings, "--json")
    assert json.loads(out)["ndcg@20"] > 0.8 * json.loads(popular)["rivals"]["popularity"]["ndcg@20"]
    # What many took comes first, and weighs least in a history.
    degrees = Run.open(run).split().train.item_degrees()
    order = [model.item_ids.index(name) for name, _ in model.popular(80)]
    ranked = degrees[order]
    assert ranked[:10].min() >= np.sort(degrees)[-20]
    assert ranked[-10:].max() <= np.sort(degrees)[20]


def test_users_cannot_be_left_out_without_the_interactions(sparserec, trained, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(trained[0], run)
    facts = json.loads((run / "data.json").read_text())
    (run / "data.json").write_text(json.dumps(facts | dict.fromkeys(("source", "path"), str(tmp_path / "gone.csv"))))
    code, _, err = sparserec("export", run, "--out", tmp_path / "items", "--no-users")
    assert code == 2
    assert "to leave users out, items are weighted by the run's interactions: " in err
    assert "gone.csv" in err
    assert not (tmp_path / "items").exists()


def test_the_lines_for_onnx_run(sparserec, trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = sparserec("export", trained[1], "--format", "onnx", "--out", "a model.onnx")
    assert (code, err) == (0, "")
    program = "\n".join(line[2:] for line in out.split("In Python:\n")[1].splitlines())
    answer = program.splitlines()[-1]
    program = program.replace(answer, f"print([each.shape for each in {answer}])")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "[(20,), (20,)]\n"), done.stderr


def test_a_model_that_cannot_be_exported_says_so_before_it_trains(sparserec, ratings, tmp_path):
    model = "neumf"
    for words in (("--recipe", model), ("--model", model)):
        code, out, err = sparserec("train", ratings, "--out", tmp_path / "run", *words)
        assert code == 2
        assert " of 4: " not in out  # stages
        assert f"a model of {model} can't be exported" in err
        assert "train one of mf, lightgcn, sasrec, fism" in err
        assert "--no-export" in err
        assert not (tmp_path / "run").exists()
    code, _, err = sparserec("train", tmp_path / "none.csv", "--recipe", model, "--no-export")
    assert code == 2
    assert "none.csv" in err
