"""The codes of an artefact, decoded by standard operators. docs/artefact-format.md has them bit by bit.

All inputs are constants, so a runtime that folds constants decodes once, when it loads the model.
"""

from __future__ import annotations

import numpy as np

from sparserec.exchange.graph import INT32, INT64, Graph


def ones_of(graph: Graph, high: str, size: int, count: int) -> str:
    """Numbers of the `count` one bits of high parts (size,) uint8, int64 (count,).

    NonZero would give them, but ONNX Runtime does not fold it. So each bit is put where it belongs: a one bit at the
    number of one bits before it, all others into a last place that is cut off.
    """
    bits = graph.cast(_bits(graph, high), INT64)
    number = graph.add("Sub", graph.add("CumSum", bits, graph.number(0)), graph.number(1))
    last = graph.add("Mul", graph.add("Sub", graph.number(1), bits), graph.number(count))
    place = graph.add("Add", graph.add("Mul", bits, number), last)
    every = graph.add("Range", graph.number(0), graph.number(8 * size), graph.number(1))
    empty = graph.add("Expand", graph.number(0), graph.numbers(count + 1))
    placed = graph.add("ScatterElements", empty, place, every, axis=0)
    return graph.add("Slice", placed, graph.numbers(0), graph.numbers(count))


def low_parts(graph: Graph, low: str, count: int, shift: int) -> str:
    """Low parts of `count` numbers of `shift` > 0 bits each, from bytes (bytes,) uint8; int64 (count,)."""
    bits = graph.add("Slice", _bits(graph, low), graph.numbers(0), graph.numbers(count * shift))
    rows = graph.add("Reshape", bits, graph.numbers(count, shift))
    powers = graph.constant(1 << np.arange(shift, dtype=np.int32))
    parts = graph.add("ReduceSum", graph.add("Mul", rows, powers), graph.numbers(1), keepdims=0)
    return graph.cast(parts, INT64)


def rice_numbers(graph: Graph, low: str, high: str, size: int, count: int, shift: int) -> str:
    """The numbers of a Rice code, int64 (count,); `low` without the byte of the shift, `high` of `size` bytes."""
    ones = ones_of(graph, high, size, count)
    before = graph.add("Slice", ones, graph.numbers(0), graph.numbers(count - 1))
    before = graph.add("Concat", graph.numbers(-1), before, axis=0)
    highs = graph.add("Sub", graph.add("Sub", ones, before), graph.number(1))
    if shift == 0:
        return highs
    scaled = graph.add("Mul", highs, graph.number(1 << shift))
    return graph.add("Add", scaled, low_parts(graph, low, count, shift))


def positions(graph: Graph, low: str, high: str, size: int, count: int, shift: int) -> str:
    """Positions of the values of a table from the code of its gaps, int64 (count,); `high` has `size` bytes."""
    number = graph.add("Range", graph.number(0), graph.number(count), graph.number(1))
    zeros = graph.add("Sub", ones_of(graph, high, size, count), number)
    found = graph.add("Add", graph.add("Mul", zeros, graph.number(1 << shift)), number)
    if shift == 0:
        return found
    lows = graph.add("CumSum", low_parts(graph, low, count, shift), graph.number(0))
    return graph.add("Add", found, lows)


def signed_odds(graph: Graph, magnitudes: str, signs: str, count: int) -> str:
    """Codes sign * (2 * q + 1), int64 (count,), of magnitudes q (count,) int64 and signs (bytes,) uint8."""
    bits = graph.add("Slice", _bits(graph, signs), graph.numbers(0), graph.numbers(count))
    signs = graph.add("Sub", graph.number(1), graph.add("Mul", graph.cast(bits, INT64), graph.number(2)))
    odds = graph.add("Add", graph.add("Mul", magnitudes, graph.number(2)), graph.number(1))
    return graph.add("Mul", odds, signs)


def _bits(graph: Graph, data: str) -> str:
    """Bits of bytes (bytes,) uint8, the lowest first, int32 (8 * bytes,)."""
    column = graph.add("Reshape", graph.cast(data, INT32), graph.numbers(-1, 1))
    powers = graph.constant(1 << np.arange(8, dtype=np.int32))
    bits = graph.add("Mod", graph.add("Div", column, powers), graph.number(2, np.int32))
    return graph.add("Reshape", bits, graph.numbers(-1))
