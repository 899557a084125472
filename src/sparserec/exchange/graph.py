"""A graph under construction: constants and nodes get names by themselves, in the order in which they are made."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper


class Graph:
    """Collects the parts of a graph; methods give the names of what they make."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: dict[str, onnx.TensorProto] = {}
        self._known: dict[tuple[str, tuple[int, ...], bytes], int] = {}

    def constant(self, value: np.ndarray, name: str | None = None) -> str:
        """An ordinary tensor that is stored with the graph; equal small ones are stored once."""
        if name is None:
            known = (value.dtype.str, value.shape, value.tobytes())
            name = f"constant_{self._known.setdefault(known, len(self._known))}"
        if name not in self.tensors:
            self.tensors[name] = numpy_helper.from_array(np.asarray(value, order="C"), name)
        return name

    def number(self, value: float, dtype: type = np.int64) -> str:
        """A constant without dimensions."""
        return self.constant(np.array(value, dtype=dtype))

    def numbers(self, *values: int) -> str:
        """A constant of one dimension, int64."""
        return self.constant(np.array(values, dtype=np.int64))

    def add(self, operator: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """A node; gives the name of its first output."""
        stem = f"{operator}_{len(self.nodes)}"
        names = [stem] + [f"{stem}_{number}" for number in range(1, outputs)]
        self.nodes.append(helper.make_node(operator, inputs, names, name=stem, **attributes))
        return stem

    def cast(self, value: str, dtype: type) -> str:
        """A value in another type, given as NumPy has it."""
        return self.add("Cast", value, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
