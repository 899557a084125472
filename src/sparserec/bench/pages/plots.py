"""Plots: of the paper's grid, one panel a base and data set, and of accuracy against the bytes of an item."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sparserec.bench.convergence import STARTS
from sparserec.bench.pages import convergence, factorisation, history
from sparserec.bench.pages.files import result
from sparserec.bench.pages.paper import grouped, values
from sparserec.bench.paper import DENSE, METHODS, OURS
from sparserec.bench.results import Entry
from sparserec.files import replacing

PANELS_ACROSS = 3
"""Panels side by side at most: a page shows no more of them in a size that can be read."""


def plot(entries: Sequence[Entry], against: str, path: Path) -> None:
    """Write a PNG with test NDCG@20 of every method; a line is the mean over seeds, a mark is a seed.

    Args:
        entries: of the run phase.
        against: "density" or "bytes".
        path: the file to write.
    """
    plt = _pyplot()
    groups = grouped(entries)
    panels = list(dict.fromkeys(key[:2] for key in groups))
    figure, axes = _panels(plt, len(panels))
    colours = {name: plt.get_cmap("tab20")(number % 20) for number, name in enumerate(METHODS)}
    colours[OURS] = (0.0, 0.0, 0.0, 1.0)
    for axis, panel in zip(axes, panels, strict=True):
        for method in METHODS:
            of_method = [group for key, group in groups.items() if key[:2] == panel and key[2] == method]
            if of_method:
                _line(axis, method, of_method, against, colours[method])
        axis.set(title=", ".join(panel), xlabel=against, ylabel="test NDCG@20", xscale="log")
        _ticks(axis, against, [group[0].job.density for key, group in groups.items() if key[:2] == panel])
        axis.grid(alpha=0.3)
        _cut(axis, [values(group, "ndcg@20") for key, group in groups.items() if key[:2] == panel])
    known: dict[str, Any] = {}
    for axis in axes:
        handles, labels = axis.get_legend_handles_labels()
        known |= dict(zip(labels, handles, strict=True))
    figure.legend(list(known.values()), list(known), loc="lower center", ncols=5, fontsize=8)
    figure.tight_layout(rect=(0, 0.6 / figure.get_figheight(), 1, 1))
    _save(figure, path, 120)


def _panels(plt: Any, count: int) -> tuple[Any, Any]:
    """A figure with so many panels, and their axes."""
    across = min(count, PANELS_ACROSS)
    down = -(-count // across)
    figure, grid = plt.subplots(down, across, figsize=(5.2 * across, 3.6 * down + 0.6), squeeze=False)
    for axis in grid.flat[count:]:
        axis.set_visible(False)
    return figure, grid.flat[:count]


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def _save(figure: Any, path: Path, dpi: int) -> None:
    with replacing(path) as part:
        figure.savefig(part, dpi=dpi, format="png", metadata={"Software": None})
    _pyplot().close(figure)


def _line(axis: Any, method: str, groups: Sequence[Sequence[Entry]], against: str, colour: Any) -> None:
    """One method in one panel; dense tables, which have no density, are a level line."""
    means = [statistics.mean(values(group, "ndcg@20")) for group in groups]
    if method == DENSE and against == "density":
        axis.axhline(means[0], color="black", linestyle=":", linewidth=1, label=method)
        return
    places = [
        group[0].job.density if against == "density" else statistics.mean(values(group, "bytes")) for group in groups
    ]
    width = 2.2 if method == OURS else 1.0
    axis.plot(places, means, marker="o", markersize=3.5, color=colour, linewidth=width, label=method)
    for place, group in zip(places, groups, strict=True):
        axis.plot([place] * len(group), values(group, "ndcg@20"), "_", color=colour, markersize=5)


FAR_BELOW = 0.5
"""Share of the best value in a panel under which others, such as those of random masks, would squeeze the rest."""


def _cut(axis: Any, groups: Sequence[Sequence[float]]) -> None:
    """End the panel above what lies far below the others, and say so in it."""
    means = [statistics.mean(group) for group in groups]
    near = [value for value in means if value >= FAR_BELOW * max(means)]
    if len(near) == len(means):
        return
    margin = 0.06 * (max(near) - min(near)) or 0.06 * max(near)
    axis.set_ylim(min(near) - margin, max(near) + margin)
    words = f"{len(means) - len(near)} more lie below, at {max(set(means) - set(near)):.3g} and less"
    axis.text(0.98, 0.02, words, transform=axis.transAxes, ha="right", va="bottom", fontsize=8)


def _ticks(axis: Any, against: str, densities: Sequence[float | None]) -> None:
    """The densities that were measured; bytes at 1, 2 and 5 times powers of ten."""
    from matplotlib.ticker import EngFormatter, LogLocator

    if against == "density":
        known = sorted({density for density in densities if density is not None})
        axis.set_xticks(known, [f"{density:g}" for density in known])
    else:
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter(EngFormatter(unit="B"))
    axis.minorticks_off()


def plot_curves(entries: Sequence[Entry], path: Path) -> None:
    """Write a PNG with validation NDCG@20 by epoch, a panel a cell, a line a start; a thin line is a seed."""
    plt, panels = _pyplot(), convergence.curves(entries)
    figure, axes = _panels(plt, len(panels))
    colours = {start: plt.get_cmap("tab10")(number) for number, start in enumerate(STARTS)}
    for axis, (((data, base, density), mover), starts) in zip(axes, panels.items(), strict=True):
        for start, colour in colours.items():
            for seed, curve in enumerate(starts.get(start, ())):
                label = start if seed == 0 else None
                axis.plot(range(1, len(curve) + 1), curve, color=colour, linewidth=1.2, alpha=0.8, label=label)
        title = f"{data}, {base}, {density:g}{mover.removeprefix(OURS)}"
        axis.set(title=title, xlabel="epoch", ylabel="validation NDCG@20")
        axis.grid(alpha=0.3)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=len(STARTS), title="SparseRec from", frameon=False)
    figure.tight_layout(rect=(0, 0.8 / figure.get_figheight(), 1, 1))
    _save(figure, path, 120)


BYTES_DATA = ("gowalla", "yelp2018")
SHOWN = {
    history.RECIPE: ("sparserec", "o-", "#d95f02", 2.4),
    history.START: ("spectral start alone", "o:", "#d95f02", 1.2),
    history.CODES: (history.CODES, "^-", "#1b6ca8", 1.4),
    "createml": ("Create ML's recommender", "s-", "#555555", 1.4),
    "dense": ("dense factorisation, int8", "v", "#1b9e77", 0),
    "dense SVD, 64 columns": ("dense SVD, float32", "D", "#7b3294", 0),
    "published": ("dense models as published", "*", "#c2185b", 0),
    "dense teacher": ("dense, 1,536 columns, float32", "P", "#000000", 0),
}
"""By method: what the legend says, marker and line, colour and width."""


def bytes_points(folder: Path, dataset: str) -> dict[str, list[tuple[float, float]]]:
    """Bytes an item and test NDCG@20 of each method in `SHOWN`, a pair a budget, seed or model."""
    points: dict[str, list[tuple[float, float]]] = {}
    for group in history.groups(history.measured(folder), dataset, "budgets", "pq", "teacher"):
        size, ndcg = history.mean(group, "bytes_per_item"), history.mean(group, history.NDCG)
        if size is not None and ndcg is not None:
            points.setdefault(group[0]["method"], []).append((size, ndcg))
    dense = factorisation.group(factorisation.entries(folder), dataset, "dense")
    points["dense"] = [(row["bytes_per_item"], row["ndcg@20"]) for row in dense]
    similar = [row for row in result(folder, "createml").get("rows", []) if row["similarity"] == "cosine"]
    points["createml"] = [(row["bytes an item"], row["ndcg"]) for row in similar if row["data"] == dataset]
    models = [row for row in history.published(folder, dataset) if row["columns"]]
    points["published"] = [(row["bytes an item"], row["ndcg@20"]) for row in models]
    return points


def plot_bytes(folder: Path, path: Path) -> None:
    """Write a PNG with test NDCG@20 against bytes an item, a panel a data set."""
    plt = _pyplot()
    figure, axes = plt.subplots(1, len(BYTES_DATA), figsize=(8, 4.1))
    for axis, dataset in zip(axes, BYTES_DATA, strict=True):
        points = bytes_points(folder, dataset)
        for method, (label, style, colour, width) in SHOWN.items():
            if places := sorted(points.get(method, [])):
                look = {"color": colour, "linewidth": width, "markersize": 10 if style == "*" else 6}
                axis.plot(*zip(*places, strict=True), style, label=label, zorder=2 + width, **look)
        axis.set(title=dataset, xlabel="bytes an item (log scale)", xscale="log")
        axis.set_xticks([6, 12, 24, 48, 100, 400, 1000, 6000], ["6", "12", "24", "48", "100", "400", "1k", "6k"])
        axis.minorticks_off()
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("test NDCG@20")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=3, fontsize=9, frameon=False)
    figure.tight_layout(rect=(0, 0.17, 1, 1))
    _save(figure, path, 160)
