"""A history-based recommender at several budgets, its ingredients one by one, and its rivals; writes docs/results.

    python benchmarks/fism_results.py plan     # the jobs, and which are done
    python benchmarks/fism_results.py valid    # trains and chooses; the validation part alone is read
    python benchmarks/fism_results.py test     # the same jobs on the test part, from the exported file

Every phase goes on where it was cut off: what is in the results file is not done again, and a run folder that was begun
is resumed. A job has a process of its own. Examples:

    python benchmarks/fism_results.py valid --threads 1 --workers 2 --work /tmp/fism
    python benchmarks/fism_results.py test --kinds budgets --seeds 0 1 2 --work /tmp/fism
    python benchmarks/fism_results.py plan --datasets tiny --data tiny=/tmp/tiny --results /tmp/fism.jsonl
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from importlib import resources
from pathlib import Path

import common
from mf_results import cancel
from sparserec.bench.pages.files import lines_of
from sparserec.settings import TeacherConfig

DATASETS = ("gowalla", "yelp2018")
BUDGETS, SPECTRAL_BUDGETS = (6, 12, 24, 48), (12, 24)
"""Bytes an item."""
DEFAULT = 12
"""Bytes an item of the run whose ingredients are changed."""
SVD_COLUMNS = 64
KINDS = ("budgets", "ingredients", "teacher", "pq")
INGREDIENTS: dict[str, dict] = {
    "start: random": {"init": "random"},
    "training: none": {"epochs": 0, "method": "static"},
    "mask: fixed": {"method": "static"},
    "mask: SET": {"method": "set"},
    "mask: RigL": {"method": "rigl"},
    "teacher: the filter alone": {"teacher": {"share": 0.0}},
    "teacher: none, softmax over interactions": {"loss": "softmax", "batch_size": 1024, "n_negatives": 512},
    "loss: list-softmax": {"loss": "list-softmax"},
    "loss: relaxed-ranking": {"loss": "relaxed-ranking"},
    "values: int8, as many": {"values": "int8", "as_many_as": "coded"},
    "width: 256": {"dim": 256},
    "width: 512": {"dim": 512},
    "width: 1024": {"dim": 1024},
}


def recipe(name: str) -> dict:
    """A recipe's settings in full: results of an earlier version of it are those of other jobs."""
    settings = tomllib.loads((resources.files("sparserec") / "recipes" / f"{name}.toml").read_text())
    settings.pop("small_epochs", None)  # plays no part where users are as many as here
    return settings


def choices(kind: str) -> Iterator[tuple[str, dict]]:
    """Names and settings of the jobs of one kind."""
    default = recipe("fism")
    if kind == "budgets":
        yield from (("SparseRec", {**default, "budget": f"{size}B/item"}) for size in BUDGETS)
        start = recipe("spectral")
        yield from (("spectral start", {**start, "budget": f"{size}B/item"}) for size in SPECTRAL_BUDGETS)
    elif kind == "ingredients":
        # Compared on validation, where the second training plays no part; the recipe itself is in the budgets.
        base = {**default, "budget": f"{DEFAULT}B/item", "refit": False}
        yield from ((name, {**base, **change}) for name, change in INGREDIENTS.items())
    elif kind == "teacher":
        given = TeacherConfig(**default.get("teacher", {})).model_dump(exclude_none=True)
        yield "dense teacher", {"dim": default["dim"], "teacher": given}
        yield "closed-form filter", {"dim": default["dim"], "teacher": {**given, "share": 0.0}}
        narrow = {**given, "rank": SVD_COLUMNS, "neighbours": 0.0, "share": 0.0}
        yield f"dense SVD, {SVD_COLUMNS} columns", {"dim": SVD_COLUMNS, "teacher": narrow}
    else:
        teacher = {"teachers": ["filter", "trained"]}
        yield from (("product quantisation", {"budget": f"{size}B/item", **teacher}) for size in BUDGETS)


def jobs(args: argparse.Namespace) -> list[dict]:
    found = []
    for dataset in args.datasets:
        for kind in args.kinds:
            for seed in args.seeds if kind in ("budgets", "ingredients") else (0,):
                for place, (method, settings) in enumerate(choices(kind)):
                    # The spectral start has no chance in it but that of its singular vectors.
                    size = settings.get("budget", "")
                    wanted = kind not in ("budgets", "pq") or size in {f"{count}B/item" for count in args.budgets}
                    wanted = wanted and (not args.methods or method in args.methods)
                    if wanted and (method != "spectral start" or seed == args.seeds[0]):
                        job = {"dataset": dataset, "kind": kind, "method": method, "place": place}
                        job["change"] = sorted(["refit", *INGREDIENTS.get(method, ())]) if kind == "ingredients" else []
                        found.append({**job, "settings": {**settings, "seed": seed}})
    return found


