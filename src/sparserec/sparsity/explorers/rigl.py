"""RigL: grow where the gradient of the last batch alone is largest.

Source: Evci et al., "Rigging the lottery: making all tickets winners" (arXiv 1911.11134). Unlike the original, the
budget is global instead of layer by layer. Every row is watched in the last step of a window: of an embedding table
only the rows of that batch have a gradient, but the evidence is as large as a dense table, which is what the sampled
rows of SparseRec avoid.
"""

from __future__ import annotations

from sparserec.sparsity.explorers.base import ExplorerKind, Policy
from sparserec.sparsity.explorers.scores import by_magnitude

RIGL = Policy(watches="all", grow_scores=by_magnitude)
KIND = ExplorerKind(
    policy=lambda settings: RIGL,
    summary="grows by the gradient of the last batch",
    source="[arXiv 1911.11134](https://arxiv.org/abs/1911.11134)",
    differs="one budget over all tables",
)
