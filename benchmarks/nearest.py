"""The nearest rivals on beauty: Compressed ELSA by its authors' package, and EASE cut to neighbours as apps do by hand.

    pip install --target FOLDER --no-deps compresso-recsys==0.3.7 compresso-pytorch==0.1.7
    python benchmarks/nearest.py --package FOLDER --folder FOLDER

Split and measures are those of `benchmarks/order.py`: the newest interaction of each user is the test part, the one
before it chooses the settings; then each is trained on both and the test part is read once. Bytes are told in each
rival's own arrays and in this package's coding of the same numbers. Both know no order, as they are published. What was
measured is remembered in the folder. Writes docs/results/nearest.json.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import scipy.sparse as sp

from sparserec import Split
from sparserec.artefact import TableData, write
from sparserec.bench.data import data_root, dataset
from sparserec.bench.parts import set_threads
from sparserec.bench.script import Rows, remembered, run
from sparserec.evaluation import evaluate
from sparserec.interactions import Interactions, split
from sparserec.protocols import Scorer
from sparserec.teachers import LinearTeacher, OfHistories, ease

KS = (10, 20)
CHOSEN_BY = "ndcg@10"


def main(
    *,
    package: Annotated[Path, "folder in which compresso-recsys is installed"],
    folder: Annotated[Path, "for what was measured"],
    data: str = "beauty",
    targets: Annotated[Sequence[int], "numbers an item of Compressed ELSA"] = (4, 8, 16),
    rates: Annotated[Sequence[float], "step sizes that are tried"] = (1e-3, 3e-3, 1e-2, 3e-2),
    width: Annotated[int, "columns of Compressed ELSA"] = 256,
    epochs: Annotated[int, "of its fine-tuning"] = 10,
    regularisations: Annotated[Sequence[float], "of EASE, that are tried"] = (25.0, 100.0, 400.0, 1600.0),
    neighbours: Annotated[int, "an item, of EASE"] = 100,
    threads: Annotated[int | None, "all when not given"] = None,
) -> Rows:
    sys.path.insert(0, str(package))
    set_threads(threads)
    parts = split(dataset(data_root(None), data), kind="leave-last")
    rate: float | None = None
    for target in sorted(targets, key=lambda count: abs(count - 8)):  # the middle one chooses the step size for all
        tried = rates if rate is None else (rate,)
        make = {
            f"lr {one:g}": partial(compressed_elsa, target=target, rate=one, width=width, epochs=epochs)
            for one in tried
        }
        row = _best(parts, make, folder / f"{data}-elsa-{width}-{target}-{epochs}")
        rate = float(row["chosen"].removeprefix("lr "))
        yield {"data": data, "rival": f"Compressed ELSA, {target} an item", **row}
    make = {f"regularisation {one:g}": partial(cut_ease, penalty=one, kept=neighbours) for one in regularisations}
    row = _best(parts, make, folder / f"{data}-ease-{neighbours}")
    yield {"data": data, "rival": f"EASE, {neighbours} neighbours an item", **row}
    return {"columns of Compressed ELSA": width}


Fitted = tuple[Callable[[Interactions], Scorer], float, TableData]
"""A scorer of histories, bytes an item in its own arrays, and the same numbers as a table."""


def _best(parts: Split, makes: Mapping[str, Callable[[Interactions], Fitted]], folder: Path) -> dict[str, Any]:
    """A row of the setting that validation chose; what was judged and the row are remembered in the folder."""

    def judged(words: str) -> dict[str, Any]:
        scorer = makes[words](parts.train)[0](parts.train)
        return {CHOSEN_BY: evaluate(scorer, parts.train, parts.valid, ks=KS)[CHOSEN_BY]}

    values = {words: remembered(folder / f"{words}.json", partial(judged, words))[CHOSEN_BY] for words in makes}
    words = max(values, key=lambda name: values[name])
    measured = remembered(folder / f"test {words}.json", partial(_measured, parts, makes[words]))
    return {**measured, f"valid {CHOSEN_BY}": round(values[words], 4), "chosen": words, "of": len(makes)}


def _measured(parts: Split, make: Callable[[Interactions], Fitted]) -> dict[str, Any]:
    """Figures on the test part of what learns from all the rest."""
    before = time.process_time()
    history = parts.history("test")
    make_scorer, own_bytes, numbers = make(history)
    seconds = time.process_time() - before
    metrics = evaluate(make_scorer(history), history, parts.test, ks=KS)
    return {
        **{f"{metric}@{k}": round(metrics[f"{metric}@{k}"], 4) for k in KS for metric in ("recall", "ndcg")},
        "bytes an item, own": round(own_bytes, 1),
        "bytes an item, coded here": round(_coded(numbers, history), 1),
        "CPU s": round(seconds, 1),
    }


def _coded(numbers: TableData, history: Interactions) -> float:
    """Bytes an item of a file of these numbers, without ids."""
    with TemporaryDirectory() as folder:
        report = write(Path(folder) / "model.safetensors", items=numbers, item_ids=history.items, values_dtype="coded")
    return (report.total - report.ids) / history.n_items


def compressed_elsa(part: Interactions, *, target: int, rate: float, width: int, epochs: int) -> Fitted:
    """Compressed ELSA with so many numbers an item."""
    from compresso_recsys.models.elsa import (  # type: ignore[import-not-found]
        ELSACompressionConfig,
        ELSAConfig,
        ELSATrainer,
    )

    compression = ELSACompressionConfig(k_target=target, max_epochs_per_stage=3)
    config = ELSAConfig(
        latent_dim=width,
        batch_size=256,
        max_output=2048,
        epochs=epochs,
        lr=rate,
        decay=True,
        show_progress=False,
        compression=compression,
    )
    trainer = ELSATrainer(config)
    trainer.fit(sp.csr_matrix(part.csr()))
    factors = sp.csr_array(trainer.elsa.export_item_embeddings().to_dense().numpy())
    own = target * (np.dtype(np.int64).itemsize + 4)  # as the package keeps them: a column and a number
    return partial(_FactorScorer, factors), own, _table(factors)


class _FactorScorer:
    """Scores of ELSA: histories times factors times factors, transposed."""

    def __init__(self, factors: sp.csr_array, history: Interactions):
        self._factors, self._history = factors, history.csr()
        self.n_items = history.n_items

    def score(self, users: np.ndarray) -> np.ndarray:
        return (self._history[users] @ self._factors @ self._factors.T).toarray().astype(np.float32)


def cut_ease(part: Interactions, *, penalty: float, kept: int) -> Fitted:
    """EASE of which each item keeps the weights of its nearest others, with four bytes for each and for its number."""
    model = ease(part.csr(), penalty)
    weights = model.weights
    nearest = np.argpartition(-weights, kept, axis=0)[:kept]  # of each item that is scored
    columns = np.broadcast_to(np.arange(part.n_items), nearest.shape)
    values = np.take_along_axis(weights, nearest, axis=0)
    few = sp.csr_array((values.ravel(), (nearest.ravel(), columns.ravel())), shape=weights.shape)
    return lambda history: OfHistories(LinearTeacher(few), history.csr()), kept * 8.0, _table(sp.csr_array(few.T))


def _table(rows: sp.csr_array) -> TableData:
    rows.sum_duplicates()
    rows.sort_indices()
    return TableData(
        rows.indptr.astype(np.int64),
        rows.indices,
        rows.data.astype(np.float32),
        int(rows.shape[1]),  # type: ignore
    )


if __name__ == "__main__":
    run(main)
