"""Files from an earlier day still give the same answers, and today's writer still writes them."""

from __future__ import annotations

import json
import math

import make_golden
import numpy as np
import pytest

from sparserec.artefact import read

kinds = pytest.mark.parametrize("kind", make_golden.FILES)


def expected_of(kind: str) -> list[dict]:
    return json.loads(make_golden.FILES[kind][1].read_text(encoding="utf-8"))


@kinds
def test_the_committed_file_gives_the_expected_answers(kind):
    expected = expected_of(kind)
    assert [case["query"] for case in expected] == make_golden.QUERIES[kind]
    assert make_golden.answers(kind) == expected


@kinds
def test_the_writer_makes_the_same_tensors_in_the_same_places(tmp_path, monkeypatch, kind):
    # The golden files hold all values of their tables.
    monkeypatch.setattr("sparserec.artefact.thinning.SHARES", (0.0,))
    file = make_golden.FILES[kind][0]
    make_golden.make(kind, tmp_path / "today")
    golden, today = read(file), read(tmp_path / "today")
    body = file.read_bytes()[golden.header_bytes :]
    assert (tmp_path / "today").read_bytes()[today.header_bytes :] == body
    assert list(golden.tensors) == list(today.tensors)
    assert [t.dtype for t in golden.tensors.values()] == [t.dtype for t in today.tensors.values()]
    assert [t.shape for t in golden.tensors.values()] == [t.shape for t in today.tensors.values()]
    # Only the version of the package may differ.
    assert golden.card.as_dict() | {"package_version": ""} == today.card.as_dict() | {"package_version": ""}


@kinds
def test_the_expected_scores_follow_from_the_format_alone(kind):
    """The scores of docs/artefact-format.md, computed anew with dense tables and a decoder that goes bit by bit."""
    artefact = read(make_golden.FILES[kind][0])
    tensors, n_items = artefact.tensors, artefact.card.n_items
    items = matrix(artefact.items, tensors, "items")
    users = None if artefact.users is None else matrix(artefact.users, tensors, "users")
    history_factors = np.ones(n_items)
    if "items.history_scale" in tensors:
        codes = naturals(tensors["items.history_low"], tensors["items.history_high"], n_items)
        largest, step = tensors["items.history_scale"].tolist()
        history_factors = np.array([largest * math.exp(-step * code) for code in codes])
    item_factors = tensors.get("items.factors", np.ones(n_items))
    item = artefact.item_ids.index
    for case in expected_of(kind):
        query = case["query"]
        if "user" in query:
            vector = users[artefact.user_ids.index(query["user"])]
        else:
            disliked = [item(name) for name in query.get("dislikes", [])]
            rows = [item(name) for name in query["history"]]
            rows = [row for place, row in enumerate(rows) if row not in [*rows[place + 1 :], *disliked]]
            encoded = "encoder.matrices" in tensors
            vector = last_state(tensors, items[rows]) if encoded else in_history(tensors, items, history_factors, rows)
            for row in disliked if not encoded else []:
                vector = vector - in_history(tensors, items, history_factors, [row])
        scores = items @ vector * item_factors
        chosen = [item(name) for name, _ in case["answer"]]
        np.testing.assert_allclose([score for _, score in case["answer"]], scores[chosen], rtol=1e-5, atol=1e-6)
        left = set(map(item, query["candidates"])) if "candidates" in query else set(range(len(items)))
        left -= set(map(item, [*query.get("exclude", []), *query.get("dislikes", [])]))
        if query.get("exclude_history", True):
            left -= set(map(item, query.get("history", [])))
        assert chosen == sorted(left, key=lambda i, scores=scores: -scores[i])[: query.get("k", 20)]


def in_history(tensors, items: np.ndarray, factors: np.ndarray, rows: list[int]) -> np.ndarray:
    """The vector of a history of distinct items, oldest first."""
    decay = tensors["items.age_decay"].tolist() if "items.age_decay" in tensors else [1]
    ordinary = items.shape[1] - (len(items) if len(decay) == 2 else 0)
    vector = np.zeros(items.shape[1])
    for age, row in enumerate(reversed(rows)):
        vector[:ordinary] += factors[row] * items[row, :ordinary] * decay[0] ** age
        if len(decay) == 2:
            vector[ordinary + row] = decay[1] ** age
    return vector


def last_state(tensors, rows: np.ndarray) -> np.ndarray:
    """The vector that the transformer makes of item rows, oldest first."""
    matrices = tensors["encoder.matrices"].astype(float) * tensors["encoder.scales"].astype(float)[:, None]
    vectors = tensors["encoder.vectors"].astype(float)
    dim = rows.shape[1]
    blocks = (len(vectors) - 2) // 6
    length = len(matrices) - 5 * blocks * dim
    rows = rows[-length:]
    states = rows * math.sqrt(dim) + matrices[length - len(rows) : length]

    def norm(states: np.ndarray, row: int) -> np.ndarray:
        middle = states - states.mean(1, keepdims=True)
        return middle / np.sqrt((middle**2).mean(1, keepdims=True) + 1e-5) * vectors[row] + vectors[row + 1]

    for number in range(blocks):
        first, at = length + 5 * dim * number, 6 * number
        query, key, value, inner, outer = (matrices[first + dim * i : first + dim * (i + 1)] for i in range(5))
        normed = norm(states, at)
        powers = np.tril(np.exp((normed @ query.T) @ (normed @ key.T).T / math.sqrt(dim)))
        states = states + powers / powers.sum(1, keepdims=True) @ (normed @ value.T)
        hidden = np.maximum(norm(states, at + 2) @ inner.T + vectors[at + 4], 0)
        states = states + hidden @ outer.T + vectors[at + 5]
    return norm(states, 6 * blocks)[-1]


