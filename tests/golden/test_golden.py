"""A file from an earlier day still gives the same answers, and today's writer still writes it."""

from __future__ import annotations

import json

import make_golden
import numpy as np

from sparserec.artefact import read


def test_the_committed_file_gives_the_expected_answers():
    expected = json.loads(make_golden.EXPECTED.read_text(encoding="utf-8"))
    assert [case["query"] for case in expected] == make_golden.QUERIES
    assert make_golden.answers(make_golden.FILE) == expected


def test_the_writer_makes_the_same_tensors_in_the_same_places(tmp_path):
    make_golden.make(tmp_path / "today")
    golden, today = read(make_golden.FILE), read(tmp_path / "today")
    body = make_golden.FILE.read_bytes()[golden.header_bytes :]
    assert (tmp_path / "today").read_bytes()[today.header_bytes :] == body
    assert list(golden.tensors) == list(today.tensors)
    assert [t.dtype for t in golden.tensors.values()] == [t.dtype for t in today.tensors.values()]
    assert [t.shape for t in golden.tensors.values()] == [t.shape for t in today.tensors.values()]
    # Only the version of the package may differ.
    assert golden.card.as_dict() | {"package_version": ""} == today.card.as_dict() | {"package_version": ""}


def test_the_expected_scores_follow_from_the_format_alone():
    """The scores of docs/artefact-format.md, computed anew with dense tables."""
    artefact = read(make_golden.FILE)
    items, users = (matrix(rows) for rows in (artefact.items, artefact.users))
    item, user = artefact.item_ids.index, artefact.user_ids.index
    for case in json.loads(make_golden.EXPECTED.read_text(encoding="utf-8")):
        query = case["query"]
        if "user" in query:
            vector = users[user(query["user"])]
        else:
            rows = [item(name) for name in query["history"]]
            vector = artefact.items.history_factors[rows].astype(float) @ items[rows]
        scores = items @ vector * artefact.items.factors
        chosen = [item(name) for name, _ in case["answer"]]
        np.testing.assert_allclose([score for _, score in case["answer"]], scores[chosen], rtol=1e-5, atol=1e-7)
        left = set(map(item, query["candidates"])) if "candidates" in query else set(range(len(items)))
        left -= set(map(item, [*query.get("history", []), *query.get("exclude", [])]))
        assert chosen == sorted(left, key=lambda i, scores=scores: -scores[i])[: query.get("k", 20)]


def matrix(rows) -> np.ndarray:
    full = np.zeros((rows.n, rows.dim))
    full[np.repeat(np.arange(rows.n), np.diff(rows.indptr)), rows.columns] = rows.values
    return full * rows.scales.astype(float)
