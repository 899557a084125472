"""The device runtime on one core, beside a dense table and ONNX Runtime, in one run: latency, opening, memory, sizes.

    python benchmarks/device.py model.safetensors [--data DATA] [--older older.safetensors]

Histories have 5, 30 and 200 items: the first ones of users of DATA (the set the model was trained on) that have so
many, and items drawn at random. The dense table has 64 float32 columns, is scored by NumPy's BLAS and answers the same
questions: raw ids in, raw ids out, the history left out. All answer `TURN` histories in turn, so that a slow moment of
the machine meets all of them, and each finds its own table in the caches.

Writes docs/results/device.json.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):  # BLAS shall choose what is best for this processor
    os.environ.pop(name, None)

import numpy as np  # noqa: E402

import common  # noqa: E402
from sparserec.artefact import TableData, read, write  # noqa: E402
from sparserec.device import Recommender  # noqa: E402

SIZES = (5, 30, 200)
K = 20
TURN = 50
COLUMNS = 64
MEMORY = """
import sys
sys.path.insert(0, {here!r})
from common import reset_peak, status_bytes
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
        began = time.perf_counter()
        self._session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        self.opening = time.perf_counter() - began
        self._rest = {"exclude": np.zeros(0, dtype=np.int64), "k": np.array([K])}

    def recommend(self, history: list[str]) -> list[tuple[str, float]]:
        taken = np.array([self._rows[name] for name in history])
        items, scores = self._session.run(["items", "scores"], {"history": taken, **self._rest})
        return [(self._ids[row], score) for row, score in zip(items.tolist(), scores.tolist(), strict=True)]


def histories(ids: list[str], data: str | None, size: int, count: int) -> list[list[str]]:
    generator = np.random.default_rng(size)
    if data is None:
        return [[ids[i] for i in generator.choice(len(ids), size, replace=False)] for _ in range(count)]
    import sparserec

    facts, known = sparserec.load(data).interactions, set(ids)
    users = generator.choice(np.flatnonzero(facts.user_degrees() >= size), count)
    taken = [[facts.items[i] for i in facts.indices[facts.indptr[u] : facts.indptr[u + 1]]] for u in users.tolist()]
    return [[name for name in history if name in known][:size] for history in taken]


def latencies(ways: dict[str, Callable[[list[str]], object]], taken: list[list[str]]) -> dict[str, dict[str, float]]:
    times: dict[str, list[float]] = {name: [] for name in ways}
    for first in range(0, len(taken), TURN):
        for name, way in ways.items():
            for history in taken[first : first + TURN]:
                began = time.perf_counter()
                way(history)
                times[name].append(1000 * (time.perf_counter() - began))
    return {
        name: {f"p{q} ms": round(float(np.percentile(all_, q)), 3) for q in (50, 99)} for name, all_ in times.items()
    }


def memory(file: Path, history: list[str]) -> dict[str, int]:
    here = Path(__file__).resolve().parent
    # A file of some 2 kB comes first, so that code which is only loaded when it is used is not counted as the file's.
    golden = here.parent / "tests" / "golden" / "coded.safetensors"
    code = MEMORY.format(here=str(here), golden=str(golden), file=str(file), history=history)
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
    from importlib.metadata import files
    from importlib.util import find_spec

    def bytes_of(folder: Path) -> int:
        return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file() and "__pycache__" not in f.parts)

    root = Path(__file__).resolve().parent.parent
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder]
        subprocess.run([*command, str(root)], capture_output=True, check=True)
        (wheel,) = Path(folder).glob("*.whl")
        size = wheel.stat().st_size
        target = Path(folder) / "target"
        subprocess.run([sys.executable, "-m", "zipfile", "-e", str(wheel), str(target)], check=True)
        ours = bytes_of(target)
    sizes = {"wheel": size, "sparserec": ours}
    for name in ("numpy", "safetensors"):
        home = Path(str(find_spec(name).origin)).parent
        sizes[name] = sum(
            Path(str(f.locate())).stat().st_size
            for f in files(name) or []
            if Path(str(f.locate())).is_file() and "__pycache__" not in str(f)
        ) or bytes_of(home)
    return sizes


def patched(old: bytes, new: bytes) -> dict[str, float]:
    from sparserec.artefact.delta import delta
    from sparserec.artefact.patch import apply

    began = time.perf_counter()
    patch = delta(old, new)
    made = time.perf_counter() - began
    began = time.perf_counter()
    assert apply(old, patch) == new
    applied = time.perf_counter() - began
    sizes = {"patch bytes": len(patch), "new bytes": len(new)}
    return sizes | {"making s": round(made, 2), "applying s": round(applied, 2)}


