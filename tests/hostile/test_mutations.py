"""A few of the inputs that benchmarks/fuzzing.py tries by the million, and those that once went wrong."""

from __future__ import annotations

import sys
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hostile_files import taken_apart
from hypothesis import given, settings
from hypothesis import strategies as st

from sparserec import SparserecError
from sparserec.artefact import TableData, coded, write
from sparserec.artefact.patch import FIELDS, Reader, apply, packed_array
from sparserec.device import Recommender, shortlist
from sparserec.vocabulary import Vocabulary

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "fuzz"))


@pytest.fixture(scope="module")
def targets():
    """The module changes a setting for the process that fuzzes; here it is changed back."""
    before = shortlist.SMALL
    import targets

    yield targets
    shortlist.SMALL = before


@pytest.fixture(scope="module")
def bases(targets):
    return targets.Bases()


@settings(max_examples=600)
@given(st.integers(0, 2**64))
def test_a_changed_file_is_refused_or_works(targets, bases, number):
    targets.tried(*targets.case(bases, number))


def test_most_kinds_of_outcomes_are_reached(targets, bases):
    seen = {(kind, targets.tried(kind, old, data)) for kind, old, data in (targets.case(bases, n) for n in range(600))}
    assert {kind for kind, accepted in seen if accepted} == {kind for kind, accepted in seen if not accepted}
    assert len(seen) == 6


@pytest.mark.parametrize("number", [3435, 38829, 78001])
def test_patches_whose_header_names_no_tensor_of_the_format(targets, bases, number):
    """Found by fuzzing: the names of the new file's tensors were used before they were checked."""
    targets.tried(*targets.case(bases, number))


@pytest.mark.parametrize("name", ["items_values", "items.values.", "other.values", "users.factors", ""])
def test_a_patch_to_a_file_with_another_tensor(bases, name):
    """The same by hand, so that it stays a test when the changes that fuzzing makes are others."""
    old, data = bases.patches[0]
    reader = Reader(data[FIELDS.size :], FIELDS.unpack_from(data)[5])
    reader.edits(4096)
    rest = reader.take(reader._left)
    parts = taken_apart(old)
    parts.tensors[name] = np.zeros(4, dtype=np.uint8)
    new = parts.pack()
    header = np.frombuffer(new[: len(new) - len(parts.body())], dtype=np.uint8).astype(np.int64)
    none = np.zeros(0, dtype=np.int64)
    arrays = (np.array([len(header)]), np.array([0]), np.array([0]), header, none)
    edits = b"".join(map(packed_array, arrays)) + rest
    fields = [*FIELDS.unpack_from(data)[:4], len(new), len(edits)]
    with pytest.raises(SparserecError, match="does not belong there"):
        apply(old, FIELDS.pack(*fields) + zlib.compress(edits))


@pytest.mark.parametrize("number", [6636, 53981, 89592, 110933])
def test_scores_that_are_no_numbers_are_left_out(targets, bases, number):
    """Found by fuzzing: scales near the largest float32 make sums of infinities; such items are not recommended."""
    targets.tried(*targets.case(bases, number))


def test_the_file_that_takes_the_most_memory_for_its_bytes(tmp_path, monkeypatch):
    """Three bits a value: no gaps, no magnitudes but one, which makes all codes 32 bits wide once they are decoded."""
    monkeypatch.setattr(coded.Steps, "usual", lambda self: {"items": np.float32(0.2)})
    values = np.full(500 * 512, 0.1, dtype=np.float32)
    values[0] = 1e4
    table = TableData(np.arange(0, len(values) + 1, 512), np.tile(np.arange(512), 500), values, 512)
    file = tmp_path / "model"
    write(file, items=table, item_ids=Vocabulary.of(map(str, range(500))), values_dtype="coded")
    size = file.stat().st_size
    assert size < 0.45 * len(values)
    tracemalloc.start()
    try:
        Recommender.open(file).recommend(["7"])
        assert tracemalloc.get_traced_memory()[1] < 128 * size + (4 << 20)
    finally:
        tracemalloc.stop()
