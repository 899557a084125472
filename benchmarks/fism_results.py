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
import os
import tomllib
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from sparserec import load, train
from sparserec.bench.data import HELD_OUT, data_path
from sparserec.bench.machine import peak_rss
from sparserec.bench.measure import METRICS, measure_file
from sparserec.bench.parts import (
    Context,
    DataConfig,
    Run,
    TeacherConfig,
    active_parameters,
    choose_spectrum,
    choose_teachers,
    cut,
    everything,
    finished,
    load_state,
    needs_teacher,
    parse_config,
    same_teacher,
    set_threads,
    width,
)
from sparserec.bench.results import Flat, Job, Results
from sparserec.bench.script import remembered, run
from sparserec.bench.timing import timed
from sparserec.bench.work import Conditions, Standing
from sparserec.bench.work import work as do_jobs
from sparserec.errors import SparserecError
from sparserec.evaluation import evaluate
from sparserec.sparsity import parse_budget
from sparserec.teachers import PooledTeacher

DATASETS = ("gowalla", "yelp2018")
BUDGETS, SPECTRAL_BUDGETS = (6, 12, 24, 48), (12, 24)
"""Bytes an item."""
DEFAULT = 12
"""Bytes an item of the run whose ingredients are changed."""
SVD_COLUMNS = 64
LAYOUT = Flat()
RESULTS = Path(__file__).resolve().parents[1] / "docs" / "results" / "fism.jsonl"
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
    settings.pop("least_budget", None)  # nor where items are
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


def jobs(
    phase: str,
    datasets: Sequence[str],
    kinds: Sequence[str],
    budgets: Sequence[int],
    methods: Sequence[str],
    seeds: Sequence[int],
) -> list[Job]:
    """The jobs of a phase, data set by data set and kind by kind."""
    sizes, every = {f"{count}B/item" for count in budgets}, []
    for dataset in datasets:
        for kind in kinds:
            for seed in seeds if kind in ("budgets", "ingredients") else (0,):
                for method, settings in choices(kind):
                    asked = kind not in ("budgets", "pq") or settings["budget"] in sizes
                    asked = asked and (not methods or method in methods)
                    # The spectral start has no chance in it but that of its singular vectors.
                    if asked and (method != "spectral start" or seed == seeds[0]):
                        every.append(Job(phase, dataset, kind, method, None, {**settings, "seed": seed}))
    return every


def one(call: dict[str, Any]) -> dict[str, Any]:
    """Do one job in this process: on validation, and in the test phase on the test part too.

    Returns:
        its figures; "place" is its place among those of its kind, "change" names the settings that differ from
        the recipe's.
    """
    job = Job(**call["job"])
    data = load(call["elsewhere"].get(job.dataset) or data_path(job.dataset))
    valid = Job(**{**call["job"], "phase": "valid"}).key
    known = {entry.job.key: entry.figures for entry in Results(Path(call["results"]), LAYOUT).entries()}.get(valid, {})
    places = [(method, settings.get("budget")) for method, settings in choices(job.base)]
    change = sorted(["refit", *INGREDIENTS[job.method]]) if job.base == "ingredients" else []
    figures = {"place": places.index((job.method, job.settings.get("budget"))), "change": change}
    figures["threads"] = call["threads"]
    measure = {"teacher": dense_teacher, "pq": product_quantisation}.get(job.base, trained)
    return figures | measure(job, data, known, call)


