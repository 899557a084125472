"""The codes of an artefact, decoded by standard operators. docs/artefact-format.md has them bit by bit.

All inputs are constants, so a runtime that folds constants decodes once, when it loads the model.
"""

from __future__ import annotations

import numpy as np

from sparserec.exchange.graph import Graph


class DecodingGraph(Graph):
    """A graph with what the parts of a file need to write down how they are decoded."""

    def bits(self, data: str, count: int) -> str:
        """The first bits of bytes (bytes,) uint8, the lowest of each byte first, int32 (count,)."""
        return self.add("Slice", self._all_bits(data), self.numbers(0), self.numbers(count))

    def rice_numbers(self, low: str, high: str, size: int, count: int, shift: int) -> str:
        """The numbers of a Rice code, int64 (count,).

        Args:
            low: the low parts without a byte of the shift; not used with a shift of 0.
            high: the high parts.
            size: bytes of the high parts.
            count: how many numbers there are.
            shift: low bits of each.
        """
        ones = self._ones(high, size, count)
        before = self.add("Slice", ones, self.numbers(0), self.numbers(count - 1))
        before = self.add("Concat", self.numbers(-1), before, axis=0)
        highs = self.add("Sub", self.add("Sub", ones, before), self.number(1))
        if shift == 0:
            return highs
        scaled = self.add("Mul", highs, self.number(1 << shift))
        return self.add("Add", scaled, self._low_parts(low, count, shift))

    def rice_positions(self, low: str, high: str, size: int, count: int, shift: int) -> str:
        """Positions whose gaps are the numbers of a Rice code, int64 (count,); arguments as for `rice_numbers`."""
        number = self.add("Range", self.number(0), self.number(count), self.number(1))
        zeros = self.add("Sub", self._ones(high, size, count), number)
        positions = self.add("Add", self.add("Mul", zeros, self.number(1 << shift)), number)
        if shift == 0:
            return positions
        lows = self.add("CumSum", self._low_parts(low, count, shift), self.number(0))
        return self.add("Add", positions, lows)

    def _ones(self, high: str, size: int, count: int) -> str:
        """Numbers of the `count` one bits of high parts (size,) uint8, int64 (count,).

        NonZero would give them, but ONNX Runtime does not fold it. So each bit is put where it belongs: a one bit at
        the number of one bits before it, all others into a last place that is cut off.
        """
        bits = self.cast(self._all_bits(high), np.int64)
        number = self.add("Sub", self.add("CumSum", bits, self.number(0)), self.number(1))
        last = self.add("Mul", self.add("Sub", self.number(1), bits), self.number(count))
        place = self.add("Add", self.add("Mul", bits, number), last)
        every = self.add("Range", self.number(0), self.number(8 * size), self.number(1))
        empty = self.add("Expand", self.number(0), self.numbers(count + 1))
        placed = self.add("ScatterElements", empty, place, every, axis=0)
        return self.add("Slice", placed, self.numbers(0), self.numbers(count))

    def _low_parts(self, low: str, count: int, shift: int) -> str:
        """Low parts of `count` numbers of `shift` > 0 bits each, from bytes (bytes,) uint8; int64 (count,)."""
        rows = self.add("Reshape", self.bits(low, count * shift), self.numbers(count, shift))
        powers = self.constant(1 << np.arange(shift, dtype=np.int32))
        parts = self.add("ReduceSum", self.add("Mul", rows, powers), self.numbers(1), keepdims=0)
        return self.cast(parts, np.int64)

    def _all_bits(self, data: str) -> str:
        """Bits of bytes (bytes,) uint8, the lowest first, int32 (8 * bytes,)."""
        column = self.add("Reshape", self.cast(data, np.int32), self.numbers(-1, 1))
        powers = self.constant(1 << np.arange(8, dtype=np.int32))
        bits = self.add("Mod", self.add("Div", column, powers), self.number(2, np.int32))
        return self.add("Reshape", bits, self.numbers(-1))
