"""Coded values and history factors: to within their steps, exactly by the formula, and within a budget."""

from __future__ import annotations

import math

import numpy as np
import pytest
from artefact_tables import sparse
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sparserec import SparserecError
from sparserec.artefact import TableData, coded, history, read, sparse_file_bytes, write
from sparserec.vocabulary import Vocabulary

largest_float = float(np.finfo(np.float32).max)
values_of_any_size = st.lists(
    st.floats(-(2.0**126), 2.0**126, width=32) | st.floats(-4, 4, width=32), min_size=1, max_size=30
).map(lambda numbers: np.array(numbers, dtype=np.float32))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("coded")


def ids(n: int) -> Vocabulary:
    return Vocabulary.of(map(str, range(n)))


def decoded(parts: dict[str, np.ndarray], nnz: int) -> np.ndarray:
    codes, half = coded.decode(*(parts[kind] for kind in coded.KINDS), nnz)
    return codes * half


@given(values_of_any_size, st.none() | st.integers(0, coded.GRID))
@example(np.zeros(3, dtype=np.float32), None)
@example(np.array([-0.0, 2.0**126, 1e-45], dtype=np.float32), 0)
@example(np.array([-0.0, 2.0**126, 1e-45], dtype=np.float32), coded.GRID)
def test_values_come_back_by_the_formula_and_within_half_a_step(values, index):
    steps = coded.Steps({"items": values})
    step = (steps.usual() if index is None else steps.at(index))["items"]
    parts = coded.encode(values, step)
    assert step.dtype == np.float32
    assert {kind: (part.dtype, part.shape) for kind, part in parts.items()} == {
        kind: (part.dtype, part.shape) for kind, part in coded.outline(values, step).items()
    }
    back, exact = decoded(parts, len(values)), values.astype(float)
    signs = np.where(values < 0, -1, 1)
    np.testing.assert_array_equal(back, signs * (np.floor(np.abs(exact) / float(step)) + 0.5) * float(step))
    assert (np.abs(back - exact) <= float(step) / 2 * (1 + 1e-6)).all()
    assert np.isfinite(back.astype(np.float32)).all()
    if index == coded.GRID:
        assert (np.abs(back) == float(step) / 2).all()


def test_a_table_by_hand(folder):
    """The mean absolute value is 3, so the step is a half; magnitudes are 2, 8 and 7."""
    items = TableData(np.array([0, 2, 3]), np.array([0, 1, 1]), np.array([-1.0, 4.3, 3.7], dtype=np.float32), 2)
    write(folder / "model", items=items, item_ids=Vocabulary.of("ab"), values_dtype="coded")
    artefact = read(folder / "model")
    assert {name: tensor.tolist() for name, tensor in artefact.tensors.items() if "id" not in name} == {
        "items.step": [0.5],
        "items.gaps_high": [0b1011],
        "items.gaps_low": [],
        "items.magnitudes_high": [0b101001],
        "items.magnitudes_low": [2, 0b110010],
        "items.signs": [1],
    }
    assert artefact.items.values.tolist() == [-5, 17, 15]
    assert (artefact.items.unit, artefact.items.odd) == (0.25, True)
    assert artefact.items.dequantised().tolist() == [-1.25, 4.25, 3.75]
    assert artefact.items.column_scales().tolist() == [0.25, 0.25]
    assert artefact.card.nnz == 3


@pytest.mark.parametrize(("largest", "kind"), [(63, np.int8), (64, np.int16), (16_383, np.int16), (16_384, np.int32)])
def test_the_narrowest_codes(largest, kind):
    values = np.array([largest + 0.5, -largest - 0.5, 0.25], dtype=np.float32)
    parts = coded.encode(values, np.float32(1))
    codes, half = coded.decode(*(parts[kind] for kind in coded.KINDS), 3)
    assert (codes.tolist(), codes.dtype, half) == ([2 * largest + 1, -2 * largest - 1, 1], kind, 0.5)


def file_of(folder, seed: int, *, with_users: bool, budget: int | None):
    random = np.random.default_rng(seed)
    n, dim = int(random.integers(1, 300)), int(random.choice([3, 16, 300]))
    items = sparse(n, dim, random.integers(1, min(dim, 9) + 1, n), seed)
    users = sparse(5, dim, random.integers(1, min(dim, 9) + 1, 5), seed + 1)
    more = {"users": users, "user_ids": Vocabulary.of("uvwxy")} if with_users else {}
    report = write(
        folder / "model",
        items=items,
        item_ids=ids(n),
        history_factors=random.lognormal(size=n),
        values_dtype="coded",
        budget=budget,
        **more,
    )
    return report.total - report.ids


@pytest.fixture
def whole(monkeypatch):
    """No value is left out."""
    monkeypatch.setattr("sparserec.artefact.thinning.SHARES", (0.0,))
    monkeypatch.setattr("sparserec.artefact.thinning.BETWEEN", ())


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32 - 2), st.booleans(), st.floats(0, 1))
@pytest.mark.usefixtures("whole")
def test_a_budget_is_kept_and_the_next_finer_step_would_not_fit(folder, seed, with_users, share):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coded, "finest", lambda _bytes_at, _budget: coded.GRID)
        least = file_of(folder, seed, with_users=with_users, budget=1)
        patch.setattr(coded, "finest", lambda _bytes_at, _budget: 0)
        most = file_of(folder, seed, with_users=with_users, budget=1)
    budget = int(least + share * (most - least))

    indices = []
    search = coded.finest
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coded, "finest", lambda *call: indices.append(search(*call)) or indices[-1])
        assert file_of(folder, seed, with_users=with_users, budget=budget) <= budget
        data = (folder / "model").read_bytes()
        assert file_of(folder, seed, with_users=with_users, budget=budget) <= budget
        assert (folder / "model").read_bytes() == data
        if indices[0]:
            patch.setattr(coded, "finest", lambda _bytes_at, _budget: indices[0] - 1)
            assert file_of(folder, seed, with_users=with_users, budget=budget) > budget
        else:
            assert most <= budget


