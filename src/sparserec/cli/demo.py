"""`sparserec demo`: the whole way on a synthetic catalogue, in under a minute."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from sparserec.cli.console import bytes_text, print_table, say
from sparserec.cli.progress import TrainingProgress
from sparserec.files import make_folder

EPOCHS = 8
DIM = 64


def demo(
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Keep the run folders and the exported files here.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the catalogue and of training.")] = 0,
    threads: Annotated[int | None, typer.Option(help="CPU threads; OMP_NUM_THREADS, else all, when not given.")] = None,
) -> None:
    """Make a small catalogue, train on it, compare with dense and popularity, export, recommend.

    Needs no network and no files. Examples:

        sparserec demo

        sparserec demo --out demo-output
    """
    if out is not None:
        make_folder(out)
        _run(out, seed, threads)
        return
    with tempfile.TemporaryDirectory(prefix="sparserec-demo-") as folder:
        _run(Path(folder), seed, threads)


def _run(folder: Path, seed: int, threads: int | None) -> None:
    from sparserec.evaluation import Popularity, evaluate
    from sparserec.interactions import split, synthetic

    dataset, titles = synthetic(seed=seed)
    facts = dataset.interactions
    say(
        f"A synthetic catalogue: {facts.n_users:,} users, {facts.n_items:,} items, {facts.nnz:,} interactions "
        "with power-law popularity and overlapping tastes."
    )
    parts = split(dataset, seed=seed)
    popular = evaluate(Popularity(parts.history("test"), facts.n_items), parts.history("test"), parts.test).as_dict()
    rows = [["popularity", f"{popular['recall@20']:.4f}", f"{popular['ndcg@20']:.4f}", "-", "-", "-"]]
    dense = _train(dataset, folder, "dense", seed, threads)
    sparse = _train(dataset, folder, "sparserec", seed, threads)
    for name, result in (("dense, float32", dense["run"]), ("dense, int8", dense), ("SparseRec, int8", sparse)):
        rows.append(
            [
                name,
                f"{result['recall@20']:.4f}",
                f"{result['ndcg@20']:.4f}",
                bytes_text(result["bytes"]),
                f"{result['bytes'] / facts.n_items:.1f}",
                f"{dense['run']['bytes'] / result['bytes']:.1f}x",
            ]
        )
    print_table(
        "Test part, all items ranked (bytes: the file without raw ids)",
        ["model", "recall@20", "ndcg@20", "bytes", "bytes/item", "smaller"],
        rows,
    )
    _show(sparse["file"], dict(zip(facts.items.to_list(), titles, strict=True)), parts)


def _train(dataset: Any, folder: Path, method: str, seed: int, threads: int | None) -> dict[str, Any]:
    """Train, export, and evaluate the exported file; for dense also the run, whose values are float32."""
    from sparserec.artefact import inspect
    from sparserec.runs import train

    words = {"dense": "A dense table", "sparserec": "SparseRec"}[method]
    share = "all" if method == "dense" else "a tenth"
    say("", f"{words}, {DIM} columns, {share} of its parameters active")
    with TrainingProgress() as progress:
        run = train(
            dataset,
            folder / method,
            recipe="mf-small",
            method=method,
            dim=DIM,
            epochs=EPOCHS,
            seed=seed,
            threads=threads,
            report=progress.report,
            stage=progress.stage,
            data={"split_seed": seed},
        )
    file = folder / f"{method}.safetensors"
    run.export(file)
    sizes = inspect(file)["bytes"]
    from sparserec.device import Recommender
    from sparserec.runs import evaluate_on_device

    values = evaluate_on_device(Recommender.open(file), run.split(), "test").as_dict()
    answer = {**values, "bytes": sizes["total"] - sizes["ids"], "file": file}
    if method == "dense":
        answer["run"] = {**run.evaluate("test").as_dict(), "bytes": 4 * run.parameters()}
    return answer


def _show(file: Path, titles: dict[str, str], parts: Any) -> None:
    """A new user's recommendations, by title, from the exported file alone."""
    from sparserec.device import Recommender

    model = Recommender.open(file)
    first, last = parts.train.indptr[0], parts.train.indptr[1]
    liked = [parts.train.items[int(item)] for item in parts.train.indices[first:last]][:5]
    say("Somebody without a row in the file liked:")
    for name in liked:
        say(f"  {titles[name]}")
    say("From these titles alone, the exported file recommends:")
    for name, score in model.recommend(history=liked, k=5):
        say(f"  {score:7.3f}  {titles[name]}")