def updates(model: Path, older: Path | None) -> dict[str, dict[str, float]]:
    """Patches to models with some rows learnt anew, or all values moved a little; and from another training."""
    opened = read(model)
    rows = opened.items
    if rows.indptr is None or rows.columns is None:
        return {}
    owner = np.repeat(np.arange(rows.n), np.diff(rows.indptr))
    values = rows.dequantised()

    def written(columns: np.ndarray, values: np.ndarray) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model"
            write(
                file,
                items=TableData(rows.indptr, columns, values.astype(np.float32), rows.dim),
                item_ids=opened.item_ids,
                history_factors=rows.history_factors,
                values_dtype="coded",
                recipe=opened.card.recipe,
            )
            return file.read_bytes()

    old, found = written(rows.columns, values), {}
    for share in (0.001, 0.01, 0.1):
        random = np.random.default_rng(0)
        anew = np.flatnonzero((random.random(rows.n) < share)[owner])
        columns, moved = rows.columns.astype(np.int64), values.copy()
        for row in np.unique(owner[anew]).tolist():
            first, last = int(rows.indptr[row]), int(rows.indptr[row + 1])
            columns[first:last] = np.sort(random.choice(rows.dim, last - first, replace=False))
        moved[anew] = random.permutation(values[anew])
        found[f"{share:.1%} of the rows learnt anew"] = patched(old, written(columns, moved))
    for change in (0.02, 0.2):
        moved = values * np.exp(change * np.random.default_rng(0).normal(size=len(values)))
        found[f"all values moved by about {change:.0%}"] = patched(old, written(rows.columns, moved))
    if older:
        found["another training"] = patched(older.read_bytes(), model.read_bytes())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", help="histories of its users; must be the data of the model")
    parser.add_argument("--older", type=Path, help="another model, of which a patch makes this one")
    parser.add_argument("--calls", type=int, default=1000)
    args = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[-1]})
    from sparserec.exchange import write_onnx

    openings = []
    for _ in range(9):
        began = time.perf_counter()
        model = Recommender.open(args.model)
        openings.append(1000 * (time.perf_counter() - began))
    ids = model.item_ids
    with tempfile.TemporaryDirectory() as folder:
        onnx_bytes = write_onnx(args.model, Path(folder) / "model.onnx")
        onnx = Onnx(Path(folder) / "model.onnx", ids)
    ways = {"sparserec": model.recommend, "dense, 64 columns": Dense(ids).recommend, "ONNX Runtime": onnx.recommend}
    result = {
        "items": model.n_items,
        "columns": model.card.dim,
        "values": model.card.nnz,
        "file bytes": args.model.stat().st_size,
        "calls": args.calls,
        "histories": [],
    }
    unequal, worst = 0, 0.0
    for kind, data in [("users", args.data), ("random", None)] if args.data else [("random", None)]:
        for size in SIZES:
            taken = histories(ids, data, size, args.calls)
            for history in taken[:340]:  # about 1,000 with the three sizes
                ours, theirs = model.recommend(history), onnx.recommend(history)
                unequal += [name for name, _ in ours] != [name for name, _ in theirs]
                worst = max(worst, *(abs(a - b) for (_, a), (_, b) in zip(ours, theirs, strict=True)))
            figures = latencies(ways, taken)
            ratio = figures["dense, 64 columns"]["p50 ms"] / figures["sparserec"]["p50 ms"]
            result["histories"].append({"kind": kind, "size": size, "ratio": round(ratio, 2), **figures})
    result |= {
        "opening ms": round(float(np.median(openings)), 1),
        "structure bytes": model.nbytes,
        "dense bytes": 4 * COLUMNS * len(ids),
        "onnx": {
            "bytes": onnx_bytes,
            "of the file": round(onnx_bytes / args.model.stat().st_size, 3),
            "opening ms": round(1000 * onnx.opening, 1),
            "histories compared": 340 * len(result["histories"]),
            "with other items": unequal,
            "largest difference": float(worst),
        },
        "memory": memory(args.model, ids[:30]),
        "installed": installed(),
    }
    result["updates"] = updates(args.model, args.older)
    data = " --data $SPARSEREC_DATA/gowalla" if args.data else ""
    older = f" --older {args.older.name}" if args.older else ""
    common.save("device", f"python benchmarks/device.py {args.model.name}{data}{older}", result)


if __name__ == "__main__":
    main()
