"""What age does in a history: in the file, its size, its patches and its version."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from artefact_tables import sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from sparserec.artefact import TableData, nnz_for_budget, planned, read, sparse_file_bytes, write
from sparserec.artefact.delta import delta
from sparserec.artefact.patch import apply
from sparserec.artefact.schema import digest
from sparserec.artefact.writer import _order, header_of
from sparserec.device import Recommender
from sparserec.errors import SparserecError
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
    apart = {"items.age_decay"}
    if len(decay) == 2:  # where values are in item columns is then coded apart
        apart |= {f"items.{kind}_{part}" for kind in ("gaps", "item_gaps") for part in ("low", "high")}
        assert apart <= having.tensors.keys()
    rest, others = (
        {name: tensor.tobytes() for name, tensor in file.tensors.items() if name not in apart}
        for file in (having, lacking)
    )
    assert rest == others
    assert having.items.indptr.tolist() == lacking.items.indptr.tolist()
    assert having.items.columns.tolist() == lacking.items.columns.tolist()
    assert having.item_ids == lacking.item_ids


@given(st.integers(1, 12), st.integers(1, 9), st.integers(0, 2**31), st.sampled_from(["int8", "float16", "coded"]))
@settings(max_examples=60, deadline=None)
def test_tables_of_both_kinds_of_columns_come_back(n, ordinary, seed, values_dtype):
    generator = np.random.default_rng(seed)
    there = generator.random((n, ordinary + n)) < generator.choice([0.05, 0.3, 0.9])
    # A row may have values of one kind alone, and so may a whole table.
    there[:, generator.choice([0, ordinary]) :] &= generator.random() < 0.8
    there[np.arange(n), generator.integers(0, ordinary + n, n)] = True
    row, columns = np.nonzero(there)
    indptr = np.concatenate(([0], np.cumsum(there.sum(1))))
    table = TableData(indptr, columns, (1 + generator.random(len(row))).astype(np.float32), ordinary + n)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        ids = Vocabulary.of(f"{number:03}" for number in range(n))
        write(path, items=table, item_ids=ids, age_decay=(1.0, 1.0), values_dtype=values_dtype)
        found = read(path)
    assert found.items.indptr.tolist() == indptr.tolist()
    assert found.items.columns.tolist() == columns.tolist()
    inside = int(there[:, :ordinary].sum())
    ones = [int(np.unpackbits(found.tensors[f"items.{kind}_high"]).sum()) for kind in ("gaps", "item_gaps")]
    assert ones == [inside, len(row) - inside]


def test_two_codes_take_less_than_one(tmp_path):
    """10 values a row in 64 columns, and 3 in 3,000 item columns: the gaps of the one are a fifth of the other's."""
    generator, n = np.random.default_rng(0), 3000
    there = np.zeros((n, 64 + n), dtype=bool)
    there[:, :64] = generator.random((n, 64)) < 10 / 64
    there[:, 64:] = generator.random((n, n)) < 3 / n
    there[:, 0] = True
    row, columns = np.nonzero(there)
    table = TableData(
        np.concatenate(([0], np.cumsum(there.sum(1)))), columns, np.ones(len(row), np.float32), there.shape[1]
    )
    sizes = []
    for decay in ((1.0,), (1.0, 1.0)):
        path = tmp_path / str(len(decay))
        write(path, items=table, item_ids=Vocabulary.of(map(str, range(n))), age_decay=decay, values_dtype="float16")
        tensors = read(path).tensors
        sizes.append(sum(tensors[name].nbytes for name in tensors if "gaps_" in name and ".id_" not in name))
    assert sizes[1] < 0.8 * sizes[0]


def damaged(path, change):
    """A file with other tensors, sealed again."""
    artefact = read(path)
    tensors = dict(artefact.tensors)
    change(tensors)
    card = dataclasses.replace(artefact.card, sha256=digest(tensors))
    header = header_of(tensors, card)
    body = b"".join(np.ascontiguousarray(tensors[name]).tobytes() for name in _order(tensors))
    path.write_bytes(len(header).to_bytes(8, "little") + header + body)


BELONG = "'item_gaps_low' and 'item_gaps_high' belong to tables with both ordinary and item columns"


@pytest.mark.parametrize(
    ("decay", "change", "words"),
    [
        ((0.5, 0.25), lambda tensors: tensors.pop("items.item_gaps_low"), BELONG),
        ((0.5, 0.25), lambda tensors: tensors.pop("items.item_gaps_high"), BELONG),
        ((0.5,), lambda tensors: tensors.update({"items.item_gaps_low": np.zeros(1, np.uint8)}), BELONG),
        (
            (0.5, 0.25),
            lambda tensors: tensors.update({"items.item_gaps_low": tensors["items.item_gaps_low"][1:]}),
            "'item_gaps_low' has",
        ),
        (
            (0.5, 0.25),
            lambda tensors: tensors.update({"items.item_gaps_high": np.full(40_000, 255, np.uint8)}),
            "the card counts|can't fill|item gaps",
        ),
    ],
)
def test_gaps_of_item_columns_that_do_not_fit_are_refused(tmp_path, decay, change, words):
    model(tmp_path / "file", decay)
    damaged(tmp_path / "file", change)
    with pytest.raises(SparserecError, match=words):
        read(tmp_path / "file")


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
    more = {0: [0], 1: range(40, 110), 2: range(150, 270)}[numbers]  # of the header, with its two tensors of item gaps
    assert plan.bytes_of(5 * N) - planned(**made).bytes_of(5 * N) - 4 * numbers in more
    # The card of the plan has metrics, and a digest of the data, which this file lacks.
    without = write(tmp_path / "plain", items=table, item_ids=items)
    assert abs(report.header - without.header - (plan.header - planned(**made).header)) <= 24


@given(st.lists(st.floats(2**-149, 1, width=32), min_size=1, max_size=2))
def test_every_number_in_range_comes_back(tmp_path_factory, numbers):
    path = tmp_path_factory.mktemp("ages") / "m"
    model(path, tuple(numbers), n=3)
    assert read(path).items.age_decay.tolist() == numbers
