"""`evaluate` says whether a model is any good."""

from __future__ import annotations

import json

import pytest

from sparserec.evaluation import Popularity, evaluate
from sparserec.runs import Run


def test_popularity_and_neighbours_beside_the_model(sparserec, trained, ratings):
    run, file = trained
    for model in (run, file):
        code, out, _ = sparserec("evaluate", model, ratings)
        assert code == 0
        assert all(word in out for word in ("model", "popularity", "neighbours", "ndcg@20"))
        assert "chosen on the validation part" in out
        assert "by ndcg@20 the model is" in out
        code, out, _ = sparserec("evaluate", model, ratings, "--no-rivals")
        assert code == 0
        assert "neighbours" not in out


def test_rivals_in_json_and_in_python(sparserec, trained, ratings):
    opened = Run.open(trained[0])
    code, out, _ = sparserec("evaluate", trained[0], ratings, "--json", "-k", 5, "-k", 10)
    values = json.loads(out)
    assert code == 0
    compared = opened.compare("test", (5, 10))
    assert list(compared) == ["model", "popularity", "neighbours"]
    assert compared["model"].as_dict() == {name: value for name, value in values.items() if name != "rivals"}
    for name, rival in values["rivals"].items():
        assert rival == {**compared[name].as_dict(), "note": compared[name].note}
    split = opened.split()
    history = split.history("test")
    learned = Popularity(split.train, history.n_items)  # as the model, which has not seen the validation part
    expected = evaluate(learned, history, split.test, ks=(5, 10))
    assert compared["popularity"].as_dict() == expected.as_dict()
    code, out, _ = sparserec("evaluate", trained[0], ratings, "--json", "--no-rivals")
    assert (code, "rivals" in json.loads(out)) == (0, False)


@pytest.mark.parametrize("part", ["valid", "test"])
def test_what_was_taken_can_be_ranked(sparserec, trained, ratings, part):
    """Training items score high, so held-out ones come later where they are ranked too."""
    figures = []
    for words in ((), ("--no-exclude-history",)):
        code, out, _ = sparserec("evaluate", trained[0], ratings, "--split", part, "--json", *words)
        assert code == 0
        figures.append(json.loads(out))
    assert figures[1]["ndcg@20"] < figures[0]["ndcg@20"]
    assert figures[1]["rivals"]["popularity"]["ndcg@20"] < figures[0]["rivals"]["popularity"]["ndcg@20"]
