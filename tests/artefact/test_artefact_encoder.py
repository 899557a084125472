"""A transformer in the file: what is stored, its bytes in reports, plans and budgets, patches, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from artefact_tables import sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from sparserec import SparserecError
from sparserec.artefact import (
    EncoderShape,
    dense_file_bytes,
    inspect,
    nnz_for_budget,
    planned,
    read,
    sparse_file_bytes,
    write,
)
from sparserec.artefact.delta import delta
from sparserec.artefact.patch import apply
from sparserec.device import Recommender
from sparserec.vocabulary import Vocabulary

N, DIM, LENGTH, BLOCKS = 200, 16, 7, 2
ROWS, SHIFTS = LENGTH + 5 * BLOCKS * DIM, 6 * BLOCKS + 2
BYTES = ROWS * DIM + 4 * ROWS + 2 * SHIFTS * DIM
IDS = Vocabulary.of(map(str, range(N)))


def numbers(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    matrices = random.normal(size=(ROWS, DIM)) * np.exp(random.normal(size=(ROWS, 1)) * 2)
    return matrices.astype(np.float32), random.normal(size=(SHIFTS, DIM)).astype(np.float32)


def model(path, encoder=None, **more):
    table = sparse(N, DIM, np.random.default_rng(0).integers(1, 9, N), 5)
    return write(path, items=table, item_ids=IDS, encoder=encoder, **more)


@pytest.mark.parametrize("values_dtype", ["int8", "float16", "coded"])
def test_it_comes_back_to_within_half_a_step_of_its_row(tmp_path, values_dtype):
    matrices, vectors = numbers()
    matrices[3] = 0
    report = model(tmp_path / "with", (matrices, vectors), values_dtype=values_dtype)
    opened = read(tmp_path / "with")
    assert (opened.encoder.length, opened.encoder.blocks, opened.encoder.dim) == (LENGTH, BLOCKS, DIM)
    steps = np.abs(matrices).max(axis=1, keepdims=True) / 127
    assert (np.abs(opened.encoder.matrices - matrices) <= 0.5001 * steps).all()
    assert np.array_equal(opened.encoder.vectors, vectors.astype(np.float16).astype(float))
    assert opened.card.format_version == 3
    assert report.encoder == BYTES == inspect(tmp_path / "with")["bytes"]["encoder"]
    assert report.total == report.header + report.items + report.ids + report.encoder
    assert report.total == (tmp_path / "with").stat().st_size
    assert inspect(tmp_path / "with")["encoder"] == {"length": LENGTH, "blocks": BLOCKS}


def test_files_without_one_stay_as_they_are(tmp_path):
    report = model(tmp_path / "without")
    opened = read(tmp_path / "without")
    assert (opened.encoder, opened.card.format_version, report.encoder) == (None, 2, 0)
    assert inspect(tmp_path / "without")["encoder"] is None


@given(st.integers(1, 4), st.integers(1, 9), st.integers(1, 3), st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_parts_are_where_the_format_has_them(tmp_path_factory, dim, length, blocks, seed):
    path = tmp_path_factory.mktemp("encoder") / "m"
    random = np.random.default_rng(seed)
    positions = random.normal(size=(length, dim))
    parts = random.normal(size=(blocks, 5, dim, dim))
    shifts = random.normal(size=(6 * blocks + 2, dim))
    matrices = np.vstack([positions, parts.reshape(-1, dim)]).astype(np.float32)
    table = np.ones((3, dim), np.float32)
    write(path, items=table, item_ids=Vocabulary.of("abc"), encoder=(matrices, shifts.astype(np.float32)))
    encoder = read(path).encoder
    close = {"atol": np.abs(matrices).max() / 127}
    np.testing.assert_allclose(encoder.positions, positions, **close)
    for number in range(blocks):
        weights, vectors = encoder.block(number)
        np.testing.assert_allclose(weights, parts[number], **close)
        np.testing.assert_allclose(vectors, shifts[6 * number : 6 * number + 6], rtol=1e-3, atol=1e-4)


SHAPE = EncoderShape(LENGTH, BLOCKS)


def test_sizes_and_plans_count_it(tmp_path):
    for values_dtype in ("int8", "float16", "coded"):
        sizes = {"n_items": N, "dim": DIM, "values_dtype": values_dtype}
        plain = sparse_file_bytes(nnz=900, **sizes)
        assert sparse_file_bytes(nnz=900, encoder=SHAPE, **sizes) == plain + BYTES
        assert nnz_for_budget(plain + BYTES, encoder=SHAPE, **sizes) == nnz_for_budget(plain, **sizes)
    sizes = {"n_items": N, "dim": DIM, "values_dtype": "int8"}
    assert dense_file_bytes(encoder=SHAPE, **sizes) == dense_file_bytes(**sizes) + BYTES
    made = {"items": IDS, "users": None, "dim": DIM, "values_dtype": "int8", "history_factors": False, "recipe": {}}
    table = sparse(N, DIM, np.full(N, 5), 3)
    with_one = write(tmp_path / "m", items=table, item_ids=IDS, encoder=numbers()).total
    without = write(tmp_path / "plain", items=table, item_ids=IDS).total
    more = planned(**made, encoder=SHAPE).bytes_of(5 * N) - planned(**made).bytes_of(5 * N)
    assert abs(with_one - without - more) <= 16
    with pytest.raises(SparserecError, match=f"the smallest file takes .* of which the transformer {BYTES:,}, ids"):
        planned(**made, encoder=SHAPE).nnz_within(BYTES)
    with pytest.raises(SparserecError, match=f"and the transformer, {BYTES:,} bytes of it, take"):
        nnz_for_budget(BYTES, encoder=SHAPE, **sizes)


@pytest.mark.parametrize("values_dtype", ["int8", "coded"])
def test_a_budget_bounds_both(tmp_path, values_dtype):
    whole = model(tmp_path / "m", numbers(), values_dtype=values_dtype)
    limit = whole.total - whole.ids - 120
    report = model(tmp_path / "less", numbers(), values_dtype=values_dtype, budget=limit)
    assert report.encoder == BYTES
    assert limit - 60 <= report.total - report.ids <= limit
    with pytest.raises(SparserecError, match=r"a budget of 3,000 bytes is .* too small"):
        model(tmp_path / "never", numbers(), values_dtype=values_dtype, budget=3000)


ENCODERS = {"none": None, "one": numbers(0), "other vectors": (numbers(0)[0], numbers(1)[1]), "another": numbers(2)}


@pytest.mark.parametrize("new", ENCODERS)
@pytest.mark.parametrize("old", ["none", "one"])
def test_patches_carry_it(tmp_path, old, new):
    model(tmp_path / "old", ENCODERS[old])
    model(tmp_path / "new", ENCODERS[new])
    before, after = (tmp_path / "old").read_bytes(), (tmp_path / "new").read_bytes()
    patch = delta(before, after)
    assert apply(before, patch) == after
    (tmp_path / "patch").write_bytes(patch)
    made = Recommender.open(tmp_path / "old").apply(tmp_path / "patch")
    assert made.recommend([5, 3, 8]) == Recommender.open(tmp_path / "new").recommend([5, 3, 8])
    if (old, new) == ("one", "other vectors"):
        assert len(patch) < 2 * SHIFTS * DIM + 300


MATRICES, VECTORS = numbers()
REFUSED = {
    "too few rows": ((MATRICES[: ROWS - LENGTH], VECTORS), {}, "rows; with 2 blocks of 80 rows"),
    "too many positions": ((np.zeros((1025 + 160, DIM), np.float32), VECTORS), {}, "from 1 to 1024 more"),
    "another width": ((MATRICES[:, 1:], VECTORS), {}, "16 columns"),
    "half a block": ((MATRICES, VECTORS[:-3]), {}, "11 rows; there must be 6 for each of 1 to 16 blocks, and 2 more"),
    "no block": ((MATRICES, VECTORS[:2]), {}, "2 rows; there must be 6"),
    "one dimension": ((MATRICES[0], VECTORS), {}, "two dimensions"),
    "no number": ((np.full_like(MATRICES, np.nan), VECTORS), {}, "not finite"),
    "beyond half precision": ((MATRICES, VECTORS * 1e6), {}, "does not fit float16"),
    "ages": ((MATRICES, VECTORS), {"age_decay": (0.5,)}, "no user table, no factors and no age_decay"),
    "history factors": ((MATRICES, VECTORS), {"history_factors": np.ones(N)}, "no user table, no factors"),
    "factors": ((MATRICES, VECTORS), {"item_factors": np.ones(N)}, "no user table, no factors"),
    "users": (
        (MATRICES, VECTORS),
        {"users": sparse(2, DIM, np.full(2, 3), 0), "user_ids": Vocabulary.of("ab")},
        "no user table",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_written(tmp_path, case):
    encoder, more, message = REFUSED[case]
    with pytest.raises(SparserecError, match=message):
        model(tmp_path / "m", encoder, **more)
    assert not (tmp_path / "m").exists()
