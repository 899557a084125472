"""The structure of a table as gaps: against a coder that goes bit by bit, and against bytes that are no code."""

from __future__ import annotations

import tracemalloc
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sparserec import SparserecError
from sparserec.artefact import gaps, rice

# A coder that takes the format as it is written down, one bit after another.


def slow_shift(cells: int, nnz: int) -> int:
    costs = [nnz * (1 + m) + (cells - nnz) // 2**m for m in range(31)]
    return costs.index(min(costs))


def as_bytes(bits: list[int]) -> list[int]:
    return [sum(bit << i for i, bit in enumerate(bits[b : b + 8])) for b in range(0, len(bits), 8)]


def as_bits(data) -> list[int]:
    return [int(byte) >> i & 1 for byte in data for i in range(8)]


def slow_encode(positions: list[int], cells: int) -> tuple[list[int], list[int]]:
    m = slow_shift(cells, len(positions))
    low, high, before = [], [], -1
    for position in positions:
        gap = position - before - 1
        low += [gap >> i & 1 for i in range(m)]
        high += [0] * (gap >> m) + [1]
        before = position
    return as_bytes(low), as_bytes(high)


def slow_decode(low, high, n: int, dim: int, nnz: int) -> list[int] | None:
    """Positions of the values; None when the bytes are no code."""
    m = slow_shift(n * dim, nnz)
    low_bits, high_bits = as_bits(low), as_bits(high)
    if len(low) != (nnz * m + 7) // 8 or any(low_bits[nnz * m :]) or sum(high_bits) != nnz or not any(high_bits[-8:]):
        return None
    positions, position, above = [], -1, 0
    for bit in high_bits:
        if bit == 0:
            above += 1
            continue
        i = len(positions)
        position += 1 + (above << m) + sum(low_bits[i * m + b] << b for b in range(m))
        positions.append(position)
        above = 0
    if positions[-1] >= n * dim or {position // dim for position in positions} != set(range(n)):
        return None
    return positions


def as_csr(positions, n: int, dim: int) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.divmod(np.array(positions, dtype=np.int64), dim)
    return np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=n)))), columns


