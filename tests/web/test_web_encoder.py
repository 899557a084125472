"""Files with a transformer: in the browser as in Python, to within 1e-5, and on the page."""

from __future__ import annotations

import json

import numpy as np
import pytest
from encoders import encoded_file
from page_driver import demo_page

from sparserec import SparserecError
from sparserec.page import Title, write_page

FILES = {
    "coded": {"values_dtype": "coded"},
    "int8": {"values_dtype": "int8", "blocks": 1},
    "float16": {"values_dtype": "float16", "blocks": 3},
    "dense int8": {"dense": True},
    "dense float16": {"dense": True, "values_dtype": "float16"},
    "long": {"length": 150, "n": 300, "dim": 9},
    "one column": {"dim": 1, "n": 30},
    "one item": {"n": 1},
    "wide": {"dim": 70, "n": 900, "length": 50},
}


def asked(node, folder, calls: list) -> list:
    (folder / "questions.json").write_text(json.dumps(calls))
    return node("questions.mjs", folder / "m", folder / "questions.json")


def close(given: list, expected: list) -> None:
    """The same items where scores are further apart than rounding goes, and the same scores."""
    scores = np.array([score for _, score in expected])
    np.testing.assert_allclose([score for _, score in given], scores, rtol=1e-5, atol=1e-6)
    apart = np.diff(scores, prepend=np.inf, append=-np.inf) < -1e-4
    for place, (one, other) in enumerate(zip(given, expected, strict=True)):
        if apart[place] and apart[place + 1]:
            assert one[0] == other[0]


@pytest.mark.parametrize("kind", FILES)
def test_the_same_answers_as_python(node, tmp_path, kind):
    model = encoded_file(tmp_path / "m", **FILES[kind])
    random, n, calls, expected = np.random.default_rng(1), model.n_items, [], []
    for size in (1, 2, 4, 5, 6, 60, 290):
        history = [str(row) for row in random.integers(0, n, min(size, n))]
        every = [*map(str, range(n))]
        calls += [["recommend", [{"history": history, "k": 20}]], ["score", [every, {"history": history}]]]
        expected += [model.recommend(history, k=20), model.score(every, history)]
    history = [str(row) for row in random.permutation(n)[:4]]
    calls.append(["recommend", [{"history": history, "dislikes": history[:1][: n - 1], "excludeHistory": False}]])
    expected.append(model.recommend(history, dislikes=history[:1][: n - 1], exclude_history=False))
    calls += [["popular", [{"k": 20}]], ["similar", [history[0], {"k": 20}]]]
    expected += [model.popular(20), model.similar(history[0], 20)]
    for call, given, answer in zip(calls, asked(node, tmp_path, calls), expected, strict=True):
        if call[0] == "score":
            np.testing.assert_allclose(given, answer, rtol=1e-5, atol=1e-5)
        else:
            close(given, answer)


QUESTIONS = [
    {"history": ["1"], "explain": True},
    {"history": []},
    {},
    {"user": "7"},
    {"history": ["1"], "dislikes": ["1"]},
    {"history": ["x"], "unknown": "ignore"},
]


def test_the_same_refusals_as_python(node, tmp_path):
    model = encoded_file(tmp_path / "m")
    for question, given in zip(QUESTIONS, asked(node, tmp_path, [["recommend", [q]] for q in QUESTIONS]), strict=True):
        with pytest.raises(SparserecError) as caught:
            model.recommend(**question)
        assert given == {"error": str(caught.value).replace("explain=True", "explain")}, question
    assert node("ordered.mjs", tmp_path / "m") is True


def test_the_page_has_no_reasons_and_a_history_in_order(chromium, tmp_path):
    model = encoded_file(tmp_path / "model.safetensors", n=40, dim=8)
    names = {name: Title(f"Film {int(name):02d}", "") for name in model.item_ids}
    write_page(tmp_path / "model.safetensors", tmp_path / "page", names, "A sequence")
    with demo_page(chromium, tmp_path / "profile", (tmp_path / "page" / "index.html").as_uri()) as demo:
        for number in ("10", "30", "25"):
            demo.pick(f"Film {number}")
        assert demo.recommended() == [item for item, _ in model.recommend(["10", "30", "25"])]
        assert demo.recommended() != [item for item, _ in model.recommend(["25", "30", "10"])]
        assert demo.texts("because") == []