def one(job: dict) -> dict:
    """Do one job in this process: on validation, and in the test phase on the test part too."""
    import sparserec

    data = sparserec.load(job["data"])
    measure = {"teacher": dense_teacher, "pq": product_quantisation}.get(job["kind"], trained)
    return measure(job, data)


def trained(job: dict, data) -> dict:
    """Train, or go on with the run folder; export and measure the file through the device runtime."""
    import sparserec
    from sparserec.artefact import inspect
    from sparserec.device import Recommender
    from sparserec.runs import evaluate_on_device
    from sparserec.training.checkpoint import load_state

    config = configuration(job["settings"], data)
    # Settings that the package got since are settings of another run.
    folder = Path(job["folder"]) / hashlib.sha256(config.model_dump_json().encode()).hexdigest()[:8]
    measured = folder / "measured.json"
    begun = (folder / "config.toml").exists()
    began = time.perf_counter()
    lender = None if begun else lender_of(job, config, data)
    run = sparserec.train(data, folder, config=config, threads=job["threads"], resume=True, teacher_from=lender)
    seconds, peak = time.perf_counter() - began, common.status_bytes("VmHWM")
    if run.ended == "interrupted":
        sys.exit("interrupted")
    if not measured.exists():
        # A training that was cut off, or took the teacher of another, has no time of its own.
        measured.write_text(json.dumps({} if begun or lender else {"seconds": seconds, "peak_rss": peak}))
    best, history = run.valid_metrics(), run.log()
    result = {"run_valid_ndcg@20": best["ndcg@20"], "run_valid_recall@20": best["recall@20"], "epoch": best["epoch"]}
    result["epochs_run"] = sum(entry["epoch"] >= 0 for entry in history)
    result["curve"] = [round(entry["ndcg@20"], 5) for entry in history]
    result |= {"ended": run.ended, **json.loads(measured.read_text())}
    start = folder / "start.safetensors"
    result["teacher"] = load_state(start)[1].get("teacher") if start.exists() else None
    file, split = folder / "model.safetensors", run.split()
    for part in parts(job):
        # Validation judges the model that never saw it, the test part the one that was trained once more with it.
        run.export(file, refitted=run.is_refitted and part == "test")
        result |= metrics_of(part, evaluate_on_device(Recommender.open(file), split, part))
    facts = inspect(file)
    size = facts["bytes"]["total"] - facts["bytes"]["ids"]
    return {**result, **table_of(split, size), "parameters": run.parameters()}


def lender_of(job: dict, config, data) -> Path | None:
    """A finished run of an earlier job that had the same teacher, so that it need not be made again."""
    from sparserec.training.start import needs_teacher, same_teacher

    from sparserec.errors import SparserecError
    from sparserec.runs.data import cut
    from sparserec.runs.run import Run

    if not needs_teacher(config):
        return None
    split = cut(data, config.data)
    for found in sorted(Path(job["folder"]).parent.glob("*/*/measured.json")):
        try:
            run = Run.open(found.parent, split)
        except SparserecError:  # of another data set
            continue
        final = not config.refit or (run.folder / "final" / "teacher.npy").exists()
        if final and same_teacher(run.config, config) and (run.folder / "teacher.npy").exists():
            return run.folder
    return None


def configuration(settings: dict, data):
    """A job's `RunConfig`; "as_many_as" keeps the number of values that another type would have in the budget."""
    from sparserec.training.start import width
    from sparserec.training.tables import active_parameters

    from sparserec.runs.data import cut
    from sparserec.settings import parse_config

    settings = {**settings, "recipe": "fism" if settings["epochs"] else "spectral"}
    other = settings.pop("as_many_as", None)
    if other is None:
        return parse_config(settings, "a job")
    given = parse_config({**settings, "values": other}, "a job")
    split = cut(data, given.data)
    columns = width(given, split)
    count = active_parameters(given, split, columns)
    del settings["budget"]
    return parse_config({**settings, "density": count / (split.train.n_items * columns)}, "a job")


