"""The pages of results: tables and pictures from docs/results, put between the marks of the pages.

A page is Markdown that people write. Where it has `<!-- figures: NAME ABOUT -->`, a command writes the lines up to
`<!-- end of figures -->`. The pages of `sparserec bench` are written as a whole.
"""

from __future__ import annotations

from pathlib import Path

from sparserec.bench.pages import factorisation, files, findings, history, trials
from sparserec.bench.pages.markdown import Block, fill
from sparserec.bench.pages.plots import plot_bytes
from sparserec.files import write_text

BLOCKS: dict[str, Block] = {
    "result": files.section,
    "machines": files.machines,
    "history": history.accuracy,
    "parts": history.parts,
    "factorisation": factorisation.accuracy,
    "factorisation-compared": factorisation.comparison,
    "trials": trials.trials,
    "findings": findings.findings,
    "one-budget": findings.at_one_budget,
    "method": findings.method,
}
"""How each block is written, by its name."""


def write_pages(root: Path) -> list[Path]:
    """Write every block of README.md, docs/results.md and docs/results, the pages of grids, and the pictures.

    Args:
        root: of the repository.

    Returns:
        the files written.
    """
    folder = root / "docs" / "results"
    written = [*_grids(folder), folder / "bytes.png"]
    plot_bytes(folder, written[-1])
    for page in [root / "README.md", root / "docs" / "results.md", *sorted(folder.glob("*.md"))]:
        text = page.read_text()
        if "<!-- figures:" in text:
            write_text(page, fill(text, BLOCKS, folder))
            written.append(page)
    return written


def _grids(folder: Path) -> list[Path]:
    """The pages and plots of `sparserec bench`, of all that their results files hold."""
    from sparserec.bench.grids import ablations, paper
    from sparserec.bench.paper import Grid
    from sparserec.bench.results import Results
    from sparserec.bench.work import Conditions

    nowhere, written = Conditions(Path(), Path()), []
    for name in ("paper", "next_item"):
        written += paper(Grid(), folder, nowhere, print, report_only=True, name=name)
    jobs = [entry.job for entry in Results(folder / "ablations.jsonl").entries()]
    grid = Grid.of(
        datasets=tuple(dict.fromkeys(job.dataset for job in jobs)),
        bases=tuple(dict.fromkeys(job.base for job in jobs)),
        densities=tuple(dict.fromkeys(job.density for job in jobs)),
    )
    return [*written, *ablations(grid, folder, nowhere, print, report_only=True)]
