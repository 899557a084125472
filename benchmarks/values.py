"""What rounding the values of a history-based table costs, at 8 bits, at 4 and below: writes docs/results/values.json.

    python benchmarks/values.py RUN [RUN ...]     # finished runs of recipe fism, on any data

The table is that which validation chose, with all its parameters, and the validation part judges it. Only values are
rounded; a last row is the exported file as it is, with its history factors rounded too and its smallest values left out
where that pays. "coded": sign and Rice-coded magnitude with one step for the table, the finest whose mean code is as
short as said. "fixed": so many bits for each value, with a scale for each column.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch

from sparserec import Run
from sparserec.artefact import coded
from sparserec.artefact.quantise import from_int8, to_float16, to_int8
from sparserec.bench.measure import measure_file
from sparserec.bench.parts import set_threads
from sparserec.bench.script import Rows, run
from sparserec.evaluation import evaluate
from sparserec.recommenders import FISM
from sparserec.tables import SparseTable

CODED = (8, 6, 5, 4, 3)
"""Bits a value."""


def fixed(values: np.ndarray, columns: np.ndarray, dim: int, bits: int) -> np.ndarray:
    """Values as symmetric integers of so many bits, 8 at most, with a scale a column; rounding half to even."""
    if bits == 8:
        codes, scales = to_int8(values, columns, dim)
        return from_int8(codes, columns, scales)
    most = 2 ** (bits - 1) - 1
    largest = np.zeros(dim, dtype=np.float32)
    np.maximum.at(largest, columns, np.abs(values))
    scale = np.maximum(largest / most, np.float32(1e-30))[columns]
    return np.rint(values / scale) * scale


def at_bits(values: np.ndarray, bits: float) -> tuple[np.ndarray, float]:
    """Coded values with the finest step that takes no more than so many bits a value; and the bits it takes."""
    steps = coded.Steps({"items": values})

    def length(place: int) -> int:
        return sum(part.nbytes for part in coded.outline(values, steps.at(place)["items"]).values())

    place = coded.finest(length, int(bits * len(values) / 8))
    step = steps.at(place)["items"]
    rounded = np.copysign(coded.middle(values, step), values).astype(np.float32)
    return rounded, 8 * length(place) / len(values)


def ways(exact: np.ndarray, columns: np.ndarray, dim: int) -> Iterator[tuple[str, np.ndarray, float]]:
    """Each way to keep values: its name, what is kept, and bits a value."""
    yield "float32", exact, 32.0
    yield "float16", to_float16(exact).astype(np.float32), 16.0
    for bits in (8, 4):
        yield f"fixed, {bits} bits", fixed(exact, columns, dim, bits), float(bits)
    for bits in CODED:
        yield f"coded, {bits} bits", *at_bits(exact, bits)


def judged(trained: Run) -> Iterator[tuple[str, float | str, float | str, Any]]:
    """Of each way to keep the values of a run's table: its name, bits a value, bytes an item, metrics."""
    model, _ = trained.best()
    split, table = trained.split(), model.tables["items"]
    assert isinstance(model, FISM)
    assert isinstance(table, SparseTable)
    exact, columns = table.values.numpy().copy(), np.asarray(table.structure()[1]).astype(np.int64)
    for name, rounded, bits in ways(exact, columns, table.dim):
        with torch.no_grad():
            table.values.copy_(torch.from_numpy(rounded.astype(np.float32)))
        yield name, round(bits, 2), "-", evaluate(model.scorer(split.train), split.train, split.valid)
    with tempfile.TemporaryDirectory(prefix="sparserec-values-") as folder:
        figures = measure_file(trained, Path(folder) / "model.safetensors", split, "valid", refitted=False)
        yield "the file", "-", round(figures["bytes"] / trained.facts.n_items, 2), figures


def main(
    runs: Annotated[Sequence[Path], "RUN: folders of finished runs of recipe fism"],
    threads: Annotated[int | None, "all when not given"] = None,
) -> Rows:
    set_threads(threads)
    for folder in runs:
        trained, first = Run.open(folder), None
        count = trained.best()[0].tables["items"].nnz
        for name, bits, size, metrics in judged(trained):
            yield {
                "data": f"{Path(trained.facts.source).name}, {trained.config.budget}",
                "values": name,
                "parameters": count,
                "bits a value": bits,
                "bytes an item": size,
                "valid Recall@20": round(metrics["recall@20"], 4),
                "valid NDCG@20": round(metrics["ndcg@20"], 5),
                "change": "" if first is None else f"{metrics['ndcg@20'] / first - 1:+.2%}",
            }
            first = first or metrics["ndcg@20"]
    return {}


if __name__ == "__main__":
    run(main)
