"""All pages of results and their pictures written from the results files."""

from __future__ import annotations

from pathlib import Path

from sparserec.bench.convergence import Protocol
from sparserec.bench.grids import ablations, short_training, to_the_end
from sparserec.bench.pages import BLOCKS
from sparserec.bench.pages.markdown import fill
from sparserec.bench.pages.plots import plot_bytes
from sparserec.bench.paper import Grid
from sparserec.bench.results import Results
from sparserec.bench.work import Conditions
from sparserec.files import write_text


def write_pages(root: Path) -> list[Path]:
    """Write every block of README.md and of pages in docs, the pages of grids, and the pictures.

    Args:
        root: of the repository.

    Returns:
        the files written.
    """
    folder = root / "docs" / "results"
    written = [*_grids(folder), folder / "bytes.png"]
    plot_bytes(folder, written[-1])
    for page in [root / "README.md", root / "docs" / "results.md", *sorted(folder.glob("*.md")), *_guides(root)]:
        text = page.read_text()
        if "<!-- figures:" in text:
            write_text(page, fill(text, BLOCKS, folder))
            written.append(page)
    return written


def _guides(root: Path) -> list[Path]:
    return sorted((root / "docs" / "guide").glob("*.md"))


def _grids(folder: Path) -> list[Path]:
    """The pages and plots of `sparserec bench`, of all that their results files hold."""
    nowhere, written = Conditions(Path(), Path()), []
    if (folder / "paper.jsonl").exists():
        written += to_the_end(Protocol(), folder, nowhere, print, report_only=True)
    for name in ("short_training", "next_item"):
        written += short_training(Grid(), folder, nowhere, print, report_only=True, name=name)
    jobs = [entry.job for entry in Results(folder / "ablations.jsonl").entries()]
    grid = Grid.of(
        datasets=tuple(dict.fromkeys(job.dataset for job in jobs)),
        bases=tuple(dict.fromkeys(job.base for job in jobs)),
        densities=tuple(dict.fromkeys(job.density for job in jobs)),
    )
    return [*written, *ablations(grid, folder, nowhere, print, report_only=True)]
