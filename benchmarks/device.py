"""The device runtime on one core, beside a dense table and ONNX Runtime, in one run: latency, opening, memory, sizes.

    python benchmarks/device.py model.safetensors [--data DATA] [--older older.safetensors]

Histories have 5, 30 and 200 items: the first ones of users of DATA (the set the model was trained on) that have so
many, and items drawn at random. The dense table has 64 float32 columns, is scored by NumPy's BLAS and answers the same
questions: raw ids in, raw ids out, the history left out. All answer `TURN` histories in turn, so that a slow moment of
the machine meets all of them, and each finds its own table in the caches.

Writes docs/results/device.json.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib.metadata import files
from pathlib import Path
from typing import Annotated

from sparserec.bench.machine import one_core, one_thread

one_thread()

import numpy as np  # noqa: E402

from sparserec.artefact import TableData, read, write  # noqa: E402
from sparserec.artefact.delta import delta  # noqa: E402
from sparserec.artefact.patch import apply  # noqa: E402
from sparserec.bench.histories import random_histories, user_histories  # noqa: E402
from sparserec.bench.script import run  # noqa: E402
from sparserec.bench.timing import quantiles, timed, turns  # noqa: E402
from sparserec.device import Recommender  # noqa: E402
from sparserec.exchange import write_onnx  # noqa: E402
from sparserec.vocabulary import Vocabulary  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
SIZES = (5, 30, 200)
K = 20
TURN = 50
COLUMNS = 64
DENSE = f"dense, {COLUMNS} columns"
COMPARED = 340
"""Histories of each size that are also compared with ONNX Runtime."""
MEMORY = """
from sparserec.bench.machine import reset_peak, status_bytes
reset_peak(); interpreter = status_bytes("VmHWM")
import numpy as np
reset_peak(); numpy = status_bytes("VmHWM")
import sparserec.device
small = sparserec.device.Recommender.open({golden!r})
small.recommend(small.item_ids[:3])
reset_peak(); modules = status_bytes("VmHWM")
model = sparserec.device.Recommender.open({file!r})
opened, stays = status_bytes("VmHWM"), status_bytes("VmRSS")
model.recommend({history!r})
print(interpreter, numpy, modules, opened, stays, status_bytes("VmHWM"))
"""


class Dense:
    """A dense table of random numbers: what they are makes no difference to the time."""

    def __init__(self, ids: list[str]):
        self._ids, self._rows = ids, {name: row for row, name in enumerate(ids)}
        self._table = np.random.default_rng(0).normal(size=(len(ids), COLUMNS)).astype(np.float32)

    def recommend(self, history: list[str]) -> list[tuple[str, float]]:
        taken = np.array([self._rows[name] for name in history])
        scores = self._table @ self._table[taken].sum(axis=0)
        scores[taken] = -np.inf
        best = np.argpartition(scores, len(scores) - K)[len(scores) - K :]
        best = best[np.argsort(-scores[best])]
        return [(self._ids[row], float(scores[row])) for row in best.tolist()]


class Onnx:
    """The model under ONNX Runtime, on one thread."""

    def __init__(self, file: Path, ids: list[str]):
        import onnxruntime

        self._ids, self._rows = ids, {name: row for row, name in enumerate(ids)}
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        self._rest = {"exclude": np.zeros(0, dtype=np.int64), "k": np.array([K])}

    def recommend(self, history: list[str]) -> list[tuple[str, float]]:
        taken = np.array([self._rows[name] for name in history])
        items, scores = self._session.run(["items", "scores"], {"history": taken, **self._rest})
        return [(self._ids[row], score) for row, score in zip(items.tolist(), scores.tolist(), strict=True)]


def memory(file: Path, history: list[str]) -> dict[str, int]:
    # A file of some 2 kB comes first, so that code which is only loaded when it is used is not counted as the file's.
    golden = ROOT / "tests" / "golden" / "coded.safetensors"
    code = MEMORY.format(golden=str(golden), file=str(file), history=history)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    interpreter, numpy, modules, opened, stays, answered = map(int, done.stdout.split())
    return {
        "interpreter bytes": interpreter,
        "numpy bytes": numpy - interpreter,
        "modules bytes": modules - numpy,
        "opening peak bytes": opened - modules,
        "open bytes": stays - modules,
        "first answer peak bytes": answered - modules,
    }


def installed() -> dict[str, int]:
    """Bytes of what is installed without extras."""

    def bytes_of(paths) -> int:
        return sum(f.stat().st_size for f in map(Path, paths) if f.is_file() and "__pycache__" not in f.parts)

    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder]
        subprocess.run([*command, str(ROOT)], capture_output=True, check=True)
        (wheel,) = Path(folder).glob("*.whl")
        target = Path(folder) / "target"
        subprocess.run([sys.executable, "-m", "zipfile", "-e", str(wheel), str(target)], check=True)
        sizes = {"wheel": wheel.stat().st_size, "sparserec": bytes_of(target.rglob("*"))}
    for name in ("numpy", "safetensors"):
        sizes[name] = bytes_of(str(file.locate()) for file in files(name) or [])
    return sizes


def patched(old: bytes, new: bytes) -> dict[str, float]:
    making, patch = timed(lambda: delta(old, new))
    applying, whole = timed(lambda: apply(old, patch))
    assert whole == new
    sizes = {"patch bytes": len(patch), "new bytes": len(new)}
    return sizes | {"making s": round(making, 2), "applying s": round(applying, 2)}


def updates(model: Path, older: Path | None) -> dict[str, dict[str, float]]:
    """Patches to models with some rows learnt anew, or all values moved a little; and from another training."""
    opened = read(model)
    rows = opened.items
    if rows.indptr is None or rows.columns is None:
        return {}
    owner = np.repeat(np.arange(rows.n), np.diff(rows.indptr))
    values, ids = rows.dequantised(), Vocabulary.of(opened.item_ids)

    def written(columns: np.ndarray, values: np.ndarray) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model"
            write(
                file,
                items=TableData(rows.indptr, columns, values.astype(np.float32), rows.dim),
                item_ids=ids,
                history_factors=rows.history_factors,
                age_decay=None if rows.age_decay is None else rows.age_decay.tolist(),
                values_dtype="coded",
                recipe=opened.card.recipe,
            )
            return file.read_bytes()

    old, sizes = written(rows.columns, values), {}
    for share in (0.001, 0.01, 0.1):
        random = np.random.default_rng(0)
        anew = np.flatnonzero((random.random(rows.n) < share)[owner])
        columns, moved = rows.columns.astype(np.int64), values.copy()
        for row in np.unique(owner[anew]).tolist():
            first, last = int(rows.indptr[row]), int(rows.indptr[row + 1])
            columns[first:last] = np.sort(random.choice(rows.dim, last - first, replace=False))
        moved[anew] = random.permutation(values[anew])
        sizes[f"{share:.1%} of the rows learnt anew"] = patched(old, written(columns, moved))
    for change in (0.02, 0.2):
        moved = values * np.exp(change * np.random.default_rng(0).normal(size=len(values)))
        sizes[f"all values moved by about {change:.0%}"] = patched(old, written(rows.columns, moved))
    if older:
        sizes["another training"] = patched(older.read_bytes(), model.read_bytes())
    return sizes


def compared(model: Recommender, onnx: Onnx, histories: list[list[str]]) -> tuple[int, float]:
    """Histories for which ONNX Runtime names other items, and the largest difference of a score."""
    unequal, worst = 0, 0.0
    for history in histories:
        ours, theirs = model.recommend(history), onnx.recommend(history)
        unequal += [name for name, _ in ours] != [name for name, _ in theirs]
        worst = max(worst, *(abs(a - b) for (_, a), (_, b) in zip(ours, theirs, strict=True)))
    return unequal, float(worst)


def main(
    model: Path,
    data: Annotated[Path | None, "histories of its users; must be the data of the model"] = None,
    older: Annotated[Path | None, "another model, of which a patch makes this one"] = None,
    calls: int = 1000,
) -> dict:
    one_core()
    openings = turns({"open": Recommender.open}, [model] * 9)["open"]
    runtime = Recommender.open(model)
    ids, size = runtime.item_ids, model.stat().st_size
    with tempfile.TemporaryDirectory() as folder:
        onnx_bytes = write_onnx(model, Path(folder) / "model.onnx")
        onnx_opening, onnx = timed(lambda: Onnx(Path(folder) / "model.onnx", ids))
    ways = {"sparserec": runtime.recommend, DENSE: Dense(ids).recommend, "ONNX Runtime": onnx.recommend}
    rows, unequal, worst, count = [], 0, 0.0, min(COMPARED, calls)
    for kind in ("users", "random") if data else ("random",):
        for length in (length for length in SIZES if length < len(ids)):
            generator = np.random.default_rng(length)
            if kind == "users":
                histories = user_histories(data, ids, length, length, calls, generator)
            else:
                histories = random_histories(ids, length, calls, generator)
            others, difference = compared(runtime, onnx, histories[:count])
            unequal, worst = unequal + others, max(worst, difference)
            figures = {name: quantiles(seconds) for name, seconds in turns(ways, histories, turn=TURN).items()}
            ratio = figures[DENSE]["p50 ms"] / figures["sparserec"]["p50 ms"]
            rows.append({"kind": kind, "size": length, "ratio": round(ratio, 2), **figures})
    return {
        "items": runtime.n_items,
        "columns": runtime.card.dim,
        "values": runtime.card.nnz,
        "file bytes": size,
        "calls": calls,
        "histories": rows,
        "opening ms": round(1000 * float(np.median(openings)), 1),
        "structure bytes": runtime.nbytes,
        "dense bytes": 4 * COLUMNS * len(ids),
        "onnx": {
            "bytes": onnx_bytes,
            "of the file": round(onnx_bytes / size, 3),
            "opening ms": round(1000 * onnx_opening, 1),
            "histories compared": count * len(rows),
            "with other items": unequal,
            "largest difference": worst,
        },
        "memory": memory(model, ids[:30]),
        "installed": installed(),
        "updates": updates(model, older),
    }


if __name__ == "__main__":
    run(main, quick={"calls": 20})
