"""What an app asks besides the plain list: JavaScript and Python give the same answers, and refuse the same."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from places import ROOT

from sparserec import SparserecError
from sparserec.artefact import TableData, write
from sparserec.device import Recommender
from sparserec.vocabulary import Vocabulary

KINDS = {
    "coded, factors of histories": {"values_dtype": "coded", "factors": ("history",)},
    "coded, users": {"values_dtype": "coded", "users": True},
    "float16": {"values_dtype": "float16"},
    "int8, all factors": {"values_dtype": "int8", "factors": ("history", "item"), "users": True},
    "dense int8": {"values_dtype": "int8", "dense": True, "users": True},
    "coded, ages": {"values_dtype": "coded", "factors": ("history",), "decay": (0.7,)},
    "coded, columns of items": {"values_dtype": "coded", "decay": (0.9, 0.6), "dim": 136},
    "coded, columns and factors": {"values_dtype": "coded", "factors": ("history",), "decay": (0.9, 0.6), "dim": 136},
    "positive, only columns of items": {"values_dtype": "coded", "decay": (0.9, 0.6), "dim": 120, "positive": True},
    "positive, users": {"values_dtype": "coded", "users": True, "factors": ("history",), "positive": True},
    "coded, only columns of items": {"values_dtype": "coded", "decay": (0.9, 0.6), "dim": 120},
    "int8, columns and users": {
        "values_dtype": "int8",
        "factors": ("history", "item"),
        "users": True,
        "decay": (0.9, 0.6),
        "dim": 130,
    },
    "float16, columns": {"values_dtype": "float16", "factors": ("item",), "decay": (1, 0.5), "dim": 121},
}


def written(path, kind: dict, n: int = 120, n_users: int = 30) -> Recommender:
    generator, dim = np.random.default_rng(len(path.name)), kind.get("dim", 16)

    def table(rows: int):
        if kind.get("dense"):
            return generator.normal(size=(rows, dim)).astype(np.float32)
        columns = np.sort(np.argsort(generator.random((rows, dim)), axis=1)[:, :4], axis=1).reshape(-1)
        values = generator.normal(size=rows * 4).astype(np.float32)
        values = np.abs(values) if kind.get("positive") else values
        return TableData(np.arange(0, rows * 4 + 1, 4), columns, values, dim)

    more = {}
    if kind.get("users"):
        more |= {"users": table(n_users), "user_ids": Vocabulary.of(f"u{i}" for i in range(n_users))}
    for name in kind.get("factors", ()):
        more[f"{name}_factors"] = generator.choice([0.25, 0.5, 1], n)
    more |= {"values_dtype": kind["values_dtype"], "age_decay": kind.get("decay")}
    write(path, items=table(n), item_ids=Vocabulary.of(map(str, range(n))), **more)
    return Recommender.open(path)


def questions(users: bool) -> list[tuple[str, dict]]:
    """Method and arguments by their names in Python."""
    asked = [
        ("recommend", {"history": ["3", "4"], "dislikes": ["9", "10", "9"], "k": 120}),
        ("recommend", {"history": ["3", "4"], "dislikes": ["4"], "k": 5, "explain": True}),
        ("recommend", {"dislikes": ["4"], "k": 5}),
        ("recommend", {"history": ["9", "4", "3", "7", "4"], "k": 120}),
        ("recommend", {"history": ["4", "7", "3", "4", "9"], "dislikes": ["7", "5"], "k": 120}),
        ("recommend", {"history": [str(item) for item in range(90, 10, -1)], "k": 120, "exclude_history": False}),
        ("recommend", {"history": ["9", "4", "x", "7", "4"], "dislikes": ["5"], "unknown": "ignore", "explain": True}),
        ("recommend", {"history": ["3", "4", "5"], "exclude_history": False, "k": 120}),
        (
            "recommend",
            {"history": ["3", "4"], "exclude_history": False, "candidates": ["4", "7", "3"], "exclude": ["3"]},
        ),
        ("recommend", {"history": ["x", "3", "y"], "exclude": ["z", "8"], "dislikes": ["w"], "unknown": "ignore"}),
        ("recommend", {"history": ["3"], "candidates": ["z", "8"], "unknown": "ignore"}),
        ("recommend", {"history": ["3"], "candidates": ["z"], "unknown": "ignore"}),
        ("recommend", {"history": ["3"], "exclude": None, "candidates": None, "dislikes": None, "user": None}),
        ("score", {"items": ["7", "3", "7"], "history": ["3", "q"], "dislikes": ["5"], "unknown": "ignore"}),
        ("popular", {}),
        ("popular", {"k": 120, "exclude": ["5", "6"]}),
        ("popular", {"k": 3, "candidates": ["7", "none", "2", "9"], "unknown": "ignore"}),
        ("similar", {"item": "11"}),
        ("similar", {"item": "11", "k": 120, "exclude": ["5", "6"]}),
        ("similar", {"item": "11", "candidates": ["7", "11", "2", "none"], "unknown": "ignore"}),
        ("unknown_items", {"ids": ["3", "x", "y", "x"]}),
        ("has_item", {"name": "3"}),
        ("has_item", {"name": "x"}),
    ]
    if users:
        asked += [
            ("recommend", {"user": "u3", "history": ["3"], "exclude_history": False, "k": 120}),
            ("recommend", {"user": "u3", "dislikes": ["3", "4"], "k": 30}),
            ("recommend", {"user": "u3", "history": ["x"], "unknown": "ignore", "k": 3}),
        ]
    return asked


REFUSED = [
    ("recommend", {"history": ["x", "y", "x"], "unknown": "ignore"}),
    ("recommend", {"history": ["3"], "unknown": "skip"}),
    ("recommend", {"history": [], "unknown": "ignore"}),
    ("recommend", {"history": ["3", "x"]}),
    ("recommend", {"history": ["3"], "dislikes": ["x"]}),
    ("recommend", {"history": ["3"], "exclude": ["x"]}),
    ("recommend", {"history": ["3"], "candidates": ["x"]}),
    ("recommend", {"history": ["3"], "k": 0}),
    ("recommend", {}),
    ("popular", {"k": 0}),
    ("popular", {"unknown": "skip"}),
    ("popular", {"candidates": ["x"]}),
    ("similar", {"item": "x"}),
    ("similar", {"item": "3", "exclude": ["x"]}),
    ("score", {"items": ["x"], "history": ["3"], "unknown": "ignore"}),
]

POSITIONAL = {"score": ["items"], "similar": ["item"], "unknown_items": ["ids"], "has_item": ["name"]}
NAMES = {"exclude_history": "excludeHistory", "unknown_items": "unknownItems", "has_item": "hasItem"}


def answers(node, folder, path, asked) -> list:
    """What JavaScript says to questions in the names of Python."""
    calls = []
    for method, given in asked:
        first = [given[name] for name in POSITIONAL.get(method, [])]
        rest = {NAMES.get(name, name): value for name, value in given.items() if name not in POSITIONAL.get(method, [])}
        calls.append([NAMES.get(method, method), first if method in ("unknown_items", "has_item") else [*first, rest]])
    (folder / "questions.json").write_text(json.dumps(calls))
    return node("questions.mjs", path, folder / "questions.json")


def close(answer, expected) -> bool:
    """Equal, numbers nearly."""
    if isinstance(expected, (list, tuple)):
        return len(answer) == len(expected) and all(map(close, answer, expected))
    return answer == pytest.approx(expected, rel=2e-5, abs=2e-5) if isinstance(expected, float) else answer == expected


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_answers_as_python(node, tmp_path, kind):
    model = written(tmp_path / "model", KINDS[kind])
    asked = questions(KINDS[kind].get("users", False))
    for (method, given), answer in zip(asked, answers(node, tmp_path, tmp_path / "model", asked), strict=True):
        expected = getattr(model, method)(**given)
        if isinstance(expected, np.ndarray):
            expected = expected.tolist()
        elif given.get("explain"):
            expected = [(one.item, one.score, one.because) for one in expected]
        assert close(answer, expected), (method, given)
        if isinstance(expected, list) and KINDS[kind]["values_dtype"] == "coded" and not given.get("explain"):
            assert [tuple(one) if isinstance(one, list) else one for one in answer] == expected, "to the last bit"


def test_the_same_refusals_as_python(node, tmp_path):
    model = written(tmp_path / "model", KINDS["coded, users"])
    for (method, given), answer in zip(REFUSED, answers(node, tmp_path, tmp_path / "model", REFUSED), strict=True):
        with pytest.raises(SparserecError) as error:
            getattr(model, method)(**given)
        assert answer == {"error": str(error.value)}, (method, given)


def test_odd_arguments(node, tmp_path):
    written(tmp_path / "model", KINDS["float16"])
    calls = [["recommend", given] for given in ([], [None], [5], [["3"]], [{"history": 5}], [{"history": "3"}])]
    calls += [["popular", [None]], ["similar", ["3", None]], ["score", [["3"], None]], ["score", [None, None]]]
    (tmp_path / "questions.json").write_text(json.dumps(calls))
    *refused, popular, similar, scored, unlisted = node(
        "questions.mjs", tmp_path / "model", tmp_path / "questions.json"
    )
    assert [answer["error"] for answer in refused[:4]] == ["give a history of item ids"] * 4
    assert [answer["error"] for answer in refused[4:]] == [
        "history: ids come as a list, not as '5'",
        "history: ids come as a list, not as '3'",
    ]
    assert (len(popular), len(similar)) == (20, 20)
    assert scored == {"error": "give a history of item ids"}
    assert unlisted == {"error": "items: ids come as a list, not as 'null'"}


def test_every_source_and_every_type_of_id(node, tmp_path):
    table = TableData(np.arange(4), np.zeros(3, dtype=int), np.array([1, 2, 3], dtype=np.float32), 1)
    ids = Vocabulary.of(["1", "9007199254740992", "9007199254740993"])
    write(tmp_path / "model", items=table, item_ids=ids, values_dtype="float16")
    outcomes = node("sources.mjs", tmp_path / "model")
    refused = {name for name, outcome in outcomes.items() if isinstance(outcome, dict)}
    lost = {"a number that lost digits", "lost digits in hasItem", "lost digits in score"}
    assert refused == lost | {"number", "nothing", "list", "a symbol in the list"}
    for name in lost:
        assert "is beyond 2^53, where numbers lose digits; give it as text or as a BigInt" in outcomes[name]["error"]
    assert outcomes["a BigInt"] == "9007199254740992"
    assert outcomes["its text"] is True
    opened = [outcome for name, outcome in outcomes.items() if name not in refused | {"a BigInt", "its text"}]
    assert opened == ["9007199254740993"] * 9


TEXTS = [
    "i1",
    "undefined",
    "null",
    "true",
    "NaN",
    "None",
    "True",
    "nan",
    "1.5",
    "7",
    "7.0",
    "[object Object]",
    "['i1']",
]
"""Ids that missing values and the like would be, were they taken as texts."""


def with_odd_ids(path) -> Recommender:
    table = TableData(np.arange(len(TEXTS) + 1), np.zeros(len(TEXTS), int), np.ones(len(TEXTS), np.float32), 1)
    ids = Vocabulary.of(TEXTS)
    write(path, items=table, item_ids=ids, users=table, user_ids=ids, values_dtype="float16")
    return Recommender.open(path)


def test_no_other_errors_of_odd_sources_and_ids(node, tmp_path):
    with_odd_ids(tmp_path / "model")
    outcomes = node("odd.mjs", tmp_path / "model")
    gone = "the buffer: its bytes are no longer here, as after a transfer to another window or worker"
    for name in ("a detached buffer", "a view of one", "a data view of one"):
        assert outcomes.pop(name) == {"refused": gone}
    url = "https://example.org/model.safetensors"
    assert outcomes.pop("a request") == {"refused": f"a Request is not sent; give its URL, '{url}', to open"}
    assert [outcomes.pop(f"options {name}") for name in ("null", "undefined")] == [len(TEXTS)] * 2
    ended = outcomes.pop("a request that ended for nothing")
    assert ended == {"refused": "https://example.org/m: cannot be fetched (null)"}
    assert outcomes.pop("no list") == {"refused": "history: ids come as a list, not as 'object'"}
    assert outcomes.pop("no unknown") == {"refused": "unknown must be 'error' or 'ignore', not 'object'"}
    assert outcomes.pop("no k") == {"refused": "k must be a whole number of at least 1, not 'object'"}
    undefined = "item: an id is a text or a whole number, not undefined"
    assert outcomes.pop("nothing similar") == {"refused": undefined}
    assert outcomes.pop("7") == [True] * 4 + [False]
    assert len(outcomes) > 100
    for name, outcome in outcomes.items():
        argument, _, given = name.partition(": ")
        at = f"{argument}: " if argument else ""
        assert outcome == {"refused": f"{at}an id is a text or a whole number, not {given.strip()}"}, name


def asked_with(name) -> list[tuple[str, dict]]:
    """Each way to ask with an id."""
    asked = [("recommend", {"history": ["i1"], argument: [name]}) for argument in ("exclude", "dislikes", "candidates")]
    asked += [("recommend", {"history": [name]}), ("recommend", {"history": [name], "explain": True, "k": 1})]
    asked += [("similar", {"item": name}), ("score", {"items": [name], "history": ["i1"]})]
    asked += [("unknown_items", {"ids": [name]}), ("has_item", {"name": name})]
    return asked if name is None else [*asked, ("recommend", {"user": name})]


OWN = re.compile(r", where (floats|numbers) lose digits|(?<= number), not ")
"""From where on a message is each language's own: it shows what was given."""


