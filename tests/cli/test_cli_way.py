"""The whole way through the command line: every verb, as the README shows it."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest


def test_train_evaluate_export_inspect_recommend(sparserec, ratings, tmp_path, quick):
    run, file = tmp_path / "run", tmp_path / "model.safetensors"
    code, out, _ = sparserec("train", ratings, "--out", run, "--density", 0.3, *[a for a in quick if a != "--quiet"])
    assert code == 0
    assert re.search(r"^Trained for 2 epochs; epoch \d was best: validation NDCG@20 0\.\d{4}", out, re.MULTILINE)
    assert re.search(r"trained on .*; it has [\d,]+ active parameters", out)
    code, out, _ = sparserec("evaluate", run, ratings, "--json", "-k", 5, "-k", 20)
    values = json.loads(out)
    assert {"recall@5", "recall@20", "ndcg@20", "users", "skipped"} <= values.keys()
    assert json.loads((run / "metrics.json").read_text())["test"]["ndcg@20"] == values["ndcg@20"]
    code, out, _ = sparserec("export", run, "--out", file)
    assert code == 0
    assert "bytes an item" in out
    code, out, _ = sparserec("inspect", file, "--json")
    facts = json.loads(out)
    assert facts["bytes"]["total"] == file.stat().st_size
    code, out, _ = sparserec("evaluate", file, ratings, "--json")
    assert json.loads(out)["ndcg@20"] == pytest.approx(values["ndcg@20"], rel=0.1)  # int8
    code, out, _ = sparserec("recommend", file, "--history", "m1, m2", "-k", 3, "--json")
    found = json.loads(out)
    assert len(found) == 3
    assert not {"m1", "m2"} & {entry["item"] for entry in found}
    code, out, _ = sparserec("recommend", file, "--user", "u7", "-k", 3)
    assert code == 0
    assert "score" in out
    code, out, _ = sparserec("recommend", file, "--user", "u7", "-k", 1, "--json")
    best = json.loads(out)[0]["item"]
    code, out, _ = sparserec("recommend", file, "--user", "u7", "--history", best, "-k", 1, "--json")
    assert code == 0
    assert json.loads(out)[0]["item"] != best


def test_a_run_is_evaluated_on_validation(sparserec, ratings, trained):
    code, out, _ = sparserec("evaluate", trained[0], ratings, "--split", "valid", "--json")
    assert code == 0
    assert json.loads(out)["users"] > 0


def test_inspect_prints_tables(sparserec, trained):
    code, out, _ = sparserec("inspect", trained[1])
    assert code == 0
    for words in ("items.values", "bytes", "model card", "sha256"):
        assert words in out


def test_describe_and_split(sparserec, ratings, tmp_path):
    code, out, _ = sparserec("data", "describe", ratings, "--json")
    assert code == 0
    assert json.loads(out)["users"] == 150
    code, out, _ = sparserec("data", "describe", ratings)
    assert "users" in out
    code, out, _ = sparserec("data", "split", ratings, "--kind", "leave-last", "--out", tmp_path / "parts")
    assert code == 0
    assert "training" in out
    code, _, _ = sparserec("data", "describe", tmp_path / "parts")
    assert code == 0


def test_a_split_of_numbers_keeps_its_time_stamps_as_tsv(sparserec, tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("user,item,time\n" + "".join(f"{u},{i},{10 * u + i}\n" for u in range(9) for i in range(6)))
    times = {}
    for form in ("auto", "tsv"):
        code, _, err = sparserec(
            "data", "split", path, "--kind", "leave-last", "--format", form, "--out", tmp_path / form
        )
        assert code == 0, err
        times[form] = json.loads(sparserec("data", "describe", tmp_path / form, "--json")[1])["timestamps"]
    assert times == {"auto": None, "tsv": {"first": 0, "last": 84}}


@pytest.mark.parametrize("epochs", [0, 2])
def test_a_run_without_a_validation_part(sparserec, tmp_path, epochs):
    path = tmp_path / "r.csv"
    path.write_text("user,item\n" + "".join(f"u{u},i{(u * k) % 37}\n" for u in range(50) for k in range(1, 4)))
    options = ("--model", "mf", "--dim", 4, "--density", 0.5, "--epochs", epochs, "--set", "n_negatives=8")
    code, out, err = sparserec("train", path, "--out", tmp_path / "run", *options)
    assert code == 0, err
    assert "not validated" in out
    assert sparserec("evaluate", tmp_path / "run", path)[0] == 0
    assert sparserec("export", tmp_path / "run", "--out", tmp_path / "file")[0] == 0


@pytest.mark.parametrize("verb", ["", "demo", "train", "evaluate", "export", "recommend", "inspect", "data describe"])
def test_help_has_examples(sparserec, verb):
    code, out, _ = sparserec(*verb.split(), "--help")
    assert code == 0
    assert "sparserec" in out
    if verb:
        assert "Examples" in out


def test_version(sparserec):
    import sparserec as package

    assert sparserec("--version")[1].strip() == package.__version__


def test_settings_by_name_reach_the_run(sparserec, ratings, tmp_path, quick):
    def train(budget):
        options = ("--method", "set", "--init", "random", "--seed", 3, "--min-rating", 4, "--split", "leave-last")
        settings = ("--set", "exploration.rounds=1", "--set", "lr=0.01", "--budget", budget)
        return sparserec("train", ratings, "--out", tmp_path / "run", *quick, *options, *settings)

    code, _, err = train("20B/item")
    assert code == 2  # the file's fixed parts alone are larger than 20 bytes for each of 80 items
    assert "too small" in err
    code, _, err = train("90B/item")
    assert code == 0, err
    text = (tmp_path / "run" / "config.toml").read_text()
    for words in (
        'method = "set"',
        'init = "random"',
        'budget = "90B/item"',
        "seed = 3",
        "min_rating = 4",
        "rounds = 1",
    ):
        assert words in text


def test_a_configuration_file_gives_the_same_run(sparserec, ratings, trained, tmp_path):
    code, _, err = sparserec(
        "train", ratings, "--out", tmp_path / "again", "--config", trained[0] / "config.toml", "-q"
    )
    assert code == 0, err
    sparserec("export", tmp_path / "again", "--out", tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == trained[1].read_bytes()


def test_interrupted_then_resumed(ratings, tmp_path, quick):
    command = [sys.executable, "-c", "from sparserec.cli import main; main()", "train", str(ratings), "--out"]
    quick = [str(a) for a in quick if a != "--quiet"]
    settings = [*quick, "--density", "0.3", "--epochs", "400", "--set", "patience=400", "--set", "data.valid_users=1.0"]
    run = tmp_path / "run"
    with subprocess.Popen([*command, str(run), *settings], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 120
        while not (run / "best.safetensors").exists() and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert b"can be used as it is" in err
    assert err.rstrip().endswith(b"--resume")
    assert not [name for name in os.listdir(run) if name.endswith(".part")]
    from sparserec.runs import Run

    assert len(Run.open(run).log()) < 400


def test_demo(sparserec, tmp_path, monkeypatch):
    from sparserec.cli import demo

    monkeypatch.setattr(demo, "OURS", {"epochs": 1, "dim": 64, "teacher": {"epochs": 1, "ease": 0.0}})
    monkeypatch.setattr(demo, "DENSE", {**demo.DENSE, "epochs": 1})
    code, out, _ = sparserec("demo", "--out", tmp_path)
    assert code == 0
    for words in ("popularity", "default recipe", "recall@20", "bytes/item", "recommends"):
        assert words in out
    assert "\nThe default recipe:\n" in out
    assert "\\" not in out  # control characters are written out where text is not ours
    assert re.search(r"of 1[34]: once more, on everything", out)  # the default recipe, without EASE here
    assert (tmp_path / "model.safetensors").exists()


def test_whoever_interrupts_any_command_is_told(trained, ratings):
    """Early, while it is loaded, and later."""
    begun = "from sparserec.cli import main; print('begun', flush=True); main()"
    for wait in (0.05, 1.0):
        command = [sys.executable, "-c", begun, "evaluate", str(trained[0]), str(ratings)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(wait)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
        if process.returncode != 0:  # it was not over before
            assert (process.returncode, err.decode().split()[-1:]) == (130, ["interrupted"]), err
