"""Plots of the paper's grid: accuracy against density and against bytes, one panel a base and data set."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sparserec.bench.page import grouped, values
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
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    groups = grouped(entries)
    panels = list(dict.fromkeys(key[:2] for key in groups))
    across = min(len(panels), PANELS_ACROSS)
    down = -(-len(panels) // across)
    figure, grid = plt.subplots(down, across, figsize=(5.2 * across, 3.6 * down + 0.6), squeeze=False)
    axes, unused = grid.flat[: len(panels)], grid.flat[len(panels) :]
    for axis in unused:
        axis.set_visible(False)
    colours = {name: plt.get_cmap("tab20")(number % 20) for number, name in enumerate(METHODS)}
    colours[OURS] = (0.0, 0.0, 0.0, 1.0)
    for axis, panel in zip(axes, panels, strict=True):
        for method in METHODS:
            own = [group for key, group in groups.items() if key[:2] == panel and key[2] == method]
            if own:
                _line(axis, method, own, against, colours[method])
        axis.set(title=", ".join(panel), xlabel=against, ylabel="test NDCG@20", xscale="log")
        _ticks(axis, against, [group[0].job.density for key, group in groups.items() if key[:2] == panel])
        axis.grid(alpha=0.3)
        _cut(axis, [values(group, "ndcg@20") for key, group in groups.items() if key[:2] == panel])
    known = {}
    for axis in axes:
        handles, labels = axis.get_legend_handles_labels()
        known |= dict(zip(labels, handles, strict=True))
    figure.legend(list(known.values()), list(known), loc="lower center", ncols=5, fontsize=8)
    figure.tight_layout(rect=(0, 0.6 / figure.get_figheight(), 1, 1))
    with replacing(path) as part:
        figure.savefig(part, dpi=120, format="png", metadata={"Software": None})
    plt.close(figure)


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
    found = [statistics.mean(group) for group in groups]
    near = [value for value in found if value >= FAR_BELOW * max(found)]
    if len(near) == len(found):
        return
    margin = 0.06 * (max(near) - min(near)) or 0.06 * max(near)
    axis.set_ylim(min(near) - margin, max(near) + margin)
    words = f"{len(found) - len(near)} more lie below, at {max(set(found) - set(near)):.3g} and less"
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