@pytest.mark.parametrize(
    ("kind", "version"),
    [
        ("int8", 1),
        ("coded", 1),
        ("ids", 2),
        ("rows", 2),
        ("ages", 3),
        ("columns", 3),
        ("positive", 3),
        ("encoder", 3),
    ],
)
def test_files_of_every_version_are_there(kind, version):
    artefact = read(make_golden.FILES[kind][0])
    assert artefact.card.format_version == version
    parts = {name.partition(".")[2] for name in artefact.tensors}
    assert ({"ids", "id_offsets"} <= parts) == (version != 2)
    assert ("age_decay" in parts) == (kind in ("ages", "columns"))
    assert ({"matrices", "scales", "vectors"} <= parts) == (kind == "encoder")
    assert ({"least", "excess_low", "excess_high"} <= parts) == (kind == "positive")
    assert ({"id_gaps_low", "id_shared_low", "id_rest_high", "id_texts"} <= parts) == (kind == "ids")
    if kind == "rows":
        assert artefact.item_ids.to_list() == [str(row) for row in range(make_golden.N_CODED)]
        assert not any(part.startswith("id") for part in parts)
    if kind == "ids":
        assert artefact.item_ids == make_golden.coded_ids()


def test_the_ids_of_the_file_follow_from_the_format_alone():
    """docs/artefact-format.md, computed anew by a decoder that goes bit by bit."""
    tensors = read(make_golden.FILES["ids"][0]).tensors
    part = {name.removeprefix("items."): tensor for name, tensor in tensors.items() if name.startswith("items.id")}
    low = part["id_gaps_low"]
    count = sum(bits(part["id_gaps_high"]))
    gaps = naturals(np.concatenate((low[:1], low[8:])), part["id_gaps_high"], count)
    numbers = [int.from_bytes(low[1:8].tobytes(), "little")]
    for gap in gaps:
        numbers.append(numbers[-1] + gap + 1)
    n_texts = make_golden.N_CODED - len(numbers)
    shared = naturals(part["id_shared_low"], part["id_shared_high"], n_texts)
    rest = naturals(part["id_rest_low"], part["id_rest_high"], n_texts)
    texts, text, data = [], b"", part["id_texts"].tobytes()
    for same, more in zip(shared, rest, strict=True):
        text, data = text[:same] + data[:more], data[more:]
        texts.append(text.decode())
    assert data == b""
    assert any(shared)
    assert not any(shared[::16])
    assert [*map(str, numbers), *texts] == make_golden.coded_ids().to_list()


def test_the_coded_file_keeps_its_budget():
    file = make_golden.FILES["coded"][0]
    ids = sum(tensor.nbytes for name, tensor in read(file).tensors.items() if "id" in name)
    assert make_golden.BUDGET - 16 < file.stat().st_size - ids <= make_golden.BUDGET


def matrix(rows, tensors, side: str) -> np.ndarray:
    full = np.zeros((rows.n, rows.dim))
    places = np.repeat(np.arange(rows.n), np.diff(rows.indptr)), rows.columns
    if f"{side}.values" in tensors:
        full[places] = tensors[f"{side}.values"]
        return full * tensors[f"{side}.scales"].astype(float)
    if f"{side}.least" in tensors:
        above = naturals(tensors[f"{side}.excess_low"], tensors[f"{side}.excess_high"], len(rows.columns))
        (least,), (step,) = tensors[f"{side}.least"].tolist(), tensors[f"{side}.step"].tolist()
        full[places] = [(least + number + 0.5) * step for number in above]
        return full
    magnitudes = naturals(tensors[f"{side}.magnitudes_low"], tensors[f"{side}.magnitudes_high"], len(rows.columns))
    signs = [-1 if bit else 1 for bit in bits(tensors[f"{side}.signs"])]
    step = float(tensors[f"{side}.step"][0])
    full[places] = [sign * (q + 0.5) * step for sign, q in zip(signs, magnitudes, strict=False)]
    return full


def bits(data) -> list[int]:
    return [int(byte) >> i & 1 for byte in data for i in range(8)]


def naturals(low, high, count: int) -> list[int]:
    shift, low_bits, numbers, above = int(low[0]), bits(low[1:]), [], 0
    for bit in bits(high):
        if bit == 0:
            above += 1
            continue
        first = len(numbers) * shift
        numbers.append((above << shift) + sum(low_bits[first + b] << b for b in range(shift)))
        above = 0
    assert len(numbers) == count
    return numbers