@pytest.mark.parametrize("name", [None, True, 1.5, ["i1"], {}, 2.0**53], ids=repr)
def test_the_same_is_no_id_as_in_python(node, tmp_path, name):
    model, asked = with_odd_ids(tmp_path / "model"), asked_with(name)
    for (method, given), answer in zip(asked, answers(node, tmp_path, tmp_path / "model", asked), strict=True):
        with pytest.raises(SparserecError) as error:
            getattr(model, method)(**given)
        assert OWN.split(answer["error"])[0] == OWN.split(str(error.value))[0], (method, given)


@pytest.mark.parametrize("name", ["7", 7, 7.0], ids=repr)
def test_the_same_is_an_id_as_in_python(node, tmp_path, name):
    model, asked = with_odd_ids(tmp_path / "model"), asked_with("7")
    for (method, given), answer in zip(
        asked, answers(node, tmp_path, tmp_path / "model", asked_with(name)), strict=True
    ):
        expected = getattr(model, method)(**given)
        if given.get("explain"):
            expected = [(one.item, one.score, one.because) for one in expected]
        assert close(answer, expected.tolist() if isinstance(expected, np.ndarray) else expected), (method, given)


@pytest.mark.parametrize("page", ["web/README.md", "docs/guide/browser.md"])
def test_the_javascript_of_the_documentation_runs(node, tmp_path, page):
    table = TableData(np.arange(5), np.zeros(4, dtype=int), np.array([1, 2, 3, 4], dtype=np.float32), 1)
    write(tmp_path / "model", items=table, item_ids=Vocabulary.of(["318", "296", "593", "1"]), values_dtype="float16")
    printed = node("guide.mjs", ROOT / page, tmp_path / "model", tmp_path)
    assert [words[:2] for words in printed] == [["1", 12], ["593", 9]]
