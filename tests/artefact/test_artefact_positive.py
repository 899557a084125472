"""Values without signs: chosen where none is negative, exact by the formula, and finer at equal bytes."""

from __future__ import annotations

import importlib
from dataclasses import replace

import numpy as np
import pytest
from artefact_tables import sparse
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sparserec import SparserecError
from sparserec.artefact import Rounding, TableData, coded, codes, positive, read, rice, rounding, write
from sparserec.artefact.codes import Code
from sparserec.artefact.delta import delta
from sparserec.artefact.patch import apply
from sparserec.artefact.size import HEADER_EXPECTED
from sparserec.vocabulary import Vocabulary

values_of_any_size = st.lists(
    st.floats(0, 2.0**126, width=32) | st.floats(0.5, 4, width=32), min_size=1, max_size=30
).map(lambda numbers: np.array(numbers, dtype=np.float32))


def ids(n: int) -> Vocabulary:
    return Vocabulary.of(map(str, range(n)))


def decoded(parts: dict[str, np.ndarray], nnz: int) -> np.ndarray:
    odds, half = positive.decode(*(parts[kind] for kind in positive.KINDS), nnz)
    return odds * half


def cut(seed: int = 0, n: int = 400, dim: int = 60, least: float = 0.5) -> TableData:
    """A table cut to its largest values: none is below `least`, but for what a row has at the most."""
    random = np.random.default_rng(seed)
    table = sparse(n, dim, random.integers(1, 9, n), seed)
    values = least + random.exponential(0.5, len(table.values))
    values[table.indptr[:-1][::50]] = 0.01  # of a row in fifty
    return replace(table, values=values.astype(np.float32))


@given(values_of_any_size, st.none() | st.integers(0, coded.GRID), st.integers(0, 5))
@example(np.zeros(3, dtype=np.float32), None, 0)
@example(np.array([0, 2.0**126, 1e-45], dtype=np.float32), 0, 0)
@example(np.array([2.0**126, 2.0**126], dtype=np.float32), 0, 5)
def test_values_come_back_by_the_formula(values, index, more):
    steps = coded.Steps({"items": values})
    step = (steps.usual() if index is None else steps.at(index))["items"]
    whole = positive.whole(values, step)
    largest = int(np.floor(values.astype(float).max() / float(step)))
    least = min(whole + more, largest)
    parts = positive.encode(values, step, least)
    assert {kind: (part.dtype, part.shape) for kind, part in parts.items()} == {
        kind: (part.dtype, part.shape) for kind, part in positive.outline(values, step, least).items()
    }
    back, exact = decoded(parts, len(values)), values.astype(float)
    magnitudes = np.maximum(np.floor(exact / float(step)), least)
    np.testing.assert_array_equal(back, (magnitudes + 0.5) * float(step))
    np.testing.assert_array_equal(Code(step, least).middle(values), back)
    assert np.isfinite(back.astype(np.float32)).all()
    if least == whole:
        assert (np.abs(back - exact) <= float(step) / 2 * (1 + 1e-6)).all()


def test_a_table_by_hand(tmp_path, monkeypatch):
    """The mean is 3, so the step is a half; magnitudes are 4, 8 and 6, so the least is 4."""
    monkeypatch.setattr(positive, "FEWEST", 3)
    items = TableData(np.array([0, 2, 3]), np.array([0, 1, 1]), np.array([2.0, 4.0, 3.0], dtype=np.float32), 2)
    write(tmp_path / "model", items=items, item_ids=Vocabulary.of("ab"), values_dtype="coded")
    artefact = read(tmp_path / "model")
    assert {name: tensor.tolist() for name, tensor in artefact.tensors.items() if "id" not in name} == {
        "items.step": [0.5],
        "items.least": [4],
        "items.gaps_high": [0b1011],
        "items.gaps_low": [],
        "items.excess_high": [0b00100001, 0b1],
        "items.excess_low": [0],
    }
    assert artefact.items.values.tolist() == [9, 17, 13]
    assert (artefact.items.unit, artefact.items.odd) == (0.25, True)
    assert artefact.items.dequantised().tolist() == [2.25, 4.25, 3.25]
    assert (artefact.card.format_version, artefact.card.nnz) == (3, 3)