@pytest.mark.usefixtures("whole")
def test_a_budget_that_not_even_the_coarsest_step_keeps(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coded, "finest", lambda _bytes_at, _budget: coded.GRID)
        least = file_of(folder, 0, with_users=False, budget=1)
    assert file_of(folder, 0, with_users=False, budget=least) == least
    with pytest.raises(SparserecError, match=f"budget of {least - 7:,} bytes is 7 too small"):
        file_of(folder, 0, with_users=False, budget=least - 7)


@given(st.integers(0, coded.GRID), st.integers(0, 40))
def test_the_search_finds_the_border(border, slope):
    """Bytes that fall to 100 at some place of the grid."""
    calls = []

    def bytes_at(index: int) -> int:
        calls.append(index)
        return 100 if index >= border else 101 + slope * (border - index)

    assert coded.finest(bytes_at, 100) == border
    assert len(calls) <= 22


def test_the_steps_of_two_tables_are_the_same_in_relation_to_their_means():
    values = {"items": np.array([1, -3], dtype=np.float32), "users": np.array([100, 300, -200], dtype=np.float32)}
    steps = coded.Steps(values)
    assert steps.usual() == {"items": np.float32(1 / 3), "users": np.float32(200 / 6)}
    assert steps.at(0) == {"items": np.float32(2 / 256), "users": np.float32(200 / 256)}
    assert steps.at(coded.GRID) == {"items": 6, "users": 600}
    places = [steps.at(index)["items"] for index in range(0, coded.GRID + 1, coded.GRID // 64)]
    assert places == sorted(places)


def test_the_finest_step_leaves_magnitudes_that_fit():
    """One value a million times all others."""
    values = np.array([1e6, *[1.0] * 10**5], dtype=np.float32)
    step = coded.Steps({"items": values}).at(0)["items"]
    assert step == np.float32(1e6 / 2**20)
    assert np.abs(decoded(coded.encode(values, step), len(values)) - values).max() <= step


@pytest.mark.usefixtures("whole")
def test_bits_of_normal_values(folder):
    """What the estimate counts on, for a table with 12 bytes an item."""
    n, dim, length = 20_000, 64, 10
    random = np.random.default_rng(0)
    columns = np.sort(np.argsort(random.random((n, dim)), axis=1)[:, :length], axis=1).reshape(-1)
    values = random.normal(size=n * length).astype(np.float32)
    items = TableData(np.arange(0, n * length + 1, length), columns, values, dim)
    budget = sparse_file_bytes(n_items=n, nnz=n * length, dim=dim, values_dtype="coded", history_factors=True)
    factors = np.exp(random.normal(size=n) / 4)
    report = write(
        folder / "model", items=items, item_ids=ids(n), values_dtype="coded", budget=budget, history_factors=factors
    )
    assert budget - 16 < report.total - report.ids <= budget
    step = float(read(folder / "model").tensors["items.step"][0])
    assert 0.25 < step / np.abs(values).mean() < 0.5


factors_of_any_size = st.lists(
    st.floats(2.0**-126, largest_float, width=32) | st.floats(0.25, 4, width=32), min_size=1, max_size=30
).map(lambda numbers: np.array(numbers, dtype=np.float32))


@given(factors_of_any_size)
@example(np.array([largest_float, 2.0**-126], dtype=np.float32))
@example(np.array([2.0**-126, 2.0**-126], dtype=np.float32))
def test_history_factors_come_back_within_half_a_step_of_their_logarithm(factors):
    parts = history.encode(factors)
    back = history.decode(*(parts[kind] for kind in history.KINDS), len(factors))
    assert back.dtype == np.float32
    assert (back >= 2.0**-126).all()
    # The cap on the smallest ones may take another half step.
    near = factors > 2.0**-125
    ratio = np.log(back.astype(float) / factors.astype(float))
    assert (np.abs(ratio[near]) <= 0.05 + 1e-6).all()
    assert (np.abs(ratio) <= 0.1 + 1e-6).all()
    assert back[np.argmax(factors)] == factors.max()
    again = history.encode(factors)
    assert all(parts[kind].tobytes() == again[kind].tobytes() for kind in history.KINDS)


def test_history_factors_by_hand():
    parts = history.encode(np.array([1, 2, 0.5], dtype=np.float32))
    assert parts["history_scale"].tolist() == [2, float(np.float32(0.1))]
    back = history.decode(*(parts[kind] for kind in history.KINDS), 3)
    np.testing.assert_allclose(back, [2 * math.exp(-0.7), 2, 2 * math.exp(-1.4)], rtol=1e-6)


def test_the_smallest_history_factors_are_raised_to_normal_numbers():
    parts = history.encode(np.array([1, 1e-45], dtype=np.float32))
    back = history.decode(*(parts[kind] for kind in history.KINDS), 2)
    assert 2.0**-126 <= back[1] < 2.0**-126 * math.exp(0.11)


def test_another_step_of_the_logarithm():
    factors = np.array([1, 0.5, 0.3], dtype=np.float32)
    parts = history.encode(factors, 0.001)
    back = history.decode(*(parts[kind] for kind in history.KINDS), 3)
    np.testing.assert_allclose(back, factors, rtol=0.0006)