def dense_teacher(job: dict, data) -> dict:
    """The teacher that validation chooses, with all its columns in float32; made once more for the test part."""
    from sparserec.training.start import width
    from sparserec.training.teaching import choose_spectrum, teachers

    from sparserec.evaluation import evaluate
    from sparserec.runs import set_threads
    from sparserec.runs.data import cut
    from sparserec.runs.refit import everything
    from sparserec.settings import parse_config
    from sparserec.teachers import PooledTeacher

    set_threads(job["threads"])
    settings = {"model": "fism", **job["settings"]}
    result: dict = {}
    for part in parts(job):
        chosen = result.get("teacher") or job["known"].get("teacher")
        config = parse_config({**settings, **({"teacher": chosen} if chosen else {})}, "a job")
        split = cut(data, config.data)
        known = split if part == "valid" else everything(split)
        began = time.perf_counter()
        spectrum = choose_spectrum(config, known, width(config, known), lambda words: None)
        teacher = teachers(config, known, spectrum, lambda words: None)[0]
        seconds = time.perf_counter() - began
        result.setdefault("teacher", teacher.facts())
        result.setdefault("seconds", job["known"].get("seconds", seconds))
        relevant = split.valid if part == "valid" else split.test
        history = split.history(part)
        result |= metrics_of(part, evaluate(teacher.scorer(history.csr()), history, relevant))
        train = known.train
        # A share of the graph itself needs the interactions too: an item a number, and where each user's begin.
        graph = 4 * train.nnz + 8 * (train.n_users + 1) if teacher.closed.neighbours else 0
        trained = 2 * teacher.trained.dim if isinstance(teacher.trained, PooledTeacher) and teacher.share else 0
        result |= table_of(split, 4 * (teacher.closed.rank + trained) * train.n_items + graph)
    return {**result, "peak_rss": common.status_bytes("VmHWM")}


def product_quantisation(job: dict, data) -> dict:
    """The way of quantising that validation chooses for a budget."""
    from product_quantisation import Choice, Quantiser
    from sparserec.runs import set_threads
    from sparserec.runs.data import cut
    from sparserec.runs.refit import everything
    from sparserec.settings import DataConfig
    from sparserec.sparsity import parse_budget

    set_threads(job["threads"])
    split = cut(data, DataConfig())
    budget = parse_budget(job["settings"]["budget"], split.train.n_items)
    seed = job["settings"]["seed"]
    near = f"{Path(job['folder']).parent}/trained-{job['dataset']}-{seed}"
    quantiser = Quantiser(split, budget, job["threads"], seed, Path(f"{near}-valid.npz"))
    if "tried" in job["known"]:
        result = {name: job["known"][name] for name in ("tried", "chosen", "peak_rss") if name in job["known"]}
    else:
        best, tried = quantiser.choose()
        result = {"tried": tried, "chosen": vars(best) if best else None, "peak_rss": common.status_bytes("VmHWM")}
    if result["chosen"] is None:
        smallest = quantiser.smallest() / split.train.n_items
        return {**result, **sizes_of(split), "note": f"no room: the smallest codebooks take {smallest:.1f} B/item"}
    found = quantiser.judge(Choice(**result["chosen"]), "valid")
    if "test" in parts(job):
        whole = Quantiser(everything(split), budget, job["threads"], seed, Path(f"{near}-test.npz"))
        found |= whole.judge(Choice(**result["chosen"]), "test")
    # The same table twice; its time is that of the first.
    seconds = job["known"].get("seconds", found["seconds"])
    return {**result, **found, "seconds": seconds, **table_of(split, found["bytes"])}


def parts(job: dict) -> tuple[str, ...]:
    """The parts of the data that a phase reads."""
    return ("valid",) if job["phase"] == "valid" else ("valid", "test")


def metrics_of(part: str, metrics) -> dict:
    return {f"{part}_{name}": metrics[name] for name in ("recall@20", "ndcg@20")}


def sizes_of(split) -> dict:
    return {"n_items": split.train.n_items, "n_users": split.train.n_users}


def table_of(split, size: int) -> dict:
    return {"bytes": size, "bytes_per_item": size / split.train.n_items, **sizes_of(split)}


def done(file: Path, phase: str) -> dict[tuple, dict]:
    return {key_of(entry): entry for entry in lines_of(file.parent, file.stem) if entry["phase"] == phase}


def key_of(job: dict) -> tuple:
    return job["dataset"], job["kind"], job["method"], json.dumps(job["settings"], sort_keys=True)


