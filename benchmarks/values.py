"""What rounding the values of a history-based table costs, at 8 bits, at 4 and below: writes docs/results/values.json.

    python benchmarks/values.py RUN [RUN ...]     # finished runs of recipe fism, on any data

The table is that which validation chose, with all its parameters, and the validation part judges it. Only values are
rounded; a last row is the exported file as it is, with its history factors rounded too and its smallest values left out
where that pays. "coded": sign and Rice-coded magnitude with one step for the table, the finest whose mean code is as
short as said. "fixed": so many bits for each value, with a scale for each column.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import common
from sparserec import Run
from sparserec.artefact import coded, inspect
from sparserec.artefact.quantise import from_int8, to_float16, to_int8
from sparserec.device import Recommender
from sparserec.evaluation import evaluate
from sparserec.recommenders import FISM
from sparserec.runs import evaluate_on_device, set_threads
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


def rows(run: Run) -> list[dict]:
    """A row for each way to keep the values of a run's table."""
    model, _ = run.best()
    split, table = run.split(), model.tables["items"]
    assert isinstance(model, FISM)
    assert isinstance(table, SparseTable)
    exact, columns = table.values.numpy().copy(), np.asarray(table.structure()[1]).astype(np.int64)
    ways: dict[str, Callable[[], tuple[np.ndarray, float]]] = {
        "float32": lambda: (exact, 32.0),
        "float16": lambda: (to_float16(exact).astype(np.float32), 16.0),
    }
    for bits in (8, 4):
        ways[f"fixed, {bits} bits"] = lambda bits=bits: (fixed(exact, columns, table.dim, bits), float(bits))
    for bits in CODED:
        ways[f"coded, {bits} bits"] = lambda bits=bits: at_bits(exact, bits)
    data, found = f"{Path(run.facts.source).name}, {run.config.budget}", []

    def add(name: str, bits: float | None, metrics: dict[str, float], size: float | None = None) -> None:
        first = found[0]["valid NDCG@20"] if found else None
        value = metrics["ndcg@20"]
        found.append(
            {
                "data": data,
                "values": name,
                "parameters": len(exact),
                "bits a value": "-" if bits is None else round(bits, 2),
                "bytes an item": "-" if size is None else round(size, 2),
                "valid Recall@20": round(metrics["recall@20"], 4),
                "valid NDCG@20": round(value, 5),
                "change": "" if first is None else f"{value / first - 1:+.2%}",
            }
        )
        print(found[-1], flush=True)

    for name, make in ways.items():
        rounded, bits = make()
        with torch.no_grad():
            table.values.copy_(torch.from_numpy(rounded.astype(np.float32)))
        add(name, bits, evaluate(model.scorer(split.train), split.train, split.valid).as_dict())
    with tempfile.TemporaryDirectory(prefix="sparserec-values-") as folder:
        file = Path(folder) / "model.safetensors"
        run.export(file, refitted=False)
        size = inspect(file)["bytes"]
        metrics = evaluate_on_device(Recommender.open(file), split, "valid").as_dict()
        add("the file", None, metrics, (size["total"] - size["ids"]) / run.facts.n_items)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="finished runs of recipe fism")
    parser.add_argument("--threads", type=int, default=None, help="all when not given")
    args = parser.parse_args()
    set_threads(args.threads)
    found = [row for folder in args.runs for row in rows(Run.open(folder))]
    common.save("values", "python benchmarks/values.py RUN ...", {"rows": found})


if __name__ == "__main__":
    main()