@pytest.mark.parametrize(("largest", "kind"), [(63, np.int8), (64, np.int16), (16_383, np.int16), (16_384, np.int32)])
@pytest.mark.parametrize("least", [0, 60])
def test_the_narrowest_codes(largest, kind, least):
    values = np.array([largest + 0.5, least + 0.5], dtype=np.float32)
    parts = positive.encode(values, np.float32(1), least)
    odds, half = positive.decode(*(parts[kind] for kind in positive.KINDS), 2)
    assert (odds.tolist(), odds.dtype, half) == ([2 * largest + 1, 2 * least + 1], kind, 0.5)


CHOSEN = {
    "no value below 0": (cut(), True),
    "zeros": (replace(cut(), values=np.zeros_like(cut().values)), True),
    "minus zero": (replace(cut(), values=np.where(cut().values < 0.6, np.float32(-0.0), cut().values)), True),
    "one value below 0": (replace(cut(), values=np.where(np.arange(len(cut().values)) == 5, -1, cut().values)), False),
    "few values": (cut(n=20), False),
}


@pytest.mark.parametrize("case", CHOSEN)
@pytest.mark.parametrize("per_value", [None, 2.0])
def test_where_it_is_chosen(tmp_path, case, per_value):
    table, chosen = CHOSEN[case]
    table = replace(table, values=table.values.astype(np.float32))
    budget = None if per_value is None else int(per_value * len(table.values)) + 1600
    n = len(table.indptr) - 1
    write(tmp_path / "m", items=table, item_ids=ids(n), values_dtype="coded", budget=budget)
    artefact = read(tmp_path / "m")
    assert ("items.least" in artefact.tensors, "items.signs" in artefact.tensors) == (chosen, not chosen)
    assert (artefact.card.format_version == 3) == chosen


def test_each_side_has_its_own_way(tmp_path):
    items, users = cut(), sparse(100, 60, np.full(100, 4), 3)
    more = {"item_ids": ids(400), "user_ids": ids(100), "values_dtype": "coded"}
    for budget in (None, 9_000):
        write(tmp_path / "m", items=items, users=users, budget=budget, **more)
        artefact = read(tmp_path / "m")
        assert {name for name in artefact.tensors if name.endswith(("signs", "least"))} == {
            "items.least",
            "users.signs",
        }
        assert artefact.card.format_version == 3
        for rows, table in ((artefact.items, items), (artefact.users, users)):
            if len(rows.columns) == len(table.columns):
                error = np.abs(rows.dequantised() - table.values)
                assert np.median(error) <= rows.unit * (1 + 1e-5)


def test_without_a_budget_no_value_is_off_by_more_than_half_a_step(tmp_path):
    table = cut()
    write(tmp_path / "m", items=table, item_ids=ids(400), values_dtype="coded")
    rows = read(tmp_path / "m").items
    assert (np.abs(rows.dequantised() - table.values) <= rows.unit * (1 + 1e-5)).all()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32 - 1), st.floats(1.9, 4), st.floats(0, 2))
def test_the_budget_is_kept_and_the_error_is_smaller_than_with_signs(tmp_path, seed, per_value, least):
    table = cut(seed, least=least)
    budget = int(per_value * len(table.values)) + 1500

    def error() -> float:
        report = write(tmp_path / "m", items=table, item_ids=ids(400), values_dtype="coded", budget=budget)
        assert report.total - report.ids <= budget
        rows = read(tmp_path / "m").items
        full = np.zeros((400, 60))
        places = np.repeat(np.arange(400), np.diff(rows.indptr)), rows.columns
        full[places] = rows.dequantised()
        full[np.repeat(np.arange(400), np.diff(table.indptr)), table.columns] -= table.values
        return float((full**2).sum())

    try:
        unsigned = error()
    except SparserecError:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(positive, "suits", lambda _values: False)
        try:
            signed = error()
        except SparserecError:  # with signs it does not fit at all
            return
    assert unsigned <= signed


