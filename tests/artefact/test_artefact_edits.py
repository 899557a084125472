"""Edits make the sequence that they were made for, and hostile ones are refused."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparserec import SparserecError
from sparserec.artefact.edits import RUN, Edits, by_difference, by_runs, made
from sparserec.artefact.patch import Reader, packed_array

NUMBERS = st.lists(st.integers(-3, 3) | st.integers(-(2**40), 2**40), max_size=80)


def array(numbers) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)


@given(NUMBERS, NUMBERS)
def test_edits_make_any_sequence_of_any_other(old, new):
    for way in (by_runs, by_difference):
        assert made(array(old), way(array(old), array(new)), len(new)).tolist() == new


@given(st.integers(0, 2**32 - 1), st.integers(0, 300), st.integers(0, 300), NUMBERS)
def test_an_insertion_costs_what_was_inserted(seed, first, length, inserted):
    old = np.random.default_rng(seed).integers(0, 2**30, 300)
    new = np.concatenate((old[:first], array(inserted), old[min(300, first + length) :]))
    edits = by_runs(old, new)
    assert made(old, edits, len(new)).tolist() == new.tolist()
    # Runs at the ends that are shorter than RUN may be told anew.
    assert len(edits.new) <= len(inserted) + 2 * RUN
    assert len(edits.copied) <= 4


def test_runs_that_moved_are_found():
    old = np.arange(100)
    new = np.concatenate((old[50:], old[:50]))
    edits = by_runs(old, new)
    assert (edits.copied.tolist(), edits.moved.tolist(), len(edits.new)) == ([50, 50], [50, -100], 0)


def test_differences_of_sequences_of_unequal_length():
    edits = by_difference(array([5, 6, 7]), array([6, 6]))
    assert [part.tolist() for part in edits.arrays()] == [[0, 0], [2, 0], [0, 0], [], [1, 0]]


@given(st.lists(st.integers(-(2**62), 2**62 - 1), max_size=40))
def test_arrays_are_packed_and_read(numbers):
    packed = packed_array(array(numbers))
    reader = Reader(zlib.compress(packed), len(packed))
    assert reader._array(len(numbers)).tolist() == numbers
    reader.end()
    if numbers:
        assert len(packed) <= 5 + 8 * len(numbers)


def test_the_bytes_of_an_array():
    """Three numbers of two bytes: folded signs, all lowest bytes first."""
    assert packed_array(array([0, -1, 300])) == bytes([3, 0, 0, 0, 2, 0, 1, 0x58, 0, 0, 2])


BAD = {
    "a negative length": ([-1], [0], [0], [], []),
    "a length beyond all": ([0], [2**62], [0], [], []),
    "lengths that overflow": ([2**62] * 4, [0] * 4, [0] * 4, [], []),
    "more than there may be": ([11], [0], [0], [0] * 11, []),
    "too few new numbers": ([2], [0], [0], [1], []),
    "too few changes": ([0], [2], [0], [], [1]),
    "arrays of unequal length": ([0, 0], [1], [0], [], []),
    "before the beginning": ([0], [1], [-1], [], []),
    "beyond the end": ([0], [1], [3], [], []),
    "a jump that overflows": ([0, 0], [1, 1], [0, 2**62], [], []),
}


@pytest.mark.parametrize("case", BAD)
def test_edits_that_do_not_fit(case):
    with pytest.raises(SparserecError, match="edit"):
        made(array([1, 2, 3]), Edits(*map(array, BAD[case])), most=10)
