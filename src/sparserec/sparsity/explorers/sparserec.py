"""SparseRec: grow where gradients accumulated over the window are largest, in a sample of important rows.

Source: "Sparser training for on-device recommendation systems" (arXiv 2411.12205); what the abstract leaves open is
settled in docs/guide/sparsity.md.
"""

from __future__ import annotations

from sparserec.sparsity.explorers.base import ExplorerKind, Policy
from sparserec.sparsity.explorers.scores import by_magnitude

SPARSEREC = Policy(watches="sample", grow_scores=by_magnitude)
KIND = ExplorerKind(
    policy=lambda settings: SPARSEREC,
    summary="grows by gradients accumulated over a window in a sample of rows",
    source="[arXiv 2411.12205](https://arxiv.org/abs/2411.12205)",
    differs="what the abstract leaves open is settled in [Sparse tables](sparsity.md)",
)
