"""An artefact as one self-contained ONNX model: a history of item indices in, the best items and their scores out."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from sparserec.artefact.codecs import HISTORY_FACTORS, STRUCTURE, Decoded, Side, codec_of
from sparserec.artefact.reader import Artefact, DecodedTable, read
from sparserec.errors import SparserecError
from sparserec.exchange.decoding import DecodingGraph
from sparserec.exchange.encoding import EncodingGraph
from sparserec.exchange.graph import Graph
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
    "Less",
    "MatMul",
    "Max",
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
    "Softmax",
    "Sqrt",
    "Sub",
    "TopK",
    "Transpose",
    "Unique",
    "Where",
)
"""All operators that an exported model may have; those of a transformer among them."""
CARD, IDS = "sparserec", "sparserec.ids"
"""Names of the metadata: the model card, and the raw ids of the items as a JSON list; index `i` is item `i`."""


def write_onnx(artefact: str | os.PathLike[str], out: str | os.PathLike[str], *, exclude_history: bool = True) -> int:
    """Write an exported file as an ONNX model; the same file gives the same bytes.

    The model has the inputs `history` (h,), `exclude` (e,) and `k` (1,), all int64, the first two item indices, and the
    outputs `items` (k,) int64 and `scores` (k,) float32, best first, of equal scores the lower index first. Where the
    file says what age does or has a transformer, `history` is oldest first, and an index that is there twice stands
    where it stands last. Indices that are no item's, such as -1, are left out, and make no other item older. Where
    fewer than k items are left, scores are -inf at the end; with no item in the history all of them are. A user table
    is left out.

    Args:
        artefact: a file that `sparserec export` wrote, with a sparse item table.
        out: the file to write, atomically.
        exclude_history: False for a model that ranks items of the history too.

    Returns:
        its bytes.

    Raises:
        SparserecError: when the file is not valid, or its item table is dense.
    """
    path = Path(artefact)
    opened = read(path)
    if opened.items.dense:
        raise SparserecError(f"{path}: its item table is dense; only sparse ones are written as ONNX")
    model = _model(opened, exclude_history)
    onnx.checker.check_model(model)
    data = model.SerializeToString(deterministic=True)
    write_bytes(Path(out), data)
    return len(data)


def _model(artefact: Artefact, exclude_history: bool) -> onnx.ModelProto:
    graph = DecodingGraph()
    n, dim = artefact.items.n, artefact.items.dim
    side = Side.of("items", n, dim, artefact.tensors)
    items, columns = STRUCTURE.in_graph(graph, side, artefact.items.values.size)
    codes, scales = _codes(graph, side, artefact.items)
    history, unwanted = (_known(graph, name, n) for name in ("history", "exclude"))

    decoded = _Decoded(side, items, columns, codes, scales)
    if artefact.encoder is not None:
        vector = _encoded(graph, decoded, artefact, history)
    elif artefact.items.age_decay is None:
        vector = _sum_of_rows(graph, decoded, artefact.items, history, None)
    else:
        vector = _in_order(graph, decoded, artefact.items, history)

    products = graph.add("Mul", graph.add("GatherElements", vector, columns, axis=0), codes)
    scores = graph.add("ScatterElements", _zeros(graph, n), items, products, axis=0, reduction="add")
    scores = graph.cast(scores, np.float32)
    if artefact.items.factors is not None:
        factors = graph.constant(artefact.items.factors, "items.factors")
        scores = graph.add("Mul", scores, graph.cast(factors, np.float32))
    # Nothing is said of nobody: without an item in the history, every score is -inf.
    some = graph.add("Min", graph.add("Shape", history), graph.numbers(1))
    scores = graph.add("Add", scores, graph.add("Gather", graph.constant(np.array([-np.inf, 0], np.float32)), some))
    left_out = graph.add("Concat", history, unwanted, axis=0) if exclude_history else unwanted
    never = graph.add("Expand", graph.number(-np.inf, np.float32), graph.add("Shape", left_out))
    scores = graph.add("ScatterElements", scores, left_out, never, axis=0)
    k = graph.add("Min", "k", graph.numbers(n))
    top = helper.make_node("TopK", [scores, k], ["scores", "items"], name="top", axis=0, largest=1, sorted=1)
    graph.nodes.append(top)
    return _packed(graph, artefact)


@dataclass(frozen=True)
class _Decoded:
    """The item table in the graph.

    Attributes:
        side: its tensors.
        items, columns: row and column of each value, int32 (nnz,).
        codes: float64 (nnz,).
        scales: float64 (dim,) or ().
    """

    side: Side
    items: str
    columns: str
    codes: str
    scales: str


def _sum_of_rows(graph: DecodingGraph, table: _Decoded, rows: DecodedTable, history: str, powers: str | None) -> str:
    """The sum of the rows of a history, times the scales twice, as codes are multiplied with it: float64 (dim,).

    Args:
        graph: where it is made.
        table: the items in it.
        rows: the items.
        history: item indices (h,); each once, where there are powers.
        powers: what age leaves of each, float64 (h,).
    """
    # Each item's weight in the history: its factor, or 1, and 0 when it is not there. Twice in it is once in it.
    if rows.history_factors is not None:
        weights = graph.add("Gather", HISTORY_FACTORS.in_graph(graph, table.side), history)
        weights = weights if powers is None else graph.add("Mul", weights, powers)
    elif powers is not None:
        weights = powers
    else:
        weights = graph.add("Expand", graph.number(1, np.float64), graph.add("Shape", history))
    weights = graph.add("ScatterElements", _zeros(graph, rows.n), history, weights, axis=0)
    of_each = graph.add("GatherElements", weights, table.items, axis=0)
    there = graph.add("Not", graph.add("Equal", of_each, graph.number(0, np.float64)))
    parts = graph.add("Mul", *(graph.add("Compress", each, there, axis=0) for each in (of_each, table.codes)))
    used = graph.add("Compress", table.columns, there, axis=0)
    vector = graph.add("ScatterElements", _zeros(graph, rows.dim), used, parts, axis=0, reduction="add")
    return graph.add("Mul", graph.add("Mul", vector, table.scales), table.scales)


def _newest_first(graph: Graph, history: str) -> str:
    """The items of a history (h,), each once, the newest first, so an item's age is its place."""
    last, before_first = graph.numbers(-1), graph.numbers(-(2**63) + 1)
    backwards = graph.add("Slice", history, last, before_first, graph.numbers(0), last)
    return graph.add("Unique", backwards, axis=0, sorted=0)


