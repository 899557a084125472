"""A history-based recommender through the command line: nobody has a row of their own."""

import json

import pytest

SETTINGS = ("--holdout", "--recipe", "fism", "--budget", "50B/item", "--dim", 32, "--epochs", 2, "--threads", 1)
BUDGET = 50 * 80


@pytest.fixture
def trained_fism(sparserec, ratings, tmp_path):
    run, file = tmp_path / "run", tmp_path / "model.safetensors"
    code, out, err = sparserec("train", ratings, "--out", run, *SETTINGS, "--set", "batch_size=64")
    assert code == 0, err
    assert "validation NDCG@20" in out
    assert "active parameters" in out
    code, out, err = sparserec("export", run, "--out", file)
    assert code == 0, err
    assert "bytes an item" in out
    return run, file


def test_train_export_evaluate_recommend(sparserec, ratings, trained_fism):
    run, file = trained_fism
    text = (run / "config.toml").read_text()
    for words in ('model = "fism"', 'recipe = "fism"', 'budget = "50B/item"', "dim = 32"):
        assert words in text
    facts = json.loads(sparserec("inspect", file, "--json")[1])
    assert facts["bytes"]["total"] == file.stat().st_size
    assert facts["bytes"]["total"] - facts["bytes"]["ids"] <= BUDGET
    assert not [tensor["name"] for tensor in facts["tensors"] if tensor["name"].startswith("users")]
    assert facts.get("bytes_per_user") is None
    assert sparserec("inspect", file)[0] == 0
    code, out, err = sparserec("evaluate", run, ratings, "--json")
    assert code == 0, err
    from_run = json.loads(out)
    code, out, err = sparserec("evaluate", file, ratings, "--json")
    assert code == 0, err
    assert json.loads(out)["ndcg@20"] == pytest.approx(from_run["ndcg@20"], rel=0.1)
    assert json.loads(out)["users"] == from_run["users"]


def test_a_new_user_gets_recommendations_and_a_known_one_is_asked_for_a_history(sparserec, trained_fism):
    _, file = trained_fism
    code, out, err = sparserec("recommend", file, "--history", "m3, m41, m17", "-k", 5, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert len(found) == 5
    assert not {"m3", "m41", "m17"} & {entry["item"] for entry in found}
    scores = [entry["score"] for entry in found]
    assert scores == sorted(scores, reverse=True)
    again = json.loads(sparserec("recommend", file, "--history", "m17,m3,m41,m3", "-k", 5, "--json")[1])
    assert [entry["item"] for entry in again] == [entry["item"] for entry in found]
    code, out, err = sparserec("recommend", file, "--user", "u7")
    assert code == 2
    assert "no user table" in err
    assert "Traceback" not in err
    code, _, err = sparserec("recommend", file, "--history", "m3,nothing")
    assert code == 2
    assert "nothing" in err


def test_a_run_is_resumed_and_another_one_is_not_written_over(sparserec, ratings, trained_fism):
    run, file = trained_fism
    code, _, err = sparserec("train", ratings, "--out", run, *SETTINGS, "--set", "batch_size=64", "-q")
    assert code == 2
    assert "holds a run already" in err
    code, _, err = sparserec("train", ratings, "--out", run, *SETTINGS, "--set", "batch_size=64", "-q", "--resume")
    assert code == 0, err
    again = file.with_name("again.safetensors")
    sparserec("export", run, "--out", again)
    assert again.read_bytes() == file.read_bytes()
    code, _, err = sparserec("train", ratings, "--out", run, *SETTINGS, "--set", "teacher.power=0.5", "-q", "--resume")
    assert code == 2
    assert "another configuration" in err


def test_the_start_alone(sparserec, ratings, tmp_path):
    run, file = tmp_path / "run", tmp_path / "model.safetensors"
    code, out, err = sparserec(
        "train", ratings, "--out", run, "--recipe", "spectral", "--dim", 32, "--budget", "50B/item", "--holdout"
    )
    assert code == 0, err
    assert "The start is the result, as epochs is 0: validation NDCG@20" in out
    assert sparserec("export", run, "--out", file)[0] == 0
    assert json.loads(sparserec("evaluate", file, ratings, "--json")[1])["ndcg@20"] > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--model", "mf", "--set", "loss=list-regression"), "needs model fism"),
        (("--recipe", "fism", "--budget", "50B/item", "--method", "dense"), "fism has sparse tables only"),
        (("--recipe", "fism", "--budget", "50B/item", "--init", "nmf"), "spectral or random"),
        (("--recipe", "fism", "--set", "teacher.strength=1"), "teacher.strength"),
    ],
)
def test_what_cannot_work_is_one_line(sparserec, ratings, tmp_path, listing, options, message):
    code, _, err = sparserec("train", ratings, "--out", tmp_path / "run", "--dim", 32, *options, "-q")
    assert code == 2
    assert message in err
    assert "Traceback" not in err
    assert not listing(tmp_path)