def title(job: dict) -> str:
    settings = job["settings"]
    budget = f", {settings['budget']}" if job["kind"] in ("budgets", "pq") else ""
    return f"{job['dataset']} {job['kind']}: {job['method']}{budget}, seed {settings['seed']}"


def plan(args: argparse.Namespace) -> None:
    """Print the jobs, and which are done."""
    valid, test, every = done(args.results, "valid"), done(args.results, "test"), jobs(args)
    for job in every:
        marks = [name for name, known in (("valid", valid), ("test", test)) if key_of(job) in known]
        print(f"{', '.join(marks) or '-':12} {title(job)}")
    counts = (sum(key_of(job) in known for job in every) for known in (valid, test))
    print("of {} jobs, {} done on validation and {} on test".format(len(every), *counts))


def work(args: argparse.Namespace) -> None:
    """Do the jobs of a phase that are not in the results file; a failure lets those that run come to their end."""
    known, earlier = done(args.results, args.phase), done(args.results, "valid")
    every = jobs(args)
    todo = [job for job in every if key_of(job) not in known]
    print(f"{len(every) - len(todo)} of {len(every)} results in {args.results}, {len(todo)} to do", flush=True)
    failed = None
    with ThreadPoolExecutor(args.workers) as pool:
        started = {pool.submit(in_a_process, job, earlier.get(key_of(job), {}), args): job for job in todo}
        try:
            for future in as_completed(started):
                if future.cancelled():
                    continue
                if error := future.exception():
                    failed = failed or (started[future], error)
                    cancel(started)
                else:
                    record(future.result(), args.results)
        except BaseException:
            cancel(started)
            raise
    if failed:
        job, error = failed
        raise RuntimeError(f"{title(job)} failed; what was done is recorded, the same command goes on") from error


def in_a_process(job: dict, known: dict, args: argparse.Namespace) -> dict:
    """A process a job: peak memory is that job's own, and a crash loses one result."""
    name = hashlib.sha256(repr(key_of(job)).encode()).hexdigest()[:16]
    path = args.data.get(job["dataset"]) or common.data_path(job["dataset"])
    job = {"phase": args.phase, **job, "threads": args.threads}
    call = {**job, "data": path, "folder": str(Path(args.work) / name), "known": known}
    answer = subprocess.run(
        [sys.executable, __file__, "one", json.dumps(call)], stdout=subprocess.PIPE, text=True, check=True
    )
    return {**job, **json.loads(answer.stdout.splitlines()[-1])}


def record(entry: dict, file: Path) -> None:
    """Append a result to the results file, in one write."""
    file.parent.mkdir(parents=True, exist_ok=True)
    torn = file.exists() and file.stat().st_size and not file.read_bytes().endswith(b"\n")
    line = ("\n" if torn else "") + json.dumps(entry) + "\n"
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, line.encode())
        os.fsync(handle)
    finally:
        os.close(handle)
    figures = (f"{name} {value:.4g}" for name, value in entry.items() if isinstance(value, (int, float)))
    print(f"{title(entry)}: {', '.join(figures)}", flush=True)


def named_path(text: str) -> tuple[str, str]:
    name, sign, path = text.partition("=")
    if not (name and sign and path):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PATH")
    return name, path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("phase", choices=["plan", "valid", "test", "one"])
    parser.add_argument("job", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("--datasets", nargs="+", default=list(DATASETS), help=f"default {' '.join(DATASETS)}")
    parser.add_argument(
        "--data", type=named_path, action="append", default=[], metavar="NAME=PATH", help="else SPARSEREC_DATA/NAME"
    )
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS, help="only these jobs (default all)")
    parser.add_argument("--budgets", type=int, nargs="+", default=list(BUDGETS), help="bytes an item (default all)")
    parser.add_argument("--methods", nargs="+", default=[], metavar="NAME", help="only these, as plan names them")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of budgets and ingredients (default 0)")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--workers", type=int, default=1, help="jobs at a time (default 1)")
    parser.add_argument("--work", default="runs", help="folder for run folders (default runs)")
    parser.add_argument("--results", type=Path, default=common.RESULTS / "fism.jsonl")
    args = parser.parse_args()
    args.data = dict(args.data)
    if args.phase == "one":
        print(json.dumps(one(json.loads(args.job))))
    elif args.phase == "plan":
        plan(args)
    else:
        work(args)


if __name__ == "__main__":
    main()