@contextmanager
def blocks(values: int, bytes_: int):
    """Blocks of other sizes, so that small tables have many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rice, "BLOCK", values)
        patch.setattr(rice, "BYTES", bytes_)
        yield


@st.composite
def structures(draw) -> tuple[list[int], int, int]:
    """Positions, rows and columns of a table; from full rows to single values far apart."""
    dim = draw(st.sampled_from([1, 2, 7, 8, 64, 256, 257, 5000, 65_536]))
    rows = draw(
        st.lists(
            st.one_of(
                st.sets(st.integers(0, dim - 1), min_size=1, max_size=6),
                st.sampled_from([{0}, {dim - 1}, {0, dim - 1}, set(range(min(dim, 40)))]),
            ),
            min_size=1,
            max_size=30,
        )
    )
    return [row * dim + column for row, columns in enumerate(rows) for column in sorted(columns)], len(rows), dim


@given(structures(), st.sampled_from([8, 16, 1 << 16]), st.sampled_from([1, 3, 1 << 14]))
def test_the_code_is_that_of_the_slow_coder_and_comes_back(structure, values, bytes_):
    positions, n, dim = structure
    indptr, columns = as_csr(positions, n, dim)
    with blocks(values, bytes_):
        low, high = gaps.encode(indptr, columns, dim)
        decoded = gaps.decode(low, high, n, dim, len(columns))
    assert (low.tolist(), high.tolist()) == slow_encode(positions, n * dim)
    assert (low.dtype, high.dtype) == (np.uint8, np.uint8)
    assert slow_decode(low, high, n, dim, len(columns)) == positions
    np.testing.assert_array_equal(decoded[0], indptr)
    np.testing.assert_array_equal(decoded[1], columns)
    assert (decoded[0].dtype, decoded[1].dtype) == (np.int32, np.uint8 if dim <= 256 else np.uint16)
    assert len(low) + len(high) <= gaps.most_bytes(n * dim, len(columns))


@settings(max_examples=300)
@given(structures(), st.data())
def test_changed_bytes_are_refused_or_are_the_one_code_of_another_table(structure, data):
    positions, n, dim = structure
    low, high = (bytearray(part) for part in slow_encode(positions, n * dim))
    for part in data.draw(st.lists(st.sampled_from([low, high]), min_size=1, max_size=3)):
        edit = data.draw(st.sampled_from(["flip", "swap", "drop", "add"]))
        if edit == "add":
            part.append(data.draw(st.sampled_from([0, 1, 128, 255])))
        elif edit == "drop":
            del part[-1:]
        elif part:
            bits = as_bits(part)
            one, other = (data.draw(st.integers(0, len(bits) - 1)) for _ in range(2))
            if edit == "flip":
                bits[one] ^= 1
            else:
                bits[one], bits[other] = bits[other], bits[one]
            part[:] = bytes(as_bytes(bits))
    arrays = [np.frombuffer(bytes(part), dtype=np.uint8) for part in (low, high)]
    expected = slow_decode(low, high, n, dim, len(positions))
    with blocks(8, data.draw(st.sampled_from([1, 2, 1 << 14]))):
        if expected is None:
            with pytest.raises(SparserecError):
                gaps.decode(*arrays, n, dim, len(positions))
            return
        indptr, columns = gaps.decode(*arrays, n, dim, len(positions))
        again = gaps.encode(indptr, columns, dim)
    np.testing.assert_array_equal(indptr, as_csr(expected, n, dim)[0])
    np.testing.assert_array_equal(columns, as_csr(expected, n, dim)[1])
    assert [part.tobytes() for part in again] == [bytes(low), bytes(high)]


@given(st.binary(max_size=4), st.binary(max_size=6), st.integers(0, 8), st.integers(1, 9), st.integers(0, 12))
@example(b"", b"\x01", 1, 1, 1)
@example(b"\x01", b"\x01", 1, 2, 1)
def test_any_bytes_are_taken_just_when_the_slow_coder_takes_them(low, high, n, dim, nnz):
    arrays = [np.frombuffer(part, dtype=np.uint8) for part in (low, high)]
    expected = slow_decode(low, high, n, dim, nnz) if 1 <= n <= nnz <= n * dim else None
    try:
        indptr, columns = gaps.decode(*arrays, n, dim, nnz)
    except SparserecError:
        assert expected is None
    else:
        assert (np.repeat(np.arange(n), np.diff(indptr)) * dim + columns).tolist() == expected


def test_the_example_of_the_documentation():
    indptr, columns = np.array([0, 2, 4, 5]), np.array([1, 8, 0, 11, 5])
    assert [5 * (1 + m) + ((36 - 5) >> m) for m in range(5)] == [36, 25, 22, 23, 26]
    assert gaps.shift_of(36, 5) == 2
    low, high = gaps.encode(indptr, columns, 12)
    assert (low.tobytes().hex(" "), high.tobytes().hex(" ")) == ("b9 01", "4d 01")
    decoded = gaps.decode(low, high, 3, 12, 5)
    assert (decoded[0].tolist(), decoded[1].tolist()) == (indptr.tolist(), columns.tolist())


@given(st.integers(1, 2**45), st.data())
def test_the_shift_is_the_lowest_of_the_best(cells, data):
    nnz = data.draw(st.integers(1, cells) | st.integers(1, min(cells, 1000)))
    assert gaps.shift_of(cells, nnz) == slow_shift(cells, nnz)


def test_shifts_by_hand():
    assert gaps.shift_of(10, 10) == 0
    assert gaps.shift_of(16, 3) == 1  # 1 and 2 take 12 bits each
    assert [gaps.shift_of(1000, nnz) for nnz in (500, 100, 10)] == [0, 3, 6]
    assert gaps.shift_of(65_536 * 10**9, 10**9) == 15  # one value in each of the longest rows
    assert gaps.shift_of(2**60, 1) == 30
    assert gaps.most_bytes(1000, 100) == 38 + 27


@pytest.mark.parametrize(
    ("density", "dim", "least", "most"),
    [(0.1, 64, 4.7, 4.8), (0.1, 640, 4.7, 4.8), (0.01, 640, 8.0, 8.2), (0.5, 64, 1.9, 2.0)],
)
def test_bits_for_each_value_of_a_random_mask(density, dim, least, most):
    random = np.random.default_rng(0)
    mask = random.random((4000, dim)) < density
    mask[np.arange(4000), random.integers(0, dim, 4000)] |= ~mask.any(axis=1)
    rows, columns = np.nonzero(mask)
    indptr = np.concatenate(([0], np.cumsum(np.bincount(rows))))
    parts = gaps.encode(indptr, columns, dim)
    size = sum(len(part) for part in parts)
    assert least < 8 * size / len(columns) < most
    assert size <= gaps.most_bytes(mask.size, len(columns))
    if density == 0.1:
        # What the documentation says of any structure of this density, in bytes rounded up.
        assert 8 * gaps.most_bytes(mask.size, mask.size // 10) < 5.13 * (mask.size // 10)
        assert 8 * size / len(columns) < 5.2
    decoded = gaps.decode(*parts, 4000, dim, len(columns))
    np.testing.assert_array_equal(decoded[0], indptr)
    np.testing.assert_array_equal(decoded[1], columns)


# Bytes that are no code. Three rows of 12 columns and 5 values, as above: 2 low bits each, `b9 01` and `4d 01`.

LOW, HIGH = [0xB9, 0x01], [0x4D, 0x01]
REFUSED = {
    "low parts missing": ([], HIGH, "'gaps_low' has 0 bytes of low parts; 5 gaps of 2 low bits take 2"),
    "low parts too short": ([0xB9], HIGH, "'gaps_low' has 1 bytes"),
    "low parts too long": ([0xB9, 0x01, 0], HIGH, "'gaps_low' has 3 bytes"),
    "low parts with padding set": ([0xB9, 0x05], HIGH, "'gaps_low' has bits set after the last gap"),
    "low parts with the last bit set": ([0xB9, 0x81], HIGH, "'gaps_low' has bits set after the last gap"),
    "no high parts": (LOW, [], "'gaps_high' has 0 one bits, but there are 5 gaps"),
    "a one bit too few": (LOW, [0x4D], "'gaps_high' has 4 one bits, but there are 5"),
    "a one bit too many": (LOW, [0x4D, 0x03], "'gaps_high' has 6 one bits, but there are 5"),
    "padding set": (LOW, [0x4D, 0x81], "'gaps_high' has 6 one bits, but there are 5"),
    "a zero byte at the end": (LOW, [0x4D, 0x01, 0], "'gaps_high' goes on after the last gap"),
    "zero bytes alone": (LOW, [0, 0], "'gaps_high' has 0 one bits"),
    "a position beyond the table by its high part": (
        LOW,
        [0x4D, 0x10],
        "'gaps_high' has 8 zero bits .* 7 are possible",
    ),
    "a position just beyond the table": ([0x39, 0x02], [0xC9, 0x04], "the gaps go beyond the last row"),
    "a position beyond the table by its low part": ([0xFF, 0x03], [0x0F, 0x08], "beyond the last row"),
    "a position far beyond": (LOW, [0x4D, *[0] * 9, 0x80], "'gaps_high' has 83 zero bits"),
    "the first row empty": ([0, 0], [0xF8], "row 0 is empty"),
    "a row in the middle empty": ([0, 0], [0x0F, 0x02], "row 1 is empty"),
    "the last row empty": ([0, 0], [0x1F], "row 1 is empty"),
}


@pytest.mark.parametrize("block", [1, 1 << 14])
@pytest.mark.parametrize("case", REFUSED)
def test_bytes_that_are_no_code(case, block):
    low, high, message = REFUSED[case]
    assert slow_decode(low, high, 3, 12, 5) is None
    with blocks(8, block), pytest.raises(SparserecError, match=message):
        gaps.decode(np.array(low, dtype=np.uint8), np.array(high, dtype=np.uint8), 3, 12, 5)


@pytest.mark.parametrize(("n", "dim", "nnz"), [(0, 4, 0), (3, 4, 2), (3, 4, 13), (1, 4, 0), (0, 4, 1)])
def test_sizes_that_no_table_has(n, dim, nnz):
    with pytest.raises(SparserecError, match=f"{nnz} values can't fill {n} rows of {dim} columns"):
        gaps.decode(np.zeros(0, dtype=np.uint8), np.full(4, 255, dtype=np.uint8), n, dim, nnz)


@pytest.mark.parametrize(("n", "dim", "nnz"), [(10**15, 65_536, 10**15), (1, 65_536, 65_536), (10**15, 1, 10**15)])
@pytest.mark.parametrize("zeros", [0, 100_000])
def test_huge_sizes_take_no_memory(n, dim, nnz, zeros):
    low, high = np.zeros(8, dtype=np.uint8), np.zeros(zeros + 1, dtype=np.uint8)
    high[-1] = 1
    tracemalloc.start()
    try:
        with pytest.raises(SparserecError):
            gaps.decode(low, high, n, dim, nnz)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_memory_beside_the_results_stays_small():
    """Two million values, of which half lie together and half are far apart."""
    n, dim = 5000, 4000
    lengths = np.where(np.arange(n) < 500, dim, 1)
    indptr = np.concatenate(([0], np.cumsum(lengths)))
    columns = np.concatenate([np.tile(np.arange(dim, dtype=np.uint16), 500), np.full(n - 500, 7, dtype=np.uint16)])
    tracemalloc.start()
    try:
        low, high = gaps.encode(indptr, columns, dim)
        decoded = gaps.decode(low, high, n, dim, len(columns))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(decoded[0], indptr)
    np.testing.assert_array_equal(decoded[1], columns)
    results = low.nbytes + high.nbytes + decoded[0].nbytes + decoded[1].nbytes
    assert peak < results + 12 * (1 << 20)
