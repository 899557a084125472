"""A few of the inputs that benchmarks/fuzzing.py tries by the million, and those that once went wrong."""

from __future__ import annotations

import contextlib
import sys
import time
import tracemalloc
import zlib
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hostile_files import taken_apart
from hypothesis import given, settings
from hypothesis import strategies as st

from sparserec import SparserecError
from sparserec.artefact import TableData, coded, write
from sparserec.artefact.delta import delta
from sparserec.artefact.patch import FIELDS, Reader, apply, packed_array
from sparserec.device import Recommender, shortlist
from sparserec.vocabulary import Vocabulary

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "fuzz"))


@pytest.fixture(scope="module")
def targets():
    """The module changes settings for the process that fuzzes; here they are changed back."""
    before = shortlist.SMALL, shortlist.LEAST, shortlist.MOST
    import targets

    yield targets
    shortlist.SMALL, shortlist.LEAST, shortlist.MOST = before


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


FACTOR, CONSTANT = 64, 4 << 20
"""What benchmarks/fuzzing.py lets an input take, in its own bytes and a constant."""


def peak(action) -> int:
    """The most memory that an action takes."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def bombs(bases):
    """Patches that claim as much as they can, from every base, in the way that fuzzing makes them."""
    import mutations

    for seed in range(30):
        for old, data in bases.patches:
            yield old, mutations.bomb(data, Random(seed))


def test_patches_that_claim_much_take_little(targets, bases):
    for old, data in bombs(bases):
        assert (
            peak(lambda old=old, data=data: targets.apply_patch(old, data)) < FACTOR * (len(old) + len(data)) + CONSTANT
        )


def test_fuzzing_would_find_a_reader_that_believes_claims(targets, bases, monkeypatch):
    """Arrays of zeros as they once were read: up to eight numbers for each byte of the edits, whatever they are for."""

    def believing(self, _most: int) -> np.ndarray:
        count, width = self.number(4), self.number(1)
        if width > 8 or (width == 0 and count > 8 * self._left):
            raise SparserecError("out of range")
        planes = np.frombuffer(self.take(count * width), dtype=np.uint8).reshape(width, count)
        numbers = np.zeros(count, dtype=np.int64)
        for place, plane in enumerate(planes):
            numbers |= plane.astype(np.int64) << 8 * place
        return numbers

    monkeypatch.setattr(Reader, "_array", believing)
    found = 0
    for old, data in bombs(bases):
        with contextlib.suppress(SparserecError, MemoryError):
            found += (
                peak(lambda old=old, data=data: targets.apply_patch(old, data))
                > FACTOR * (len(old) + len(data)) + CONSTANT
            )
        if found:
            return
    pytest.fail("no input took too much")


@pytest.mark.parametrize("kind", ["zeros", "full"])
def test_a_patch_that_makes_much_of_little_takes_what_the_files_are_worth(tmp_path, bases, kind):
    """The most numbers for their bytes that a file can have, and a patch of a few bytes that makes it."""
    old = bases.artefacts[0]
    path, n, dim = tmp_path / "new", 900, 700
    ids = Vocabulary.of(map(str, range(n)))
    if kind == "zeros":
        write(path, items=np.zeros((n, dim), dtype=np.float32), item_ids=ids, values_dtype="int8")
    else:
        full = TableData(np.arange(0, n * dim + 1, dim), np.tile(np.arange(dim), n), np.ones(n * dim, np.float32), dim)
        write(path, items=full, item_ids=ids, values_dtype="coded", budget=300_000)
    new = path.read_bytes()
    data = delta(old, new)
    assert len(data) < 10_000
    assert peak(lambda: apply(old, data)) < 128 * (len(old) + len(new) + len(data)) + CONSTANT
    began = time.perf_counter()
    assert apply(old, data) == new
    assert time.perf_counter() - began < 10
