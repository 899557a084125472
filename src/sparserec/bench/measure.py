"""What a trained run is worth: test metrics, and the bytes of everything that is needed for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from sparserec.artefact import dense_file_bytes, inspect, quantise, sparse_file_bytes
from sparserec.artefact.gaps import most_bytes
from sparserec.axes import RECOMMENDERS
from sparserec.device import Recommender as DeviceRecommender
from sparserec.errors import SparserecError
from sparserec.evaluation import evaluate
from sparserec.interactions import Split
from sparserec.recommenders import Recommender
from sparserec.runs import Run, evaluate_on_device
from sparserec.tables import CPU, DenseTable, SparseTable

METRICS = ("recall@20", "ndcg@20")
OURS = "sparserec"
"""The method whose files are also measured as if all users were new."""


def measure(run: Run, file: Path, device: torch.device = CPU) -> dict[str, Any]:
    """Test metrics and bytes of a run.

    Where the exported file does all that the model does, both are those of the file, through the device runtime. Where
    the model needs more than a file holds (a graph, a network), they are those of the model with its tables rounded to
    int8, and bytes count these tables, the graph in Rice code and the network in float32; if it can be exported at all,
    `file` holds metrics and bytes of the exported file beside them.

    Args:
        run: a finished run.
        file: where to export to.
        device: where a model that needs more than a file ranks.
    """
    kind, split = RECOMMENDERS[run.config.model], run.split()
    model, _ = run.best(device=device)
    networked = any(name not in kind.tables for name in model.tables) and not kind.from_histories
    figures: dict[str, Any] = {"parameters": run.parameters()}
    shipped = _file(run, file, split)
    if not kind.needs_history and not networked:
        if shipped is None:
            raise SparserecError(f"a run of {run.config.model} has nothing to measure: it can't be exported")
        new = _of_new_users(file, split) if run.config.method == OURS else {}
        return {**figures, **shipped, **new, "ships": "file"}
    bytes_of = _bytes(model, run, split) + (_graph_bytes(split) if kind.needs_history else 0)
    for name in kind.tables:
        _round(model.tables[name])
    values = evaluate(model.scorer(split.history("test")), split.history("test"), split.test, ks=(20,))
    figures |= {name: values[name] for name in METRICS} | {"bytes": bytes_of}
    figures["ships"] = "tables and graph" if kind.needs_history else "tables and network"
    return {**figures, "file": shipped} if shipped else figures


def measure_file(
    run: Run, path: Path, split: Split, part: str = "test", refitted: bool | None = None
) -> dict[str, Any]:
    """Export a run: metrics of the file on a part through the device runtime, and its "bytes", without its list of ids.

    Args:
        run: a finished run.
        path: the file to write.
        split: of the data that it was trained on.
        part: "valid" or "test".
        refitted: which of its two models is exported; None for the one that an export takes by itself.
    """
    run.export(path, refitted=refitted)
    metrics = evaluate_on_device(DeviceRecommender.open(path), split, part)
    return {**{name: metrics[name] for name in METRICS}, "bytes": file_bytes(path)}


def file_bytes(path: Path) -> int:
    """Bytes of an exported file, without its list of ids."""
    sizes = inspect(path)["bytes"]
    return sizes["total"] - sizes["ids"]


def _of_new_users(path: Path, split: Split) -> dict[str, float]:
    """Metrics of a file with a user table, were every test user new: their vectors come of their histories."""
    metrics = evaluate_on_device(DeviceRecommender.open(path), split, "test", from_history=True)
    return {f"new_user_{name}": metrics[name] for name in METRICS}


def _file(run: Run, path: Path, split: Split) -> dict[str, Any] | None:
    """Metrics and bytes of the exported file; None for a recommender that no file can hold."""
    try:
        return measure_file(run, path, split)
    except SparserecError:
        if RECOMMENDERS[run.config.model].exports:
            raise
        return None


def _bytes(model: Recommender, run: Run, split: Split) -> int:
    """Of the tables as int8 in the file format, and of other matrices in float32."""
    kind, total = RECOMMENDERS[run.config.model], 0
    sides = list(kind.tables.values())
    n_items, n_users = split.train.n_items * sides.count("items"), split.train.n_users * sides.count("users")
    dim = run.config.dim
    tables = [model.tables[name] for name in kind.tables]
    if all(isinstance(table, SparseTable) for table in tables):
        nnz = sum(table.nnz for table in tables)
        total += sparse_file_bytes(n_items=n_items, n_users=n_users, nnz=nnz, dim=dim, values_dtype="int8")
    else:
        total += dense_file_bytes(n_items=n_items, n_users=n_users, dim=dim, values_dtype="int8")
    return total + sum(4 * table.nnz for name, table in model.tables.items() if name not in kind.tables)


def _graph_bytes(split: Split) -> int:
    """Of the training interactions in Rice code, at most: rows of users, columns of items."""
    return most_bytes(split.train.n_users * split.train.n_items, split.train.nnz)


@torch.no_grad()
def _round(table: Any) -> None:
    """Round a table's values as the file format does."""
    if isinstance(table, SparseTable):
        columns = table.structure()[1].astype(np.int64)
    else:
        assert isinstance(table, DenseTable)
        columns = np.tile(np.arange(table.dim), table.n_rows)
    codes, scales = quantise.to_int8(table.values.cpu().numpy(), columns, table.dim)
    table.values.copy_(torch.from_numpy(quantise.from_int8(codes, columns, scales)))
