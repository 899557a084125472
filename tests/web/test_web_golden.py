"""JavaScript and Python give the same answers: on the golden files exactly, on catalogues of every kind closely."""

from __future__ import annotations

import json

import make_golden
import numpy as np
import pytest
from twins import shares

from sparserec.artefact import TableData, write
from sparserec.device import Recommender
from sparserec.vocabulary import Vocabulary


def answers(node, folder, model, queries: list[dict]) -> list:
    (folder / "queries.json").write_text(json.dumps(queries))
    return node("answers.mjs", model, folder / "queries.json")


@pytest.mark.parametrize("kind", make_golden.FILES)
def test_golden_files(node, tmp_path, kind):
    model, expected = make_golden.FILES[kind]
    cases = json.loads(expected.read_text(encoding="utf-8"))
    names = {"exclude_history": "excludeHistory"}
    queries = [{names.get(name, name): value for name, value in case["query"].items()} for case in cases]
    given = answers(node, tmp_path, model, queries)
    for case, answer in zip(cases, given, strict=True):
        assert [name for name, _ in answer] == [name for name, _ in case["answer"]], case["query"]
        np.testing.assert_allclose([s for _, s in answer], [s for _, s in case["answer"]], rtol=1e-6, atol=1e-7)


def random_table(generator, n: int, dim: int, per_row: int) -> TableData:
    columns = np.sort(np.argsort(generator.random((n, dim)), axis=1)[:, :per_row], axis=1).reshape(-1)
    values = generator.normal(size=n * per_row).astype(np.float32)
    return TableData(np.arange(0, n * per_row + 1, per_row), columns, values, dim)


KINDS = {
    "int8": {"values_dtype": "int8"},
    "float16": {"values_dtype": "float16"},
    "coded": {"values_dtype": "coded"},
    "dense int8": {"values_dtype": "int8", "dense": True},
    "dense float16": {"values_dtype": "float16", "dense": True},
    "many columns": {"values_dtype": "coded", "dim": 700},
    "wide magnitudes": {"values_dtype": "coded", "budget": 26_000},
    "widest magnitudes": {"values_dtype": "coded", "spread": 5.0},
    "positive": {"values_dtype": "coded", "positive": True},
    "positive, wide": {"values_dtype": "coded", "positive": True, "spread": 5.0},
    "positive, few bytes": {"values_dtype": "coded", "positive": True, "budget": 6_900},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("users", [False, True])
def test_the_same_top_20_as_python(node, tmp_path, kind, users):
    options = dict(KINDS[kind])
    sign = np.abs if options.pop("positive", False) else np.sign
    dense, dim, spread = options.pop("dense", False), options.pop("dim", 24), options.pop("spread", 1.0)
    generator = np.random.default_rng(len(kind) + users)
    n, n_users = 800, 60

    def table(rows):
        if dense:
            return generator.normal(size=(rows, dim)).astype(np.float32)
        made = random_table(generator, rows, dim, 6)
        return TableData(made.indptr, made.columns, np.exp(spread * made.values) * np.sign(sign(made.values)), dim)

    path = tmp_path / "model.safetensors"
    more = {"users": table(n_users), "user_ids": Vocabulary.of(f"u{i}" for i in range(n_users))} if users else {}
    write(
        path,
        items=table(n),
        item_ids=Vocabulary.of(f"é{i}" if i % 3 else f"a longer id {i}" + "!" * (i % 400) for i in range(n)),
        item_factors=generator.uniform(0.1, 2, n),
        history_factors=generator.uniform(0.1, 2, n),
        **more,
        **options,
    )
    model = Recommender.open(path)
    ids = model.item_ids

    def some(count: int) -> list[str]:
        return [ids[i] for i in generator.choice(n, count, replace=False)]

    queries = [{"history": some(count)} for count in (1, 5, 5, 30, 200)]
    queries += [{"history": some(4) * 2, "k": n}, {"history": some(9), "exclude": some(400), "k": 3}]
    queries += [{"history": some(9), "candidates": some(30) * 2, "exclude": some(10), "k": 40}]
    queries += [{"history": some(2), "candidates": []}]
    explained = [{"history": some(count) * 2, "explain": True, "k": 3} for count in (1, 6)]
    for query, ranked in zip(explained, answers(node, tmp_path, path, explained), strict=True):
        for item, score, because in ranked:
            expected = shares(path, query["history"], item)
            assert dict(because) == {name: pytest.approx(share, rel=1e-6, abs=1e-6) for name, share in expected}
            assert [share for _, share in because] == sorted((share for _, share in because), reverse=True)
            assert sum(share for _, share in because) == pytest.approx(score, rel=1e-4, abs=1e-4)
    if users:
        queries += [{"user": "u3"}, {"user": "u59", "history": some(50), "k": 7}]
    for query, ranked in zip(queries, answers(node, tmp_path, path, queries), strict=True):
        expected = model.recommend(**query)
        np.testing.assert_allclose([s for _, s in ranked], [s for _, s in expected], rtol=1e-5, atol=1e-5)
        assert [name for name, _ in ranked] == [name for name, _ in expected], query