def _encoded(graph: DecodingGraph, table: _Decoded, artefact: Artefact, history: str) -> str:
    """The vector that the transformer makes of a history, times the scales as codes are multiplied with it."""
    encoder, items = artefact.encoder, artefact.items
    assert encoder is not None
    taken = graph.add("Slice", _newest_first(graph, history), graph.numbers(0), graph.numbers(encoder.length))
    found = graph.add("Shape", taken)
    ages = graph.add("Range", graph.number(0), graph.add("Gather", found, graph.number(0)), graph.number(1))
    nowhere = graph.add("Expand", graph.number(-1), graph.numbers(items.n))
    of_each = graph.add("GatherElements", graph.add("ScatterElements", nowhere, taken, ages, axis=0), table.items)
    there = graph.add("Not", graph.add("Equal", of_each, graph.number(-1)))
    values = graph.add("Mul", table.codes, _of_columns(graph, table, items))
    places, columns, values = (
        graph.add("Compress", each, there, axis=0) for each in (of_each, graph.cast(table.columns, np.int64), values)
    )
    # With nothing in the history, a row of zeros stands for it.
    count = graph.add("Max", found, graph.numbers(1))
    cells = graph.add("Expand", graph.number(0, np.float64), graph.add("Mul", count, graph.numbers(items.dim)))
    flat = graph.add("Add", graph.add("Mul", places, graph.number(items.dim)), columns)
    rows = graph.add("ScatterElements", cells, flat, values, axis=0)
    rows = graph.add("Reshape", rows, graph.numbers(-1, items.dim))
    vector = EncodingGraph(graph, encoder, artefact.tensors).vector(rows, count)
    return graph.add("Mul", vector, table.scales)


def _of_columns(graph: Graph, table: _Decoded, items: DecodedTable) -> str:
    """The scale of the column of each value, float64 (nnz,) or ()."""
    return table.scales if items.scales is None else graph.add("GatherElements", table.scales, table.columns, axis=0)


def _in_order(graph: DecodingGraph, table: _Decoded, rows: DecodedTable, history: str) -> str:
    """The vector of a history whose order counts, times the scales as codes are multiplied with it: float64 (dim,)."""
    assert rows.age_decay is not None
    taken = _newest_first(graph, history)
    count = graph.add("Gather", graph.add("Shape", taken), graph.number(0))
    ages = graph.cast(graph.add("Range", graph.number(0), count, graph.number(1)), np.float64)
    of_rows, *of_columns = [
        graph.add("Exp", graph.add("Mul", ages, graph.number(np.log(decay), np.float64)))
        for decay in rows.age_decay.astype(np.float64).tolist()
    ]
    if not of_columns:
        return _sum_of_rows(graph, table, rows, taken, of_rows)
    own = graph.add("ScatterElements", _zeros(graph, rows.n), taken, of_columns[0], axis=0)
    ordinary = rows.dim - rows.n
    scales = rows.column_scales()[ordinary:]
    own = graph.add("Mul", own, table.scales if rows.scales is None else graph.constant(scales))
    if ordinary == 0:
        return own
    vector = _sum_of_rows(graph, table, rows, taken, of_rows)
    vector = graph.add("Slice", vector, graph.numbers(0), graph.numbers(ordinary))
    return graph.add("Concat", vector, own, axis=0)


def _packed(graph: Graph, artefact: Artefact) -> onnx.ModelProto:
    """The model with its inputs, outputs and metadata."""
    inputs = [
        ("history", TensorProto.INT64, ["taken"]),
        ("exclude", TensorProto.INT64, ["unwanted"]),
        ("k", TensorProto.INT64, [1]),
    ]
    outputs = [("items", TensorProto.INT64, ["best"]), ("scores", TensorProto.FLOAT, ["best"])]
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


def _known(graph: Graph, name: str, n: int) -> str:
    """Those of an input's indices (m,) that are items', so that -1 is not the last one, as it would be to Gather."""
    within = graph.add("Max", graph.add("Min", name, graph.numbers(n)), graph.numbers(-1))
    place = graph.add("Mod", within, graph.numbers(n + 1))  # -1 goes where n does: behind the last item
    return graph.add("Compress", place, graph.add("Not", graph.add("Equal", place, graph.numbers(n))), axis=0)


def _codes(graph: DecodingGraph, side: Side, items: DecodedTable) -> tuple[str, str]:
    """The codes, float64 (nnz,), and the scales of the columns, float64 (dim,) or ()."""
    decoded = Decoded(items.values, items.scales, items.unit, items.odd)
    codes = codec_of(side).in_graph(graph, side, decoded)
    scales = graph.number(items.unit, np.float64) if items.scales is None else graph.constant(items.column_scales())
    return graph.cast(codes, np.float64), scales


def _zeros(graph: Graph, count: int) -> str:
    """Zeros (count,) float64, made by the graph."""
    return graph.add("Expand", graph.number(0, np.float64), graph.numbers(count))