def trained(job: Job, data, known: dict, call: dict) -> dict:
    """Train, or go on with the run folder; export and measure the file through the device runtime."""
    config = configuration(job.settings, data)
    # Settings that the package got since are settings of another run.
    folder = Path(call["folder"]) / hashlib.sha256(config.model_dump_json().encode()).hexdigest()[:8]
    begun = (folder / "config.toml").exists()
    lender = None if begun else lender_of(Path(call["runs"]), config, data)
    given = {"config": config, "threads": call["threads"], "teacher_from": lender}
    seconds, model_run = timed(lambda: finished(train(data, folder, resume=True, **given)))
    # A training that was cut off, or took the teacher of another, has no time of its own.
    own = {} if begun or lender else {"seconds": seconds, "peak_rss": peak_rss()}
    best, history, start = model_run.valid_metrics(), model_run.log(), folder / "start.safetensors"
    figures = {f"run_valid_{name}": best[name] for name in METRICS} | {"epoch": best["epoch"]}
    figures["epochs_run"] = sum(entry["epoch"] >= 0 for entry in history)
    figures["curve"] = [round(entry["ndcg@20"], 5) for entry in history]
    figures |= {"ended": model_run.ended, **remembered(folder / "measured.json", lambda: own)}
    figures["teacher"] = load_state(start)[1].get("teacher") if start.exists() else None
    split, size = model_run.split(), 0
    for part in parts(job):
        # Validation judges the model that never saw it, the test part the one that was trained once more with it.
        refitted = model_run.is_refitted and part == "test"
        metrics = measure_file(model_run, folder / "model.safetensors", split, part, refitted)
        figures, size = figures | metrics_of(part, metrics), metrics["bytes"]
    return {**figures, **table_of(split, size), "parameters": model_run.parameters()}


def lender_of(runs: Path, config, data) -> Path | None:
    """A finished run of an earlier job that had the same teacher, so that it need not be made again."""
    if not needs_teacher(config):
        return None
    split = cut(data, config.data)
    for file in sorted(runs.glob("*/*/measured.json")):
        try:
            other = Run.open(file.parent, split)
        except SparserecError:  # of another data set
            continue
        final = not config.refit or (other.folder / "final" / "teacher.npy").exists()
        if final and same_teacher(other.config, config) and (other.folder / "teacher.npy").exists():
            return other.folder
    return None


def configuration(settings: dict, data):
    """A job's `RunConfig`; "as_many_as" keeps the number of values that another type would have in the budget."""
    settings = {**settings, "recipe": "fism" if settings["epochs"] else "spectral", "data": HELD_OUT}
    other = settings.pop("as_many_as", None)
    if other is None:
        return parse_config(settings, "a job")
    given = parse_config({**settings, "values": other}, "a job")
    split = cut(data, given.data)
    columns = width(given, split)
    count = active_parameters(given, split, columns)
    del settings["budget"]
    return parse_config({**settings, "density": count / (split.train.n_items * columns)}, "a job")


def dense_teacher(job: Job, data, known: dict, call: dict) -> dict:
    """The teacher that validation chooses, with all its columns in float32; made once more for the test part."""
    set_threads(call["threads"])
    figures: dict = {}
    for part in parts(job):
        chosen = figures.get("teacher") or known.get("teacher")
        settings = {"model": "fism", **job.settings, **({"teacher": chosen} if chosen else {})}
        config = parse_config(settings, "a job")
        split = cut(data, config.data)
        learned = split if part == "valid" else everything(split)

        def make(config=config, learned=learned):
            context = Context(config, learned, Path(call["folder"]))
            spectrum = choose_spectrum(context, width(config, learned))
            return choose_teachers(context, spectrum)[0]

        seconds, teacher = timed(make)
        figures.setdefault("teacher", teacher.facts())
        figures.setdefault("seconds", known.get("seconds", seconds))
        relevant, history = split.valid if part == "valid" else split.test, split.history(part)
        figures |= metrics_of(part, evaluate(teacher.scorer(history.csr()), history, relevant))
        # A share of the graph itself needs the interactions too: an item a number, and where each user's begin.
        graph = 4 * learned.train.nnz + 8 * (learned.train.n_users + 1) if teacher.closed.response.neighbours else 0
        members = [member.teacher for member in teacher.members if member.share]
        pooled = sum(2 * member.dim for member in members if isinstance(member, PooledTeacher))
        figures |= table_of(split, 4 * (teacher.closed.rank + pooled) * learned.train.n_items + graph)
    return {**figures, "peak_rss": peak_rss()}