def test_a_least_magnitude_is_found_where_values_are_far_from_0():
    """1,000 values from 10 to 11 in two bits each: steps are as fine as these bits allow above 10, not above 0."""
    values = (10 + np.random.default_rng(0).random(1000)).astype(np.float32)

    def bytes_with(chosen) -> int:
        return sum(part.nbytes for part in chosen["items"].outline(values).values())

    code = codes.finest({"items": values}, bytes_with, 400)["items"]
    assert code.least * float(code.step) == pytest.approx(10, abs=0.2)
    assert float(code.step) < 0.3
    assert bytes_with({"items": code}) <= 400
    plain = coded.Steps({"items": values})
    alone = coded.finest(lambda index: bytes_with({"items": Code(plain.at(index)["items"], 0)}), 400)
    assert float(code.step) < float(plain.at(alone)["items"]) / 10


def test_the_same_content_gives_the_same_bytes(tmp_path):
    for name in "ab":
        write(tmp_path / name, items=cut(), item_ids=ids(400), values_dtype="coded", budget=5_000)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("share", [0.9, 1.1, 1.5])
def test_rounding_in_the_loop_has_the_values_of_the_file(tmp_path, monkeypatch, share):
    table, factors = cut(5, n=1000), np.exp(np.random.default_rng(6).standard_normal(1000)).astype(np.float32)
    budget = int(share * len(table.values)) + HEADER_EXPECTED
    more = {"item_ids": ids(1000), "history_factors": factors, "values_dtype": "coded"}
    report = write(tmp_path / "m", items=table, budget=budget, **more)
    rows = read(tmp_path / "m").items
    monkeypatch.setattr(importlib.import_module("sparserec.artefact.rounding"), "HEADER_EXPECTED", report.header)
    how = rounding(table, factors, budget)
    expected = how.of(table.values, table.indptr)
    assert (how.magnitude > 0) == (share < 1)  # beyond, it costs more to raise the smallest than it saves
    np.testing.assert_allclose(rows.dequantised(), expected[expected != 0], rtol=1e-3)


def test_rounding_raises_what_is_below_the_least_magnitude():
    values = np.array([0.1, 0.9, 2.6, -0.2], dtype=np.float32)
    rounded = Rounding(step=0.5, least=-1.0, magnitude=1).of(values, np.array([0, 4]))
    assert rounded.tolist() == [0.75, 0.75, 2.75, -0.75]


def test_patches_lead_to_it_and_from_it(tmp_path):
    first, later = cut(), cut()
    later.values[::40] *= 1.5
    signed = replace(first, values=np.where(first.values > 1.5, -first.values, first.values))
    files = []
    for name, table in (("first", first), ("later", later), ("signed", signed)):
        write(tmp_path / name, items=table, item_ids=ids(400), values_dtype="coded")
        files.append((tmp_path / name).read_bytes())
    for old in files:
        for new in files:
            assert apply(old, delta(old, new)) == new
    assert len(delta(files[0], files[1])) < len(files[1]) / 3


def test_numbers_up_to_the_limit():
    most = rice.MOST
    parts = positive.encode(np.array([most, 3], dtype=np.float32), np.float32(1), 3)
    odds, _ = positive.decode(*(parts[kind] for kind in positive.KINDS), 2)
    assert odds.tolist() == [2 * most + 1, 7]
    parts["least"] = np.array([4], dtype=np.uint32)
    with pytest.raises(SparserecError, match=f"'least' and the largest number above it are {most + 1}, above {most}"):
        positive.decode(*(parts[kind] for kind in positive.KINDS), 2)
