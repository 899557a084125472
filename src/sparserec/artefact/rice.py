"""Rice codes: natural numbers as some low bits as they are and what is above them in unary.

A Rice code is Golomb's with a power of two as divisor. Low and unary parts lie in two streams of bits, as in the
Elias-Fano code, so that both can be read in blocks. `encode` and `decode` have the shift from their caller; `pack` and
`unpack` choose the best one and store it.

S. W. Golomb, "Run-length encodings", IEEE Transactions on Information Theory 12 (1966); R. F. Rice, "Some practical
universal noiseless coding techniques", JPL 79-22 (1979); P. Elias, "Efficient storage and retrieval by content and
address of static files", Journal of the ACM 21 (1974). docs/artefact-format.md has the code bit by bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from sparserec.errors import SparserecError

BLOCK = 1 << 16
"""Numbers that are coded at a time: a multiple of 8, so that the low bits of a block end with a byte."""
BYTES = 1 << 10
"""Bytes of the unary parts that are decoded at a time."""
MOST = 1 << 20
"""The largest number that `pack` takes, and that `unpack` gives."""
MOST_SHIFT = 20
"""The most low bits of a number in `pack`: with more, the unary parts of numbers up to `MOST` would be no shorter."""

_ONES = np.array([bin(byte).count("1") for byte in range(256)], dtype=np.uint8)
"""One bits of each byte."""


class Names(NamedTuple):
    """What messages call a code.

    Attributes:
        tensors: its two tensors are this with "_low" and "_high".
        number: one of its numbers; with an s, several.
    """

    tensors: str
    number: str


class Sizes(NamedTuple):
    """What a sequence takes when `pack` codes it.

    Attributes:
        shift: low bits of each number.
        low: bytes of the low parts, with the byte of the shift.
        high: bytes of the unary parts.
    """

    shift: int
    low: int
    high: int


def encode(blocks: Iterable[np.ndarray], count: int, shift: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Code natural numbers.

    Args:
        blocks: the numbers, each block (BLOCK,) int64 apart from the last, which may be shorter.
        count: how many they are, at least 1.
        shift: low bits of each, 0 to 30.
        most: what the numbers, each divided by 2**shift and rounded down, add up to, or more.

    Returns:
        low (ceil(count * shift / 8),) uint8, the low bits of each number, and high (bytes,) uint8, for each number as
        many zero bits as its high part says and a one bit; both begin with bit 0 of byte 0 and end in zero bits.
    """
    low = np.zeros(bytes_of(count * shift), dtype=np.uint8)
    high = np.zeros(bytes_of(count + most), dtype=np.uint8)
    first, bit = 0, -1  # numbers before the block, and the one bit of the last of them
    for numbers in blocks:
        if shift:
            bits = np.unpackbits(_as_bytes(numbers), axis=1, count=shift, bitorder="little")
            packed = np.packbits(bits, bitorder="little")
            low[first // 8 * shift : first // 8 * shift + len(packed)] = packed
        ones = bit + np.cumsum((numbers >> shift) + 1)
        where = ones >> 3
        starts = np.flatnonzero(np.diff(where, prepend=-1))
        high[where[starts]] |= np.bitwise_or.reduceat((1 << (ones & 7)).astype(np.uint8), starts)
        first, bit = first + len(numbers), int(ones[-1])
    return low, high[: bytes_of(bit + 1)].copy()


def check(low: np.ndarray, high: np.ndarray, count: int, shift: int, most: int, names: Names) -> None:
    """What can be said of a code without decoding it; takes no memory for what is only claimed.

    Args:
        low: (bytes,) uint8.
        high: (bytes,) uint8.
        count: how many numbers there must be, at least 1.
        shift: low bits of each.
        most: what their high parts add up to at most.
        names: for messages.

    Raises:
        SparserecError: when the bytes are not the code of so many numbers, or high parts add up to more than `most`.
    """
    tensors, number = names
    bits = count * shift
    if len(low) != bytes_of(bits):
        raise SparserecError(
            f"'{tensors}_low' has {len(low)} bytes of low parts; "
            f"{count} {number}s of {shift} low bits take {bytes_of(bits)}"
        )
    if bits % 8 and int(low[-1]) >> bits % 8:
        raise SparserecError(f"'{tensors}_low' has bits set after the last {number}")
    ones = one_bits(high)
    if ones != count:
        raise SparserecError(f"'{tensors}_high' has {ones} one bits, but there are {count} {number}s")
    if high[-1] == 0:
        raise SparserecError(f"'{tensors}_high' goes on after the last {number}")
    zeros = 8 * (len(high) - 1) + int(high[-1]).bit_length() - count
    if zeros > most:
        raise SparserecError(
            f"'{tensors}_high' has {zeros} zero bits before its last one; with {count} {number}s {most} are possible"
        )


def decode(low: np.ndarray, high: np.ndarray, shift: int) -> Iterator[np.ndarray]:
    """The numbers of a code that `check` accepts, in blocks (up to 8 * BYTES,) int64, none empty."""
    first, bit = 0, -1  # numbers before the block, and the one bit of the last of them
    for start in range(0, len(high), BYTES):
        ones = np.flatnonzero(np.unpackbits(high[start : start + BYTES], bitorder="little")).astype(np.int64)
        if len(ones) == 0:
            continue
        ones += 8 * start
        # Between the one bits of two numbers lie as many zeros as the high part of the second says.
        highs = np.diff(ones, prepend=bit) - 1
        yield (highs << shift) + _low_parts(low, first, first + len(ones), shift)
        first, bit = first + len(ones), int(ones[-1])


def sizes(numbers: np.ndarray, most_shift: int = MOST_SHIFT) -> Sizes:
    """The shift that `pack` takes for numbers (count,) of any integer type, and the bytes it gives."""
    best: Sizes | None = None
    for shift in range(most_shift + 1):
        low, least = 1 + bytes_of(len(numbers) * shift), bytes_of(len(numbers))
        if best is not None and low + least >= best.low + best.high:
            break  # the low parts of this shift and of all above it take too much
        high = bytes_of(len(numbers) + int((numbers >> shift).sum(dtype=np.int64)))
        if best is None or low + high < best.low + best.high:
            best = Sizes(shift, low, high)
    assert best is not None
    return best


def pack(numbers: np.ndarray, most_shift: int = MOST_SHIFT) -> tuple[np.ndarray, np.ndarray]:
    """Code numbers with the shift that takes the fewest bytes, of several the lowest.

    Args:
        numbers: (count,) integers from 0 to MOST, at least one; larger ones are no numbers for `unpack`.
        most_shift: of the shift.

    Returns:
        low (bytes,) uint8, the shift and then the low parts, and high (bytes,) uint8, the unary parts.
    """
    shift = sizes(numbers, most_shift).shift
    blocks = (numbers[first : first + BLOCK].astype(np.int64) for first in range(0, len(numbers), BLOCK))
    low, high = encode(blocks, len(numbers), shift, int((numbers >> shift).sum(dtype=np.int64)))
    return np.concatenate((np.array([shift], dtype=np.uint8), low)), high


def unpack(low: np.ndarray, high: np.ndarray, count: int, names: Names) -> np.ndarray:
    """The inverse of `pack`, which takes any shift up to MOST_SHIFT; no memory before the bytes bear out the count.

    Args:
        low: (bytes,) uint8.
        high: (bytes,) uint8.
        count: how many numbers there must be, at least 1.
        names: for messages.

    Returns:
        (count,) int16 or, where one does not fit, int32, from 0 to MOST.

    Raises:
        SparserecError: when the bytes are not the code of so many numbers up to MOST.
    """
    tensors, number = names
    if low.ndim != 1 or high.ndim != 1 or len(low) == 0 or low[0] > MOST_SHIFT:
        raise SparserecError(
            f"'{tensors}_low' and '{tensors}_high' must have one dimension, "
            f"and the first byte of '{tensors}_low' must be there and {MOST_SHIFT} at most"
        )
    # Before anything is computed with the count, which may be a claim of thousands of digits.
    if count > 8 * len(high):
        raise SparserecError(f"'{tensors}_high' has {len(high)} bytes, too few for one bit for each {number}")
    shift = int(low[0])
    check(low[1:], high, count, shift, count * (MOST >> shift), names)
    numbers, first = np.empty(count, dtype=np.int16), 0
    for block in decode(low[1:], high, shift):
        if block.max() > MOST:
            raise SparserecError(f"'{tensors}_high' holds a {number} of {int(block.max())}, above {MOST}")
        if block.max() >= 1 << 15 and numbers.dtype == np.int16:
            numbers = numbers.astype(np.int32)
        numbers[first : first + len(block)] = block
        first += len(block)
    return numbers


def one_bits(data: np.ndarray) -> int:
    """How many bits of data (bytes,) uint8 are set."""
    return sum(int(_ONES[data[start : start + BYTES]].sum()) for start in range(0, len(data), BYTES))


def bytes_of(bits: int) -> int:
    """Bytes that so many bits take."""
    return -(-bits // 8)


def _low_parts(low: np.ndarray, first: int, last: int, shift: int) -> np.ndarray:
    """The low parts (last - first,) int64 of the numbers from `first` to `last`, exclusive. Eight fill whole bytes."""
    if shift == 0:
        return np.zeros(last - first, dtype=np.int64)
    begin, end = first // 8, bytes_of(last)
    count = 8 * (end - begin)
    bits = np.unpackbits(low[begin * shift : end * shift], count=count * shift, bitorder="little").reshape(count, shift)
    # Horner's rule from the highest bit on: a pass for each of a few bits is faster than packing rows of them.
    parts = bits[:, -1].astype(np.int64)
    for bit in range(shift - 2, -1, -1):
        parts <<= 1
        parts |= bits[:, bit]
    return parts[first - 8 * begin : last - 8 * begin]


def _as_bytes(numbers: np.ndarray) -> np.ndarray:
    """The low 32 bits of numbers (n,) as bytes (n, 4), lowest first."""
    return (numbers & 0xFFFFFFFF).astype("<u4").view(np.uint8).reshape(len(numbers), 4)
