"""An artefact as one self-contained ONNX model: a history of item indices in, the best items and their scores out."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import onnx
from onnx import helper

from sparserec.artefact import gaps
from sparserec.artefact.reader import Artefact, read
from sparserec.errors import SparserecError
from sparserec.exchange.decoding import positions, rice_numbers, signed_odds
from sparserec.exchange.graph import DOUBLE, FLOAT, INT32, INT64, Graph
from sparserec.files import write_bytes

OPSET = 17
"""Version of the operators; that of ScatterElements is the newest which is needed (16)."""
OPERATORS = (
    "Add",
    "Cast",
    "Compress",
    "Concat",
    "CumSum",
    "Div",
    "Equal",
    "Exp",
    "Expand",
    "Gather",
    "GatherElements",
    "Min",
    "Mod",
    "Mul",
    "Not",
    "Range",
    "ReduceSum",
    "Reshape",
    "ScatterElements",
    "Shape",
    "Slice",
    "Sub",
    "TopK",
)
"""All operators that an exported model may have."""
CARD, IDS = "sparserec", "sparserec.ids"
"""Names of the metadata: the model card, and the raw ids of the items as a JSON list; index `i` is item `i`."""


def write_onnx(artefact: str | os.PathLike[str], out: str | os.PathLike[str]) -> int:
    """Write an exported file as an ONNX model; the same file gives the same bytes.

    The model has the inputs `history` (h,), `exclude` (e,) and `k` (1,), all int64, the first two item indices, and the
    outputs `items` (k,) int64 and `scores` (k,) float32, best first, of equal scores the lower index first. Where fewer
    than k items are left, scores are -inf at the end. A user table is left out.

    Args:
        artefact: a file that `sparserec export` wrote, with a sparse item table.
        out: the file to write, atomically.

    Returns:
        its bytes.

    Raises:
        SparserecError: when the file is not valid, or its item table is dense.
    """
    path = Path(artefact)
    opened = read(path)
    if opened.items.dense:
        raise SparserecError(f"{path}: its item table is dense; only sparse ones are written as ONNX")
    model = _model(opened)
    onnx.checker.check_model(model)
    data = model.SerializeToString(deterministic=True)
    write_bytes(Path(out), data)
    return len(data)


def _model(artefact: Artefact) -> onnx.ModelProto:
    graph = Graph()
    n, dim = artefact.items.n, artefact.items.dim
    items, columns = _places(graph, artefact)
    codes, scales = _codes(graph, artefact)
    codes = graph.cast(codes, DOUBLE)

    # Each item's weight in the history: its factor, or 1, and 0 when it is not there. Twice in it is once in it.
    weights = graph.add("Gather", _history_factors(graph, artefact), "history") if _weighted(artefact) else None
    if weights is None:
        weights = graph.add("Expand", graph.number(1, np.float64), graph.add("Shape", "history"))
    weights = graph.add("ScatterElements", _zeros(graph, n), "history", weights, axis=0)
    of_each = graph.add("GatherElements", weights, items, axis=0)
    there = graph.add("Not", graph.add("Equal", of_each, graph.number(0, np.float64)))
    parts = graph.add("Mul", *(graph.add("Compress", each, there, axis=0) for each in (of_each, codes)))
    used = graph.add("Compress", columns, there, axis=0)
    vector = graph.add("ScatterElements", _zeros(graph, dim), used, parts, axis=0, reduction="add")
    vector = graph.add("Mul", graph.add("Mul", vector, scales), scales)

    products = graph.add("Mul", graph.add("GatherElements", vector, columns, axis=0), codes)
    scores = graph.add("ScatterElements", _zeros(graph, n), items, products, axis=0, reduction="add")
    scores = graph.cast(scores, FLOAT)
    if artefact.items.factors is not None:
        factors = graph.constant(artefact.items.factors, "items.factors")
        scores = graph.add("Mul", scores, graph.cast(factors, FLOAT))
    left_out = graph.add("Concat", "history", "exclude", axis=0)
    never = graph.add("Expand", graph.number(-np.inf, np.float32), graph.add("Shape", left_out))
    scores = graph.add("ScatterElements", scores, left_out, never, axis=0)
    k = graph.add("Min", "k", graph.numbers(n))
    top = helper.make_node("TopK", [scores, k], ["scores", "items"], name="top", axis=0, largest=1, sorted=1)
    graph.nodes.append(top)
    return _packed(graph, artefact)


def _packed(graph: Graph, artefact: Artefact) -> onnx.ModelProto:
    """The model with its inputs, outputs and metadata."""
    inputs = [("history", INT64, ["taken"]), ("exclude", INT64, ["unwanted"]), ("k", INT64, [1])]
    outputs = [("items", INT64, ["best"]), ("scores", FLOAT, ["best"])]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "sparserec",
            [helper.make_tensor_value_info(*each) for each in inputs],
            [helper.make_tensor_value_info(*each) for each in outputs],
            list(graph.tensors.values()),
        ),
        producer_name="sparserec",
        producer_version=artefact.card.package_version,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=8,
    )
    ids = json.dumps(artefact.item_ids.to_list(), ensure_ascii=False, separators=(",", ":"))
    for name, text in ((CARD, artefact.card.to_json()), (IDS, ids)):
        entry = model.metadata_props.add()
        entry.key, entry.value = name, text
    return model


def _places(graph: Graph, artefact: Artefact) -> tuple[str, str]:
    """Item and column of each value, int32 (nnz,)."""
    tensors, dim = artefact.tensors, artefact.items.dim
    count = artefact.items.values.size
    shift = gaps.shift_of(artefact.items.n * dim, count)
    low = _stored(graph, artefact, "items.gaps_low") if shift else ""
    high = _stored(graph, artefact, "items.gaps_high")
    where = positions(graph, low, high, len(tensors["items.gaps_high"]), count, shift)
    item, column = (graph.add(operator, where, graph.number(dim)) for operator in ("Div", "Mod"))
    return graph.cast(item, INT32), graph.cast(column, INT32)


def _codes(graph: Graph, artefact: Artefact) -> tuple[str, str]:
    """The codes (nnz,), and the scales of the columns, float64 (dim,) or ()."""
    rows, tensors = artefact.items, artefact.tensors
    if "items.signs" not in tensors:
        scales = np.float64(1) if rows.scales is None else rows.scales.astype(np.float64)
        return _stored(graph, artefact, "items.values"), graph.constant(np.asarray(scales))
    count = rows.values.size
    magnitudes = _rice(graph, artefact, "items.magnitudes", count)
    codes = signed_odds(graph, magnitudes, _stored(graph, artefact, "items.signs"), count)
    assert rows.half_step is not None
    return codes, graph.number(rows.half_step, np.float64)


def _weighted(artefact: Artefact) -> bool:
    return artefact.items.history_factors is not None


def _history_factors(graph: Graph, artefact: Artefact) -> str:
    """History factors, float64 (n,), rounded to float32 on the way as the format says."""
    numbers = graph.cast(_rice(graph, artefact, "items.history", artefact.items.n), DOUBLE)
    largest, step = artefact.tensors["items.history_scale"].astype(np.float64).tolist()
    shrunk = graph.add("Exp", graph.add("Mul", numbers, graph.number(-step, np.float64)))
    factors = graph.add("Mul", shrunk, graph.number(largest, np.float64))
    return graph.cast(graph.cast(factors, FLOAT), DOUBLE)


def _rice(graph: Graph, artefact: Artefact, name: str, count: int) -> str:
    """The numbers of a code, int64 (count,). The first byte of its low parts, which tells the shift, is left out."""
    low, high = artefact.tensors[f"{name}_low"], artefact.tensors[f"{name}_high"]
    shift = int(low[0])
    stored = graph.constant(low[1:], f"{name}_low") if shift else ""
    return rice_numbers(graph, stored, _stored(graph, artefact, f"{name}_high"), len(high), count, shift)


def _stored(graph: Graph, artefact: Artefact, name: str) -> str:
    return graph.constant(artefact.tensors[name], name)


def _zeros(graph: Graph, count: int) -> str:
    """Zeros (count,) float64, made by the graph."""
    return graph.add("Expand", graph.number(0, np.float64), graph.numbers(count))