def product_quantisation(job: Job, data, known: dict, call: dict) -> dict:
    """The way of quantising that validation chooses for a budget."""
    from product_quantisation import Choice, Quantiser

    set_threads(call["threads"])
    split, seed = cut(data, DataConfig()), job.settings["seed"]
    budget = parse_budget(job.settings["budget"], split.train.n_items)
    near = f"{call['runs']}/trained-{job.dataset}-{seed}"
    quantiser = Quantiser(split, budget, call["threads"], seed, Path(f"{near}-valid.npz"))
    figures = {name: known[name] for name in ("tried", "chosen", "peak_rss") if name in known}
    if "tried" not in known:
        best, tried = quantiser.choose()
        figures = {"tried": tried, "chosen": vars(best) if best else None, "peak_rss": peak_rss()}
    if figures["chosen"] is None:
        smallest = quantiser.smallest() / split.train.n_items
        return {**figures, **sizes_of(split), "note": f"no room: the smallest codebooks take {smallest:.1f} B/item"}
    choice = Choice(**figures["chosen"])
    figures |= quantiser.judge(choice, "valid")
    if job.phase == "test":
        whole = Quantiser(everything(split), budget, call["threads"], seed, Path(f"{near}-test.npz"))
        seconds = figures["seconds"]
        # The same table twice; its time is that of the first.
        figures |= {**whole.judge(choice, "test"), "seconds": known.get("seconds", seconds)}
    return {**figures, **table_of(split, figures["bytes"])}


def parts(job: Job) -> tuple[str, ...]:
    """The parts of the data that a phase reads."""
    return ("valid",) if job.phase == "valid" else ("valid", "test")


def metrics_of(part: str, metrics: Any) -> dict:
    return {f"{part}_{name}": metrics[name] for name in METRICS}


def sizes_of(split) -> dict:
    return {"n_items": split.train.n_items, "n_users": split.train.n_users}


def table_of(split, size: int) -> dict:
    return {"bytes": size, "bytes_per_item": size / split.train.n_items, **sizes_of(split)}


def tell(standing: Standing) -> None:
    words = f"{standing.done} of {standing.total} done"
    if entry := standing.entry:
        numbers = (f"{name} {value:.4g}" for name, value in entry.figures.items() if isinstance(value, (int, float)))
        words += f"; {entry.job.title}: {', '.join(numbers)}"
    print(words, flush=True)


def named_path(text: str) -> tuple[str, str]:
    name, sign, path = text.partition("=")
    if not (name and sign and path):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PATH")
    return name, path


def main(
    phase: Literal["plan", "valid", "test"],
    datasets: Sequence[str] = DATASETS,
    data: Annotated[Sequence[named_path], "NAME=PATH of data sets that are not in SPARSEREC_DATA"] = (),
    kinds: Annotated[Sequence[str], "only these jobs"] = KINDS,
    budgets: Annotated[Sequence[int], "bytes an item"] = BUDGETS,
    methods: Annotated[Sequence[str], "only these, as plan names them"] = (),
    seeds: Annotated[Sequence[int], "of budgets and ingredients"] = (0,),
    threads: int = os.cpu_count() or 1,
    workers: Annotated[int, "jobs at a time"] = 1,
    work: Annotated[Path, "for run folders"] = Path("runs"),
    results: Path = RESULTS,
) -> None:
    file = Results(results, LAYOUT)
    chosen = (datasets, kinds, budgets, methods, seeds)
    if phase != "plan":
        conditions = Conditions(Path(), work, threads, workers, elsewhere=dict(data))
        do_jobs(jobs(phase, *chosen), file, conditions, tell, one)
        return
    done, counts = {entry.job.key for entry in file.entries()}, {"valid": 0, "test": 0}
    every = list(zip(*(jobs(name, *chosen) for name in counts), strict=True))
    for both in every:
        marks = [job.phase for job in both if job.key in done]
        for name in marks:
            counts[name] += 1
        print(f"{', '.join(marks) or '-':12} {both[0].title.removesuffix(' (valid)')}")
    print("of {} jobs, {valid} done on validation and {test} on test".format(len(every), **counts))


if __name__ == "__main__":
    run(main)
