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

import argparse
import json
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from sparserec.training.kinds import KINDS, Kind
from torch import Tensor

import common
from sparserec.evaluation import evaluate
from sparserec.files import write_text
from sparserec.interactions import Split
from sparserec.objectives.distillation import DISTILLATION
from sparserec.recommenders import FISM
from sparserec.runs import Run, set_threads
from sparserec.sparsity import CsrMask, history_start, item_spectrum, random_mask
from sparserec.sparsity.initial import nmf_factors
from sparserec.sparsity.masks import largest
from sparserec.sparsity.spectral import TYPICAL_VALUE
from sparserec.tables import DenseTable, SparseTable, Table
from sparserec.teachers import open_lists
from sparserec.training.build import build_explorer, build_optimizers, build_plan
from sparserec.training.checkpoint import load_state
from sparserec.training.tasks import DistillationTask
from sparserec.training.trainer import Trainer

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


KINDS[TWO] = Kind(
    {"items": "items", "history": "items"},
    lambda tables, history, config: TwoTables(tables["items"], tables["history"], tables["weights"], history),
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


def start_of(name: str, run: Run, count: int) -> tuple[CsrMask, np.ndarray, int]:
    """Mask, history weights and columns of a row's start, with `count` values."""
    split, config = run.split(), run.config
    degrees, seed = split.train.item_degrees(), config.seed
    wide = load_state(run.folder / "start.safetensors")[1]["dim"]
    dim = NARROW if str(NARROW) in name else int(wide)
    generator = np.random.default_rng([seed, 3])
    if name.startswith("random"):
        mask, weights = random_mask(len(degrees), dim, count, generator), 1 / np.maximum(degrees, 1)
    elif name.startswith("NMF"):
        mask, weights = nmf_mask(split, count, seed)
    else:
        spectrum = item_spectrum(split.train.csr(), dim, seed=seed)
        found = history_start(spectrum, degrees, count, power=config.init_power)
        mask, weights = found.mask, found.weights
    if name.startswith("random") or name.endswith("alone"):
        values = generator.standard_normal(len(mask.values), dtype=np.float32) * 0.05
        mask, weights = CsrMask(mask.indptr, mask.columns, values), 1 / np.maximum(degrees, 1)
    return mask, weights.astype(np.float32), dim


def measure(name: str, run: Run, epochs: int) -> dict:
    """Validation NDCG@20 of a start before training and after it."""
    split = run.split()
    config = run.config.model_copy(update={"epochs": epochs, "patience": epochs})
    count, two = run.parameters(), name.endswith("two tables")
    began = time.perf_counter()
    mask, weights, dim = start_of(name, run, count // 2 if two else count)
    building = time.perf_counter() - began

    def table() -> SparseTable:
        return SparseTable(mask.indptr.copy(), mask.columns.copy(), mask.values.copy(), dim)

    factors = DenseTable(np.log(weights)[:, None])
    model = TwoTables(table(), table(), factors, split.train) if two else FISM(table(), factors, split.train)
    before = evaluate(model.scorer(split.train), split.train, split.valid)["ndcg@20"]
    lists = open_lists(run.folder / "teacher.npy", np.arange(split.train.n_users), split.train.n_items)
    task = DistillationTask(split.train, lists, DISTILLATION[config.loss]())
    plan = build_plan(config, split, model)
    known = config.model_copy(update={"model": TWO}) if two else config  # whose rows each table holds
    explorer = build_explorer(known, model, split, plan.epochs * -(-task.size // plan.batch_size))
    with tempfile.TemporaryDirectory(prefix="sparserec-starts-") as folder:
        trainer = Trainer(model, build_optimizers(config, model), explorer, task, split, plan, Path(folder))
        trainer.run()
        history = load_state(Path(folder) / "checkpoint.safetensors")[1]["history"]
    return {
        "start": name,
        "columns": dim,
        "values": sum(t.nnz for t in model.tables.values() if isinstance(t, SparseTable)),
        "untrained valid NDCG@20": round(before, 4),
        f"after {epochs} epochs": round(max(entry["ndcg@20"] for entry in history), 4),
        "making the start s": round(building, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a finished run of recipe fism")
    parser.add_argument("--epochs", type=int, default=4, help="of training each row (default 4)")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    set_threads(args.threads)
    run = Run.open(args.run)
    kept = args.run / "starts.json"
    rows = json.loads(kept.read_text()) if kept.exists() else []
    for name in ROWS:
        if name not in {row["start"] for row in rows}:
            rows.append(measure(name, run, args.epochs))
            write_text(kept, json.dumps(rows))
            print(rows[-1], flush=True)
    facts = {"data": Path(run.facts.source).name, "budget": run.config.budget, "threads": args.threads}
    common.save("starts", f"python benchmarks/starts.py RUN --epochs {args.epochs}", {**facts, "rows": rows})


if __name__ == "__main__":
    main()
