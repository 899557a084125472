"""The pages of results: tables and pictures from docs/results, put between the marks of the pages.

A page is Markdown that people write. Where it has `<!-- figures: NAME ABOUT -->`, a command writes the lines up to
`<!-- end of figures -->`. The pages of `sparserec bench` are written as a whole.
"""

from __future__ import annotations

from sparserec.bench.pages import cuts, factorisation, files, findings, history, kinds, order, recipe, trials
from sparserec.bench.pages.markdown import Block

BLOCKS: dict[str, Block] = {
    "result": files.section,
    "machines": files.machines,
    "cuts": cuts.gained,
    "order": order.by_budget,
    "recipe": recipe.by_seeds,
    "earlier": recipe.beside_earlier,
    "history": history.accuracy,
    "parts": history.parts,
    "factorisation": factorisation.accuracy,
    "factorisation-compared": factorisation.comparison,
    "trials": trials.trials,
    "kinds": kinds.kinds,
    "findings": findings.findings,
    "one-budget": findings.at_one_budget,
    "method": findings.method,
}
"""How each block is written, by its name."""
