"""SET: grow at random.

Source: Mocanu et al., "Scalable training of artificial neural networks with adaptive sparse connectivity inspired by
network science", Nature Communications, 2018. Unlike the original, the budget is global instead of layer by layer,
the dropped share decays as a cosine, and random coordinates are drawn in a sample of rows, redrawn for each
exploration, so that nothing of the size of a dense table is allocated.
"""

from __future__ import annotations

from sparserec.sparsity.explorers.base import ExplorerKind, Policy
from sparserec.sparsity.explorers.scores import at_random

SET = Policy(watches="sample", grow_scores=at_random)
KIND = ExplorerKind(
    policy=lambda settings: SET,
    summary="grows by chance",
    source="Mocanu et al. 2018",
    differs="one budget over all tables, in a sample of rows",
)
