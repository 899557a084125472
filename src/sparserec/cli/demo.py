"""`sparserec demo`: the whole way on a synthetic catalogue, in about a minute."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sparserec.cli.console import print_table, say
from sparserec.cli.progress import TrainingProgress
from sparserec.files import make_folder
from sparserec.units import bytes_text

if TYPE_CHECKING:
    from sparserec import Run
    from sparserec.interactions import Dataset, Split

DENSE = {"recipe": "mf-small", "method": "dense", "epochs": 8, "dim": 64, "data": {"holdout": True}}
"""The dense table that the recipe is compared with; its values are float32 while it is trained."""
OURS: dict[str, Any] = {}
"""Settings put over those of the default recipe: none."""


def demo(
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Keep the run folders and the exported file here.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the catalogue and of training.")] = 0,
    threads: Annotated[int | None, typer.Option(help="CPU threads; OMP_NUM_THREADS, else all, when not given.")] = None,
) -> None:
    """Make a small catalogue, train the default recipe on it, compare with dense and popularity, export, recommend.

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
    from sparserec.artefact import inspect
    from sparserec.evaluation import Popularity, evaluate
    from sparserec.interactions import synthetic

    dataset, titles = synthetic(seed=seed)
    facts = dataset.interactions
    say(
        f"A synthetic catalogue: {facts.n_users:,} users, {facts.n_items:,} items, {facts.nnz:,} interactions "
        "with power-law popularity and overlapping tastes."
    )
    say("", "A dense table, by matrix factorisation:")
    dense = _trained(dataset, folder / "dense", seed, threads, DENSE)
    say("", "The default recipe:")
    ours = _trained(dataset, folder / "run", seed, threads, OURS)
    file = folder / "model.safetensors"
    ours.export(file)
    sizes = inspect(file)["bytes"]
    parts = ours.split()
    popular = evaluate(Popularity(parts.history("test"), facts.n_items), parts.history("test"), parts.test)
    dense_bytes, our_bytes = 4 * dense.parameters(), sizes["total"] - sizes["ids"]
    rows = [
        _row("popularity", popular.as_dict()),
        _row("dense, float32", dense.evaluate("test").as_dict(), dense_bytes, facts.n_items, dense_bytes),
        _row("default recipe", ours.evaluate("test").as_dict(), our_bytes, facts.n_items, dense_bytes),
    ]
    print_table(
        "Test part, all items ranked, by models before they were trained on it (bytes: without raw ids)",
        ["model", "recall@20", "ndcg@20", "bytes", "bytes/item", "smaller"],
        rows,
    )
    say(f"The exported file was then trained on {ours.trained_on}, the test part too.")
    _show(file, dict(zip(facts.items.to_list(), titles, strict=True)), parts)


def _trained(dataset: Dataset, folder: Path, seed: int, threads: int | None, settings: dict[str, Any]) -> Run:
    from sparserec.runs import train

    data = {"split_seed": seed, **settings.get("data", {})}
    with TrainingProgress() as progress:
        told = {"report": progress.report, "follow": progress.follow}
        return train(dataset, folder, seed=seed, threads=threads, **told, **{**settings, "data": data})


def _row(
    name: str, metrics: dict[str, float], size: float | None = None, n_items: int = 1, dense: float = 0.0
) -> list[str]:
    """A line of the table: metrics, and bytes in all, an item, and how often they go into those of the dense table."""
    sizes = ["-"] * 3 if size is None else [bytes_text(size), f"{size / n_items:.1f}", f"{dense / size:.1f}x"]
    return [name, f"{metrics['recall@20']:.4f}", f"{metrics['ndcg@20']:.4f}", *sizes]


def _show(file: Path, titles: dict[str, str], parts: Split) -> None:
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
