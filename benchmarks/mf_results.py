"""Matrix factorisation on gowalla and yelp2018: dense, SparseRec and its rivals at equal bytes; writes docs/results.

Two phases, each resumable: what is in the results file is not done again.

    python benchmarks/mf_results.py tune    # settings of every method, chosen on validation
    python benchmarks/mf_results.py run     # the chosen settings, several seeds, test part read once

Every method has the same loss, epochs, negatives and the same list of settings to choose from. What is measured is the
exported file through the device runtime.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "docs" / "results" / "mf.jsonl"

DIM, DENSITY = 64, 0.1
DATASETS = ("gowalla", "yelp2018")
METHODS: dict[str, dict] = {
    "dense": {"method": "dense", "dim": DIM},
    "SparseRec": {"method": "sparserec", "dim": DIM, "density": DENSITY},
    "static NMF mask": {"method": "static", "init": "nmf", "dim": DIM, "density": DENSITY},
    "static random mask": {"method": "static", "init": "random", "dim": DIM, "density": DENSITY},
    "narrow dense": {"method": "dense", "narrow": (DIM, DENSITY)},
    "SparseRec, wide": {
        "method": "sparserec",
        "dim": 4 * DIM,
        "density": DENSITY / 4,
        "exploration": {"sample_fraction": 0.4},
    },
    "narrow dense, for wide": {"method": "dense", "narrow": (4 * DIM, DENSITY / 4)},
}
CANDIDATES: tuple[dict, ...] = ({"weight_decay": 3e-5}, {"weight_decay": 1e-4})
TUNED_ON = "gowalla"
COMMON = {"n_negatives": 512}


def settings_of(method: str, dataset: str, candidate: dict) -> dict:
    settings = {**COMMON, **METHODS[method], **candidate}
    if "narrow" in settings:
        settings["dim"] = narrow_dim(dataset, *settings.pop("narrow"))
    return settings


@cache
def narrow_dim(dataset: str, dim: int, density: float) -> int:
    """The widest dense table whose file may be as large as that of a sparse one of this width and density."""
    from sparserec.artefact import dense_file_bytes, sparse_file_bytes
    from sparserec.interactions import load
    from sparserec.sparsity import budget_of

    facts = load(data_path(dataset)).interactions
    rows = {"n_items": facts.n_items, "n_users": facts.n_users}
    nnz = budget_of(density, facts.n_items + facts.n_users, dim)
    allowed = sparse_file_bytes(**rows, nnz=nnz, dim=dim, values_dtype="int8")
    return max(d for d in range(1, dim) if dense_file_bytes(**rows, dim=d, values_dtype="int8") <= allowed)


def data_path(dataset: str) -> str:
    root = os.environ.get("SPARSEREC_DATA")
    if not root:
        sys.exit("set SPARSEREC_DATA to the folder that holds gowalla/ and yelp2018/")
    return str(Path(root) / dataset)


def one(job: dict) -> dict:
    """Train one job in this process, or go on with its run folder; in the run phase, export and evaluate on test."""
    import sparserec
    from sparserec.artefact import inspect
    from sparserec.bench.one import peak_rss
    from sparserec.device import Recommender
    from sparserec.runs import evaluate_on_device

    folder = Path(job["folder"])
    data = sparserec.load(data_path(job["dataset"]))
    began = time.perf_counter()
    run = sparserec.train(data, folder, recipe="mf", threads=job["threads"], resume=True, **job["settings"])
    seconds = time.perf_counter() - began
    best = run.valid_metrics()
    result = {"valid": best["ndcg@20"], "valid_recall": best["recall@20"], "epoch": best["epoch"], "seconds": seconds}
    result["curve"] = [round(entry["ndcg@20"], 4) for entry in run.log()]
    if job["phase"] == "run":
        file = folder / "model.safetensors"
        run.export(file)
        facts = inspect(file)
        model = Recommender.open(file)
        test = evaluate_on_device(model, run.split(), "test").as_dict()
        result |= {
            "recall@20": test["recall@20"],
            "ndcg@20": test["ndcg@20"],
            "bytes": facts["bytes"]["total"] - facts["bytes"]["ids"],
            "bytes_per_item": facts["bytes_per_item"],
            "parameters": run.parameters(),
        }
        if job["method"].startswith("SparseRec"):
            new = evaluate_on_device(model, run.split(), "test", from_history=True).as_dict()
            result |= {"new_user_recall@20": new["recall@20"], "new_user_ndcg@20": new["ndcg@20"]}
    result["peak_rss"] = peak_rss()
    return result


def done(phase: str) -> dict[tuple, dict]:
    if not RESULTS.exists():
        return {}
    entries = [json.loads(line) for line in RESULTS.read_text().splitlines() if line]
    return {key_of(entry): entry for entry in entries if entry["phase"] == phase}


def key_of(job: dict) -> tuple:
    return job["dataset"], job["method"], json.dumps(job["settings"], sort_keys=True)


def jobs(phase: str, args: argparse.Namespace) -> list[dict]:
    found = []
    for dataset in (TUNED_ON,) if phase == "tune" else args.datasets:
        for method in METHODS:
            if phase == "tune":
                choices = [({**settings_of(method, dataset, c), "seed": 0}) for c in CANDIDATES]
            else:
                choices = [{**settings_of(method, dataset, chosen(method)), "seed": seed} for seed in args.seeds]
            for settings in choices:
                settings["epochs"] = settings["patience"] = args.epochs  # no run stops in a dip of the first epochs
                found.append({"phase": phase, "dataset": dataset, "method": method, "settings": settings})
    return found


def chosen(method: str) -> dict:
    """The candidate with the best validation NDCG@20 for this method."""
    tried = [entry for entry in done("tune").values() if entry["method"] == method]
    if len(tried) < len(CANDIDATES):
        sys.exit(f"{method} has not been tuned yet: run the tune phase first")
    best = max(tried, key=lambda entry: entry["valid"])["settings"]
    return {name: best[name] for name in CANDIDATES[0]}


def work(phase: str, args: argparse.Namespace) -> None:
    known = done(phase)
    todo = [job for job in jobs(phase, args) if key_of(job) not in known]
    print(f"{len(known)} results in {RESULTS}, {len(todo)} to do", flush=True)
    failed = None
    with ThreadPoolExecutor(args.workers) as pool:
        started = {pool.submit(in_a_process, job, args): job for job in todo}
        try:
            for future in as_completed(started):
                if future.cancelled():
                    continue
                if error := future.exception():
                    # No new ones; those that run already come to their end and are recorded.
                    failed = failed or (started[future], error)
                    cancel(started)
                else:
                    record(future.result())
        except BaseException:
            cancel(started)
            raise
    if failed:
        job, error = failed
        name = f"{job['dataset']}, {job['method']}, seed {job['settings']['seed']}"
        raise RuntimeError(f"{name} failed; what was done is recorded, the same command goes on from there") from error


def cancel(futures: Iterable[Future]) -> None:
    """Jobs that have not begun don't begin."""
    for future in futures:
        future.cancel()


