"""Rice codes of natural numbers: against a coder that goes bit by bit, and against bytes that are no code."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sparserec import SparserecError
from sparserec.artefact import rice

NAMES = rice.Names("codes", "code")
naturals = st.integers(0, 3) | st.integers(0, 300) | st.integers(0, rice.MOST)
sequences = st.lists(naturals, min_size=1, max_size=60)
shifts = st.integers(0, rice.MOST_SHIFT)


def as_bytes(bits: list[int]) -> bytes:
    return bytes(sum(bit << i for i, bit in enumerate(bits[b : b + 8])) for b in range(0, len(bits), 8))


def as_bits(data: bytes) -> list[int]:
    return [byte >> i & 1 for byte in data for i in range(8)]


def slow_pack(numbers: list[int], shift: int) -> tuple[bytes, bytes]:
    low = [number >> i & 1 for number in numbers for i in range(shift)]
    high = [bit for number in numbers for bit in [0] * (number >> shift) + [1]]
    return bytes([shift]) + as_bytes(low), as_bytes(high)


def slow_unpack(low: bytes, high: bytes, count: int) -> list[int] | None:
    """The numbers; None when the bytes are no code."""
    if not low or low[0] > 20:
        return None
    shift, low_bits, high_bits = low[0], as_bits(low[1:]), as_bits(high)
    if len(low) != 1 + (count * shift + 7) // 8 or any(low_bits[count * shift :]):
        return None
    if sum(high_bits) != count or not any(high_bits[-8:]):
        return None
    numbers, above = [], 0
    for bit in high_bits:
        if bit == 0:
            above += 1
            continue
        first = len(numbers) * shift
        numbers.append((above << shift) + sum(low_bits[first + b] << b for b in range(shift)))
        above = 0
    return None if max(numbers) > 2**20 else numbers


def arrays(low: bytes, high: bytes) -> tuple[np.ndarray, np.ndarray]:
    return np.frombuffer(low, dtype=np.uint8), np.frombuffer(high, dtype=np.uint8)


@given(sequences, st.sampled_from([np.int32, np.int64]), st.sampled_from([8, 1 << 16]), st.sampled_from([1, 1 << 14]))
@example([rice.MOST], np.int32, 8, 1)
@example([0], np.int32, 8, 1)
def test_numbers_come_back_and_take_the_fewest_bytes(numbers, dtype, block, bytes_):
    given_numbers = np.array(numbers, dtype=dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rice, "BLOCK", block)
        patch.setattr(rice, "BYTES", bytes_)
        low, high = rice.pack(given_numbers)
        decoded = rice.unpack(low, high, len(numbers), NAMES)
    assert decoded.tolist() == numbers
    assert decoded.dtype == (np.int32 if max(numbers) >= 1 << 15 else np.int16)
    assert (low.dtype, high.dtype) == (np.uint8, np.uint8)
    assert (low.tobytes(), high.tobytes()) == slow_pack(numbers, int(low[0]))
    assert rice.sizes(given_numbers) == (low[0], len(low), len(high))
    n = len(numbers)
    totals = [1 + (n * m + 7) // 8 + (n + sum(q >> m for q in numbers) + 7) // 8 for m in range(rice.MOST_SHIFT + 1)]
    assert rice.sizes(given_numbers).low + rice.sizes(given_numbers).high == min(totals)
    assert int(low[0]) == totals.index(min(totals))


@given(sequences, shifts)
def test_any_shift_is_read(numbers, shift):
    low, high = slow_pack([number >> 10 for number in numbers], shift)
    assert rice.unpack(*arrays(low, high), len(numbers), NAMES).tolist() == [number >> 10 for number in numbers]


@settings(max_examples=300)
@given(sequences, st.integers(0, 8), st.data())
def test_changed_bytes_are_refused_or_are_the_code_of_other_numbers(numbers, shift, data):
    low, high = (bytearray(part) for part in slow_pack([number % 500 for number in numbers], shift))
    for part in data.draw(st.lists(st.sampled_from([low, high]), min_size=1, max_size=3)):
        edit = data.draw(st.sampled_from(["flip", "drop", "add"]))
        if edit == "add":
            part.append(data.draw(st.sampled_from([0, 1, 128, 255])))
        elif edit == "drop":
            del part[-1:]
        elif part:
            part[data.draw(st.integers(0, len(part) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    expected = slow_unpack(bytes(low), bytes(high), len(numbers))
    try:
        decoded = rice.unpack(*arrays(bytes(low), bytes(high)), len(numbers), NAMES)
    except SparserecError:
        assert expected is None
    else:
        assert decoded.tolist() == expected


@given(st.binary(max_size=4), st.binary(max_size=6), st.integers(1, 12))
@example(b"\x00", b"\x01", 1)
def test_any_bytes_are_taken_just_when_the_slow_coder_takes_them(low, high, count):
    expected = slow_unpack(low, high, count)
    try:
        decoded = rice.unpack(*arrays(low, high), count, NAMES)
    except SparserecError:
        assert expected is None
    else:
        assert decoded.tolist() == expected


def test_the_example_of_the_documentation():
    numbers = np.array([3, 7, 11, 1, 7, 3])
    assert [1 + (6 * m + 7) // 8 + (6 + int((numbers >> m).sum()) + 7) // 8 for m in range(4)] == [6, 5, 5, 5]
    low, high = rice.pack(numbers)
    assert (low.tobytes().hex(" "), high.tobytes().hex(" ")) == ("01 3f", "22 18 05")


# Bytes that are no code: five numbers 1, 6, 3, 10 and 5 with 2 low bits each.

LOW, HIGH = [2, 0xB9, 0x01], [0x4D, 0x01]
REFUSED = {
    "no shift": ([], HIGH, "the first byte of 'codes_low' must be there"),
    "a shift too large": ([21, 0xB9, 0x01], HIGH, "20 at most"),
    "low parts missing": ([2], HIGH, "'codes_low' has 0 bytes of low parts; 5 codes of 2 low bits take 2"),
    "another shift": ([0, 0xB9, 0x01], HIGH, "'codes_low' has 2 bytes of low parts; 5 codes of 0 low bits take 0"),
    "low parts too long": ([*LOW, 0], HIGH, "'codes_low' has 3 bytes of low parts"),
    "low parts with padding set": ([2, 0xB9, 0x05], HIGH, "'codes_low' has bits set after the last code"),
    "no high parts": (LOW, [], "'codes_high' has 0 bytes, too few"),
    "zero bytes alone": (LOW, [0, 0], "'codes_high' has 0 one bits, but there are 5 codes"),
    "a one bit too few": (LOW, [0x4D], "'codes_high' has 4 one bits, but there are 5 codes"),
    "a one bit too many": (LOW, [0x4D, 0x03], "'codes_high' has 6 one bits"),
    "a zero byte at the end": (LOW, [0x4D, 0x01, 0], "'codes_high' goes on after the last code"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bytes_that_are_no_code(case):
    low, high, message = REFUSED[case]
    assert slow_unpack(bytes(low), bytes(high), 5) is None
    with pytest.raises(SparserecError, match=message):
        rice.unpack(*arrays(bytes(low), bytes(high)), 5, NAMES)


def test_numbers_above_the_most():
    low, high = slow_pack([2**20 + 1, 0], 10)
    with pytest.raises(SparserecError, match=f"'codes_high' holds a code of {2**20 + 1}, above {2**20}"):
        rice.unpack(*arrays(low, high), 2, NAMES)
    low, high = slow_pack([3 * 2**20, 0], 20)
    with pytest.raises(SparserecError, match="3 zero bits before its last one; with 2 codes 2 are possible"):
        rice.unpack(*arrays(low, high), 2, NAMES)


def test_arrays_of_two_dimensions():
    with pytest.raises(SparserecError, match="must have one dimension"):
        rice.unpack(np.zeros((1, 1), dtype=np.uint8), np.ones(1, dtype=np.uint8), 1, NAMES)


@pytest.mark.parametrize("count", [10**15, 10**4299])
def test_huge_counts_take_no_memory(count):
    low, high = arrays(bytes(9), bytes(99_999) + b"\x01")
    tracemalloc.start()
    try:
        with pytest.raises(SparserecError):
            rice.unpack(low, high, count, NAMES)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
