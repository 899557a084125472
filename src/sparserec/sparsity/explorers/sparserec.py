"""SparseRec: grow where gradients accumulated over the window are largest, in a sample of important rows.

Source: "Sparser training for on-device recommendation systems" (arXiv 2411.12205); what the abstract leaves open is
settled in docs/guide/sparsity.md.
"""

from __future__ import annotations

from sparserec.sparsity.explorers.base import Policy
from sparserec.sparsity.explorers.scores import by_magnitude

SPARSEREC = Policy(watches="sample", grow_scores=by_magnitude)
