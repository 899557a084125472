"""A mask that never moves: the initial one is the last one."""

from __future__ import annotations

from sparserec.sparsity.explorers.base import ExplorerKind, Policy
from sparserec.sparsity.explorers.scores import by_magnitude

STATIC = Policy(watches="none", grow_scores=by_magnitude, explores=False)
KIND = ExplorerKind(
    policy=lambda settings: STATIC,
    summary="the initial mask is the last",
)
