"""Every recommender and method from the command line: train, go on, evaluate, export."""

import json

import pytest

QUICK = ("--holdout", "--dim", 16, "--density", 0.3, "--quiet", "--set", "n_negatives=32", "--threads", 1)


@pytest.mark.parametrize(
    ("model", "method", "batch"),
    [
        ("mf", "dsl", 256),
        ("lightgcn", "dsl", 512),
        ("lightgcn", "magnitude", 512),
        ("neumf", "pep", 256),
        ("neumf", "sparserec", 256),
        ("sasrec", "sparserec", 16),
    ],
)
def test_train_evaluate_and_export(sparserec, ratings, tmp_path, model, method, batch):
    run, file = tmp_path / "run", tmp_path / "model.safetensors"
    call = ["train", ratings, "--out", run, "--model", model, "--method", method, "--epochs", 2, *QUICK, "--no-export"]
    code, _, err = sparserec(*call, "--set", f"batch_size={batch}")
    assert code == 0, err
    assert sparserec(*call, "--set", f"batch_size={batch}", "--resume")[0] == 0  # nothing left to do
    code, out, err = sparserec("evaluate", run, ratings, "--json")
    assert code == 0, err
    from_run = json.loads(out)
    assert from_run["ndcg@20"] > 0
    code, _, err = sparserec("export", run, "--out", file)
    if model == "neumf":
        assert code == 2
        assert "can't be exported" in err
        assert not file.exists()
        return
    assert code == 0, err
    code, out, err = sparserec("evaluate", file, ratings, "--json")
    assert code == 0, err
    assert json.loads(out)["ndcg@20"] > 0.5 * from_run["ndcg@20"]
    code, out, err = sparserec("recommend", file, "--history", "m1,m2", "-k", 3, "--json")
    assert code == 0, err
    code, out, err = sparserec("inspect", file, "--json")
    assert (json.loads(out)["bytes"]["encoder"] > 0) == (model == "sasrec")


def test_settings_of_one_recommender_are_checked_for_all(sparserec, ratings, tmp_path, listing):
    for more, word in (
        (["--set", "hidden=[]"], "hidden"),
        (["--set", "hidden=[0]"], "hidden.0"),
        (["--set", "layers=-1"], "layers"),
    ):
        code, _, err = sparserec("train", ratings, "--out", tmp_path / "run", "--model", "neumf", *QUICK, *more)
        assert code == 2
        assert word in err
    assert listing(tmp_path) == []
