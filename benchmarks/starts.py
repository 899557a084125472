"""Where a history-based table starts, and one table or two: writes docs/results/starts.json.

    python benchmarks/starts.py RUN               # a finished run of recipe fism, whose teacher and settings are taken
    python benchmarks/starts.py RUN --epochs 4 --threads 1

Every row has as many values as the run has parameters, its weights of a history among them, and learns from its
teacher for the same epochs; the validation part judges. NMF is no start of recipe fism: it is here to be compared.
"mask alone": the same places, with normal numbers in them. "two tables": the history is summed from a table of its own,
each table with half of the values. A row takes minutes, the NMF of 256 columns the longest; what an interrupted call
measured is kept.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from sparserec import Run, Split
from sparserec.axes import RECOMMENDERS
from sparserec.bench.parts import (
    DistillationTask,
    StartSettings,
    Trainer,
    build_explorer,
    build_objective,
    build_optimizers,
    build_plan,
    load_state,
    set_threads,
)
from sparserec.bench.script import Rows, remembered, run
from sparserec.bench.timing import timed
from sparserec.evaluation import evaluate
from sparserec.recommenders import FISM, RecommenderKind
from sparserec.sparsity import CsrMask, history_start, item_spectrum, random_mask
from sparserec.sparsity.initial import nmf_factors
from sparserec.sparsity.masks import largest
from sparserec.sparsity.spectral import TYPICAL_VALUE
from sparserec.tables import DenseTable, SparseTable, Table
from sparserec.teachers import open_lists

NARROW = 256
"""Columns at which the spectrum is compared with NMF, which takes far longer for more of them."""
TWO = "fism with two tables"
ROWS = (
    "spectral, mask and values",
    "spectral, mask alone",
    f"spectral, {NARROW} columns, mask and values",
    f"spectral, {NARROW} columns, mask alone",
    f"NMF, {NARROW} columns, mask and values",
    f"NMF, {NARROW} columns, mask alone",
    "random",
    "spectral, two tables",
)


class TwoTables(FISM):
    """FISM with a table for the items of a history beside that of the items to rank."""

    def __init__(self, items: Table, history_items: Table, weights: Table, history):
        super().__init__(items, weights, history)
        self.tables: Mapping[str, Table] = {"items": items, "history": history_items, "weights": weights}

    def _pool(self, offsets: np.ndarray, rows: np.ndarray) -> Tensor:
        entries = torch.from_numpy(rows)
        weights = self.tables["weights"].lookup(entries).squeeze(1).exp()
        return self.tables["history"].pool(entries, torch.from_numpy(offsets), weights)


RECOMMENDERS.register(
    TWO,
    RecommenderKind(
        lambda tables, history, settings: TwoTables(tables["items"], tables["history"], tables["weights"], history),
        {"items": "items", "history": "items"},
        from_histories=True,
        learns_lists=True,
    ),
)


def nmf_mask(split: Split, count: int, seed: int) -> tuple[CsrMask, np.ndarray]:
    """Factors of the normalised interactions with columns of unit length, as the spectral start has them."""
    degrees = np.maximum(split.train.item_degrees(), 1).astype(np.float32)
    _, factors = nmf_factors(split.train.csr(), NARROW, seed=seed)
    rows = factors / np.maximum(np.linalg.norm(factors, axis=0), 1e-12) * np.sqrt(degrees)[:, None]
    indptr, columns = largest(rows, count)
    values = rows[np.repeat(np.arange(len(rows)), np.diff(indptr)), columns]
    unit = TYPICAL_VALUE / max(float(np.sqrt(np.mean(values**2))), 1e-12)
    values = np.where(values == 0, 1e-3, values * unit).astype(np.float32)
    return CsrMask(indptr, columns, values), (1 / degrees / unit**2).astype(np.float32)


def start_of(name: str, trained: Run, count: int) -> tuple[CsrMask, np.ndarray, int]:
    """Mask, history weights and columns of a row's start, with `count` values."""
    split, config = trained.split(), trained.config
    degrees, seed = split.train.item_degrees(), config.seed
    wide = load_state(trained.folder / "start.safetensors")[1]["dim"]
    dim = NARROW if str(NARROW) in name else int(wide)
    generator = np.random.default_rng([seed, 3])
    if name.startswith("random"):
        mask, weights = random_mask(len(degrees), dim, count, generator), 1 / np.maximum(degrees, 1)
    elif name.startswith("NMF"):
        mask, weights = nmf_mask(split, count, seed)
    else:
        spectrum = item_spectrum(split.train.csr(), dim, seed=seed)
        start = history_start(spectrum, degrees, count, power=config.of(StartSettings).init_power)
        mask, weights = start.mask, start.weights
    if name.startswith("random") or name.endswith("alone"):
        values = generator.standard_normal(len(mask.values), dtype=np.float32) * 0.05
        mask, weights = CsrMask(mask.indptr, mask.columns, values), 1 / np.maximum(degrees, 1)
    return mask, weights.astype(np.float32), dim


def measured(name: str, trained: Run, epochs: int) -> dict:
    """Validation NDCG@20 of a start before training and after it."""
    split, two = trained.split(), name.endswith("two tables")
    config = trained.config.model_copy(update={"epochs": epochs, "patience": epochs})
    count = trained.parameters() // 2 if two else trained.parameters()
    seconds, (mask, weights, dim) = timed(lambda: start_of(name, trained, count))

    def table() -> SparseTable:
        return SparseTable(mask.indptr.copy(), mask.columns.copy(), mask.values.copy(), dim)

    factors = DenseTable(np.log(weights)[:, None])
    model = TwoTables(table(), table(), factors, split.train) if two else FISM(table(), factors, split.train)
    before = evaluate(model.scorer(split.train), split.train, split.valid)["ndcg@20"]
    lists = open_lists(trained.folder / "teacher.npy", np.arange(split.train.n_users), split.train.n_items)
    task = DistillationTask(split.train, lists, build_objective(config))
    plan = replace(build_plan(config, split, model), epochs=epochs)  # few users would have more of them
    known = config.model_copy(update={"model": TWO}) if two else config  # whose rows each table holds
    explorer = build_explorer(known, model, split, plan.epochs * -(-task.size // plan.batch_size))
    with tempfile.TemporaryDirectory(prefix="sparserec-starts-") as folder:
        Trainer(model, build_optimizers(config, model), explorer, task, split, plan, Path(folder)).run()
        history = load_state(Path(folder) / "checkpoint.safetensors")[1]["history"]
    return {
        "start": name,
        "columns": dim,
        "values": sum(t.nnz for t in model.tables.values() if isinstance(t, SparseTable)),
        "untrained valid NDCG@20": round(before, 4),
        f"after {epochs} epochs": round(max(entry["ndcg@20"] for entry in history), 4),
        "making the start s": round(seconds, 1),
    }


def main(
    run_folder: Annotated[Path, "of a finished run of recipe fism"],
    epochs: Annotated[int, "of training each row"] = 4,
    threads: int = os.cpu_count() or 1,
    starts: Annotated[Sequence[str], "rows, by name"] = ROWS,
) -> Rows:
    set_threads(threads)
    trained = Run.open(run_folder)
    for name in starts:
        file = run_folder / "starts" / f"{ROWS.index(name)}-{epochs}.json"
        yield remembered(file, lambda name=name: measured(name, trained, epochs))
    return {"data": Path(trained.facts.source).name, "budget": trained.config.budget, "threads": threads}


if __name__ == "__main__":
    run(main, quick={"epochs": 1, "starts": ("random", "spectral, two tables")})
