"""The transformer of a file as operators of ONNX."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sparserec.artefact.codecs import Encoder
from sparserec.exchange.graph import Graph

EPSILON = 1e-5
"""Added to the variance in every norm."""


class EncodingGraph:
    """Writes down how a vector is made of a history.

    Args:
        graph: where.
        encoder: of the file.
        tensors: of the file, by name; matrices go into the graph as they are stored.
    """

    def __init__(self, graph: Graph, encoder: Encoder, tensors: Mapping[str, np.ndarray]):
        self._graph, self._encoder = graph, encoder
        self._codes, self._scales = tensors["encoder.matrices"], tensors["encoder.scales"]
        self._vectors = tensors["encoder.vectors"]

    def vector(self, rows: str, count: str) -> str:
        """The last state, float64 (dim,).

        Args:
            rows: item rows, float64 (count, dim), the newest first.
            count: how many, int64 (1,), from 1 to the length of the encoder.
        """
        graph, encoder = self._graph, self._encoder
        positions = self._matrix(np.arange(encoder.length)[::-1])
        first = graph.add("Slice", positions, graph.numbers(0), count, graph.numbers(0))
        states = graph.add("Add", graph.add("Mul", rows, self._number(encoder.dim**0.5)), first)
        last = graph.add("Gather", count, graph.number(0))
        places = graph.add("Range", graph.number(0), last, graph.number(1))
        # Of two places, the first is the newer one.
        later = graph.add("Less", places, graph.add("Reshape", places, graph.numbers(-1, 1)))
        for number in range(encoder.blocks):
            states = self._block(states, number, later)
        newest = graph.add("Gather", states, graph.number(0), axis=0)
        return self._normed(newest, len(self._vectors) - 2)

    def _block(self, states: str, number: int, later: str) -> str:
        graph, dim = self._graph, self._encoder.dim
        first, at = self._encoder.length + 5 * dim * number, 6 * number
        query, key, value, inner, outer = (
            self._matrix(first + dim * which + np.arange(dim), transposed=True) for which in range(5)
        )
        normed = self._normed(states, at)
        keys = graph.add("Transpose", graph.add("MatMul", normed, key), perm=[1, 0])
        logits = graph.add("MatMul", graph.add("MatMul", normed, query), keys)
        logits = graph.add("Mul", logits, self._number(dim**-0.5))
        shares = graph.add("Softmax", graph.add("Where", later, self._number(-np.inf), logits), axis=1)
        states = graph.add("Add", states, graph.add("MatMul", shares, graph.add("MatMul", normed, value)))
        hidden = graph.add("MatMul", self._normed(states, at + 2), inner)
        hidden = graph.add("Max", graph.add("Add", hidden, self._vector(at + 4)), self._number(0))
        change = graph.add("Add", graph.add("MatMul", hidden, outer), self._vector(at + 5))
        return graph.add("Add", states, change)

    def _normed(self, states: str, row: int) -> str:
        """Layer norm over the last dimension, with gain and shift in rows `row` and `row + 1` of the vectors."""
        graph, share = self._graph, self._number(1 / self._encoder.dim)
        mean = graph.add("Mul", graph.add("ReduceSum", states, graph.numbers(-1), keepdims=1), share)
        centred = graph.add("Sub", states, mean)
        squares = graph.add("ReduceSum", graph.add("Mul", centred, centred), graph.numbers(-1), keepdims=1)
        root = graph.add("Sqrt", graph.add("Add", graph.add("Mul", squares, share), self._number(EPSILON)))
        scaled = graph.add("Mul", graph.add("Div", centred, root), self._vector(row))
        return graph.add("Add", scaled, self._vector(row + 1))

    def _matrix(self, rows: np.ndarray, transposed: bool = False) -> str:
        """Rows of the matrices, float64, as a factor from the right where `transposed`."""
        graph, codes, scales = self._graph, self._codes[rows], self._scales[rows]
        stored = graph.constant(np.ascontiguousarray(codes.T if transposed else codes))
        factors = graph.constant(scales if transposed else scales[:, None])
        return graph.add("Mul", graph.cast(stored, np.float64), graph.cast(factors, np.float64))

    def _vector(self, row: int) -> str:
        return self._graph.cast(self._graph.constant(self._vectors[row]), np.float64)

    def _number(self, value: float) -> str:
        return self._graph.number(value, np.float64)
