"""What age does in a history: in the file, its size, its patches and its version."""

from __future__ import annotations

import numpy as np
import pytest
from artefact_tables import sparse
from hypothesis import given
from hypothesis import strategies as st

from sparserec.artefact import nnz_for_budget, planned, read, sparse_file_bytes, write
from sparserec.artefact.delta import delta
from sparserec.artefact.patch import apply
from sparserec.device import Recommender
from sparserec.vocabulary import Vocabulary

N, DIM = 200, 210


def model(path, decay: tuple[float, ...] | None, n: int = N, **more) -> bytes:
    table = sparse(n, DIM, np.random.default_rng(0).integers(1, 9, n), 5)
    write(path, items=table, item_ids=Vocabulary.of(map(str, range(n))), age_decay=decay, **more)
    return path.read_bytes()


@pytest.mark.parametrize("decay", [(0.5,), (0.5, 0.25)])
@pytest.mark.parametrize("ids", [True, False])
@pytest.mark.parametrize("values_dtype", ["int8", "float16", "coded"])
def test_the_version_is_3_only_where_the_tensor_is_there(tmp_path, decay, ids, values_dtype):
    model(tmp_path / "with", decay, ids=ids, values_dtype=values_dtype)
    model(tmp_path / "without", None, ids=ids, values_dtype=values_dtype)
    having, lacking = read(tmp_path / "with"), read(tmp_path / "without")
    assert (having.card.format_version, lacking.card.format_version) == (3, 2)  # numbers from 0 on are coded
    assert having.tensors["items.age_decay"].dtype == np.float32
    assert having.tensors["items.age_decay"].tolist() == list(decay)
    rest = {name: tensor.tobytes() for name, tensor in having.tensors.items() if name != "items.age_decay"}
    assert rest == {name: tensor.tobytes() for name, tensor in lacking.tensors.items()}
    assert having.item_ids == lacking.item_ids


FILES = [None, (0.5,), (0.25,), (0.5, 0.25), (0.5, 0.5)]


@pytest.mark.parametrize("new", FILES)
@pytest.mark.parametrize("old", FILES)
def test_patches_carry_it(tmp_path, old, new):
    before, after = model(tmp_path / "old", old), model(tmp_path / "new", new, n=N - 3)
    patch = delta(before, after)
    assert apply(before, patch) == after
    (tmp_path / "patch").write_bytes(patch)
    made = Recommender.open(tmp_path / "old").apply(tmp_path / "patch")
    assert made.recommend([5, 3, 8]) == Recommender.open(tmp_path / "new").recommend([5, 3, 8])
    assert made.ordered == (new is not None)


def test_a_change_of_it_alone_is_a_small_patch(tmp_path):
    before, after = model(tmp_path / "old", (0.5, 0.25)), model(tmp_path / "new", (0.5, 0.3))
    assert len(delta(before, after)) < 300


@pytest.mark.parametrize("numbers", [0, 1, 2])
@pytest.mark.parametrize("values_dtype", ["int8", "float16"])
def test_sizes_count_it(numbers, values_dtype):
    sizes = {"n_items": N, "dim": DIM, "values_dtype": values_dtype}
    plain = sparse_file_bytes(nnz=900, **sizes)
    assert sparse_file_bytes(nnz=900, age_decay=numbers, **sizes) == plain + 4 * numbers
    budget = sparse_file_bytes(nnz=900, age_decay=numbers, **sizes)
    assert nnz_for_budget(budget, age_decay=numbers, **sizes) >= 900 > nnz_for_budget(budget - 12, age_decay=2, **sizes)


@pytest.mark.parametrize("numbers", [0, 1, 2])
def test_plans_count_it(tmp_path, numbers):
    """The plan of a file differs from one without ages by the bytes and the entry of the header, to within a few."""
    items = Vocabulary.of(map(str, range(N)))
    made = {"items": items, "users": None, "dim": DIM, "values_dtype": "int8", "history_factors": False, "recipe": {}}
    table = sparse(N, DIM, np.full(N, 5), 3)
    report = write(tmp_path / "m", items=table, item_ids=items, age_decay=(0.5, 0.25)[:numbers] or None)
    plan = planned(**made, age_decay=numbers)
    assert plan.bytes_of(5 * N) - planned(**made).bytes_of(5 * N) - 4 * numbers in (range(40, 110) if numbers else [0])
    # The card of the plan has metrics, and a digest of the data, which this file lacks.
    without = write(tmp_path / "plain", items=table, item_ids=items)
    planned_more = plan.bytes_of(5 * N) - planned(**made).bytes_of(5 * N)
    assert abs(report.total - without.total - planned_more) <= 16


@given(st.lists(st.floats(2**-149, 1, width=32), min_size=1, max_size=2))
def test_every_number_in_range_comes_back(tmp_path_factory, numbers):
    path = tmp_path_factory.mktemp("ages") / "m"
    model(path, tuple(numbers), n=3)
    assert read(path).items.age_decay.tolist() == numbers
