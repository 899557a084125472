"""Options about reading: every verb that reads has all of them, and refusals name them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from sparserec.cli.reading import OPTIONS

TRAIN = ("--model", "mf", "--dim", 8, "--epochs", 1, "--density", 0.5, "--quiet", "--set", "batch_size=256")


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """A log without a header: user, item, stars, event."""
    from sparserec.interactions import synthetic

    data = synthetic(n_users=60, n_items=40, interactions_per_user=12, n_clusters=4, seed=1)[0].interactions
    path = tmp_path_factory.mktemp("log") / "events.dat"
    rows = zip(data.rows().tolist(), data.indices.tolist(), strict=True)
    lines = [f"u{u}::i{i}::{1 + n % 5}::{('buy', 'view')[n % 7 == 0]}" for n, (u, i) in enumerate(rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


READING = ("--no-header", "--user", 1, "--item", "2", "--rating", 3, "--min-rating", 2, "--where", "\"4\" = 'buy'")


@pytest.mark.parametrize("verb", [("train",), ("evaluate",), ("data", "describe"), ("data", "split")])
def test_every_verb_that_reads_has_all_options(sparserec, verb):
    code, out, _ = sparserec(*verb, "--help")
    assert code == 0
    for name in OPTIONS:
        spelled = "--read-as" if (name, verb) == ("format", ("data", "split")) else "--" + name.replace("_", "-")
        assert spelled in out, (verb, name)


def test_a_log_without_header_all_the_way(sparserec, log, tmp_path):
    code, out, err = sparserec("data", "describe", log, *READING, "--json")
    assert code == 0, err
    facts = json.loads(out)
    assert facts["left_out"].keys() == {"where", "rating"}
    assert facts["rows"] == facts["interactions"] + sum(facts["left_out"].values())
    run = tmp_path / "run"
    code, _, err = sparserec("train", log, "--out", run, *TRAIN, *READING)
    assert code == 0, err
    for data in ((), (log,), (log, *READING)):  # a run knows its data, and how it was read
        code, out, err = sparserec("evaluate", run, *data, "--json")
        assert code == 0, err
        assert json.loads(out)["users"] > 0
    code, _, err = sparserec("evaluate", run, log, "--min-rating", 5)
    assert code == 2
    assert "other data" in err
    code, out, err = sparserec("data", "split", log, "--out", tmp_path / "parts", "--read-as", "delimited", *READING)
    assert code == 0, err
    assert "rows that the condition leaves out" in out


def test_the_readmes_lines(ratings, sparserec, tmp_path):
    """A data set that was filtered on loading, trained in Python, evaluated on the command line and by its run."""
    import sparserec as package

    data = package.load(ratings, min_rating=4)
    run = package.train(data, tmp_path / "run", model="mf", dim=8, epochs=1, density=0.5, batch_size=256)
    found = run.evaluate("test").as_dict()
    code, out, err = sparserec("evaluate", tmp_path / "run", ratings, "--json")
    assert code == 0, err
    assert json.loads(out)["ndcg@20"] == pytest.approx(found["ndcg@20"])
    assert package.Run.open(tmp_path / "run").evaluate().as_dict() == found


def test_refusals_name_options(sparserec, log, tmp_path):
    code, _, err = sparserec("data", "describe", log)
    assert code == 2
    assert "--no-header --user 1 --item 2" in err
    assert "header=" not in err
    (tmp_path / "x.csv").write_text("user,item,rating\n1,2,3\n,2,3\n")
    assert "--missing drop" in sparserec("data", "describe", tmp_path / "x.csv")[2]
    assert (
        "--min-rating 9" in sparserec("data", "describe", tmp_path / "x.csv", "--missing", "drop", "--min-rating", 9)[2]
    )
    assert "missing must be error, drop or text" in sparserec("data", "describe", log, "--missing", "maybe")[2]


def test_what_was_left_out_is_printed(sparserec, tmp_path):
    (tmp_path / "x.csv").write_text("user,item,time\n1,2,3\n,2,3\n4,5,soon\n")
    code, out, _ = sparserec("data", "describe", tmp_path / "x.csv", "--missing", "drop")
    assert code == 0
    assert "3 rows read; 1 row without an id passed over" in out
    assert "x.csv:4: column 'time' is not a timestamp here" in out
    assert (
        "read without timestamps"
        not in sparserec("data", "describe", tmp_path / "x.csv", "--missing", "drop", "--no-timestamps")[1]
    )


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes on Linux")
@pytest.mark.parametrize("name", [b"caf\xc3\xa9.csv", b"caf\xe9.csv"])
def test_odd_names_in_an_ascii_locale(tmp_path, name):
    raw = os.fsencode(tmp_path) + b"/" + name
    with open(raw, "wb") as file:
        file.write(b"user,item\n1,2\n3,4\n")
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-c", "from sparserec.cli import main; main()", "data", "describe"]
    for more, code in ((b"", 0), (b".gone", 2)):
        found = subprocess.run([*command, raw + more], env=os.environ | plain, capture_output=True, check=False)
        assert found.returncode == code, found.stderr
        assert b"Traceback" not in found.stderr
        assert b"caf" in found.stdout + found.stderr
