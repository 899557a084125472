"""DSL: grow where the gradient of the last batch is largest, each table keeping its own number of parameters.

Source: Wang et al., "Dynamic sparse learning: a novel paradigm for efficient recommendation" (arXiv 2402.02855). Like
the authors' code it drops the smallest |w| and grows by the gradient of one batch, table by table, a share that decays
as a cosine. Unlike it: the number of active parameters is exact, where they draw the first mask by chance and drop by
a threshold; a row keeps one active parameter at least; the mask stands still after the share `end` of the steps; a
grown parameter starts with fresh moments, where their code clears a `momentum_buffer`, which Adam doesn't have, so that
its moments go stale; and the initial mask is the one that all methods are given, where theirs is random. As with RigL,
the evidence is as large as a dense table in the steps in which it is taken.
"""

from __future__ import annotations

from sparserec.sparsity.explorers.base import ExplorerKind, Policy
from sparserec.sparsity.explorers.scores import by_magnitude

DSL = Policy(watches="all", grow_scores=by_magnitude, per_table=True)
KIND = ExplorerKind(
    policy=lambda settings: DSL,
    summary="grows by the gradient of the last batch, each table with a budget of its own",
    source="[arXiv 2402.02855](https://arxiv.org/abs/2402.02855)",
    differs=(
        "exact counts; fresh moments for grown parameters, where the authors' code clears a buffer that Adam "
        "doesn't have; the initial mask is that of all methods"
    ),
)