def record(entry: dict) -> None:
    """Append a result to the results file."""
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    with RESULTS.open("a") as file:
        file.write(json.dumps(entry) + "\n")
        file.flush()
        os.fsync(file.fileno())
    figures = (f"{name} {value:.4g}" for name, value in entry.items() if isinstance(value, (int, float)))
    print(f"{entry['dataset']} {entry['method']}: {', '.join(figures)}", flush=True)


def in_a_process(job: dict, args: argparse.Namespace) -> dict:
    """A process a job: peak memory is that job's own, and a crash loses one result."""
    # A run folder is named by what is in it: a run that was cut off goes on, and the run phase takes over seed 0.
    name = hashlib.sha256(repr(key_of(job)).encode()).hexdigest()[:16]
    call = {**job, "threads": args.threads, "folder": str(Path(args.work) / name)}
    answer = subprocess.run(
        [sys.executable, __file__, "one", json.dumps(call)], stdout=subprocess.PIPE, text=True, check=True
    )
    return {**job, "threads": args.threads, **json.loads(answer.stdout.splitlines()[-1])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("phase", choices=["tune", "run", "one"])
    parser.add_argument("job", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("--datasets", nargs="+", default=list(DATASETS), choices=DATASETS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of the run phase (default 0 1 2)")
    parser.add_argument("--epochs", type=int, default=8, help="epochs at most, for every method (default 8)")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--workers", type=int, default=1, help="jobs at a time (default 1)")
    parser.add_argument("--work", default="runs", help="folder for run folders (default runs)")
    args = parser.parse_args()
    if args.phase == "one":
        print(json.dumps(one(json.loads(args.job))))
    else:
        work(args.phase, args)


if __name__ == "__main__":
    main()
