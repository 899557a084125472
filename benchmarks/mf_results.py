"""Matrix factorisation on gowalla and yelp2018: dense, SparseRec and its rivals at equal bytes; writes docs/results.

Three phases, each resumable: what is in the results file is not done again.

    python benchmarks/mf_results.py tune    # settings of every method, chosen on validation
    python benchmarks/mf_results.py run     # the chosen settings, several seeds, test part read once
    python benchmarks/mf_results.py report  # docs/results/mf.md and the plot, from the results file

Every method has the same loss, epochs, negatives and the same list of settings to choose from. What is measured is the
exported file through the device runtime.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from functools import cache
from pathlib import Path

from sparserec.bench.statistics import CLEAR, difference
from sparserec.bench.statistics import spread as spread_of

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "docs" / "results" / "mf.jsonl"
PAGE = HERE.parent / "docs" / "results" / "mf.md"
PLOT = HERE.parent / "docs" / "results" / "mf.png"

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
PAIRS = (
    ("SparseRec", "static NMF mask"),
    ("SparseRec", "static random mask"),
    ("SparseRec", "narrow dense"),
    ("SparseRec, wide", "narrow dense, for wide"),
)
MEASURES = {"Recall@20": "recall@20", "NDCG@20": "ndcg@20"}
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
    from sparserec.training import evaluate_on_device

    folder = Path(job["folder"])
    data = sparserec.load(data_path(job["dataset"]))
    began = time.perf_counter()
    run = sparserec.train(data, folder, recipe="mf", threads=job["threads"], resume=True, **job["settings"])
    seconds = time.perf_counter() - began
    best = run.valid_metrics()
    result = {"valid": best["ndcg@20"], "valid_recall": best["recall@20"], "epoch": best["epoch"], "seconds": seconds}
    result["curve"] = [round(entry["ndcg@20"], 4) for entry in run.history()]
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


def report(args: argparse.Namespace) -> None:
    PAGE.write_text("\n".join(["# Matrix factorisation at equal bytes", "", *tables()]) + "\n")
    plot(list(done("run").values()))
    print(f"wrote {PAGE} and {PLOT}")


def tables() -> list[str]:
    """Tables of the results so far, as Markdown, and how they came about."""
    entries, tuned = list(done("run").values()), done("tune")
    epochs = max((entry["settings"]["epochs"] for entry in entries), default=0)
    lines = [
        "Made by `python benchmarks/mf_results.py tune`, `... run` and `... report` from `docs/results/mf.jsonl`.",
        f"Every method has the same loss, negatives ({COMMON['n_negatives']} a batch), epochs (at most {epochs}) and",
        f"settings to choose from ({len(CANDIDATES)} weight decays). The validation part of {TUNED_ON} chose one",
        "for both data sets, and each run's own validation part its epoch. The test part was read once, from the",
        "exported file through the device runtime. Mean and standard deviation over seeds. Bytes: the exported file",
        "with values in int8, structure, scales and header, users and items together, raw ids apart. A narrow dense",
        "table has as many columns as fit those bytes. Last epoch: what it added to the validation NDCG@20.",
        "",
        "Measured twice: after SparseRec's rows had been read on test once, their share of watched rows went from",
        "0.2 to 0.4 and their drop fraction from 0.2 to 0.3, chosen on the validation part of yelp2018, and they were",
        "measured again. The rivals were measured once, but for the random mask: its first runs stopped early, as",
        "no run does now. By default the share is four times the density: 0.4 for SparseRec; for the wide rows,",
        "where that is 0.1, it was set to 0.4. The drop fraction was then a share of all active parameters; since",
        "it is one of those beyond one a row, about five sixths of that here.",
    ]
    for dataset in dict.fromkeys(entry["dataset"] for entry in entries):
        head = "method, columns, Recall@20, NDCG@20, valid NDCG@20, bytes, parameters, weight decay, last epoch"
        head += ", training, seeds"
        lines += ["", f"## {dataset}", "", f"| {head.replace(', ', ' | ')} |", "|---" * 11 + "|"]
        for method in METHODS:
            group = [e for e in entries if e["dataset"] == dataset and e["method"] == method]
            if group:
                lines.append(row(method, group, tuned))
        for name in METHODS:
            news = [e for e in entries if (e["dataset"], e["method"]) == (dataset, name) and "new_user_recall@20" in e]
            if news:
                lines += [
                    "",
                    f"{name}, every test user taken as new, their vector summed from the item rows of their history "
                    f"instead of read from the user table: Recall@20 {spread(news, 'new_user_recall@20')}, NDCG@20 "
                    f"{spread(news, 'new_user_ndcg@20')}.",
                ]
    return [*lines, *comparison(entries)]


def comparison(entries: list[dict]) -> list[str]:
    """SparseRec beside each rival of as many bytes, as Markdown: differences, and how far they are from chance."""
    found = list(compared(entries))
    if not found:
        return []
    head = "data, SparseRec, against, bytes"
    head += "".join(f", {title}, standard errors, worst against best seed" for title in MEASURES)
    lines = ["", "## SparseRec against the rivals at equal bytes", "", *verdict(entries), ""]
    lines += [
        "Difference of the means over seeds in per cent of the rival's mean, the same in standard errors of the",
        "difference (Welch), and the worst seed of SparseRec less the best one of the rival, in per cent. Bytes: by",
        "how much the file of SparseRec is larger. Seeds show the chance in training, not that of other data.",
        "",
        f"| {head.replace(', ', ' | ')} |",
        "|---" * (4 + 3 * len(MEASURES)) + "|",
    ]
    for pair in found:
        cells = [pair["data"], columns_of(pair["ours"]), f"{pair['rival'][0]['method']}, {columns_of(pair['rival'])}"]
        cells.append(f"{pair['bytes']:+.1f} %")
        for measure in MEASURES.values():
            found = pair[measure]
            cells += [f"{found.percent:+.1f} %", f"{found.errors:+.1f}", f"{found.worst:+.1f} %"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def compared(entries: list[dict]):
    """Each pair with two seeds or more a side; a measure has its difference and whether it is clear: 1, -1, or 0."""
    for dataset in dict.fromkeys(entry["dataset"] for entry in entries):
        for names in PAIRS:
            ours, rival = ([e for e in entries if (e["dataset"], e["method"]) == (dataset, name)] for name in names)
            if min(len(ours), len(rival)) < 2:
                continue
            sizes = [statistics.mean(e["bytes"] for e in group) for group in (ours, rival)]
            pair = {"data": dataset, "ours": ours, "rival": rival, "bytes": 100 * (sizes[0] / sizes[1] - 1)}
            for measure in MEASURES.values():
                pair[measure] = difference([e[measure] for e in ours], [e[measure] for e in rival])
            yield pair


def verdict(entries: list[dict]) -> list[str]:
    """In words, what the comparison shows."""
    answers: dict[int, dict[str, list[str]]] = {1: {}, -1: {}, 0: {}}
    for pair in compared(entries):
        both = {pair[measure].clear for measure in MEASURES.values()}
        rivals = answers[both.pop() if len(both) == 1 else 0]
        rivals.setdefault(pair["rival"][0]["method"], []).append(pair["data"])
    words = {1: "clearly ahead of", -1: "clearly behind", 0: "not clearly apart from"}
    told = []
    for answer, rivals in answers.items():
        if rivals:
            names = "; ".join(f"{rival} ({', '.join(data)})" for rival, data in rivals.items())
            told.append(f"{words[answer]} {names}")
    text = f"At equal bytes SparseRec is {'. It is '.join(told)}. Clear: in {' and '.join(MEASURES)} alike, every seed "
    text += "of one lies on the same side of every seed of the other, and "
    return textwrap.wrap(f"{text}at least {CLEAR:.1f} standard errors lie between the means.", 118)


def columns_of(group: list[dict]) -> str:
    return f"{group[0]['settings']['dim']} columns"


def row(method: str, group: list[dict], tuned: dict) -> str:
    first = group[0]
    # A run that took over a finished folder has no time of its own: the tuning run has.
    times = [e["seconds"] for e in [*group, *tuned.values()] if same(e, first) and e["seconds"] > 15]
    gain = statistics.mean(entry["curve"][-1] - entry["curve"][-2] for entry in group)
    seconds = f"{statistics.median(times):.0f} s" if times else "-"
    return (
        f"| {method} | {first['settings']['dim']} | {spread(group, 'recall@20')} | {spread(group, 'ndcg@20')} | "
        f"{spread(group, 'valid')} | {first['bytes']:,} | {first['parameters']:,} | "
        f"{first['settings']['weight_decay']:g} | {gain:+.4f} | {seconds}, threads: {first['threads']} | {len(group)} |"
    )


def same(entry: dict, other: dict) -> bool:
    """Whether two entries differ in their seed at most."""
    settings = [{k: v for k, v in e["settings"].items() if k != "seed"} for e in (entry, other)]
    return settings[0] == settings[1] and all(entry[k] == other[k] for k in ("dataset", "method", "threads"))


def spread(group: list[dict], name: str) -> str:
    return spread_of([entry[name] for entry in group])


def plot(entries: list[dict]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = list(dict.fromkeys(entry["dataset"] for entry in entries))
    figure, axes = plt.subplots(1, len(names), figsize=(5.6 * len(names), 3.2), squeeze=False)
    for axis, dataset in zip(axes[0], names, strict=True):
        groups = [[e for e in entries if (e["dataset"], e["method"]) == (dataset, method)] for method in METHODS]
        groups = [group for group in groups if group]
        for number, group in enumerate(groups):
            colour = "tab:orange" if group[0]["method"].startswith("SparseRec") else "tab:blue"
            values = [e["ndcg@20"] for e in group]
            axis.barh(number, statistics.mean(values), height=0.62, color=colour, alpha=0.45)
            axis.plot(values, [number] * len(values), "|", color="black", markersize=9)
        axis.set_yticks(
            range(len(groups)), [f"{g[0]['method']}, {g[0]['bytes'] / 1e6:.2f} MB" for g in groups], fontsize=8
        )
        axis.invert_yaxis()
        axis.set(title=dataset, xlabel="test NDCG@20: mean, and a line for each seed")
        axis.grid(alpha=0.3, axis="x")
    figure.tight_layout()
    figure.savefig(PLOT, dpi=130, metadata={"Software": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("phase", choices=["tune", "run", "report", "one"])
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
    elif args.phase == "report":
        report(args)
    else:
        work(args.phase, args)


if __name__ == "__main__":
    main()
