"""Explorers: which parameters are active, and when that changes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sparserec.axes import EXPLORERS
from sparserec.section import Settings
from sparserec.sparsity.explorers.base import Explorer, ExplorerConfig, ExplorerKind, Policy, Revision
from sparserec.sparsity.seam import Revisable


def make_explorer(
    method: str,
    tables: Sequence[Revisable],
    config: ExplorerConfig,
    importance: Sequence[np.ndarray],
    seed: int,
    settings: Settings | None = None,
) -> Explorer:
    """The explorer of this method, with its settings or their defaults; see `Explorer` for the other arguments.

    Raises SparserecError for an unknown name.
    """
    kind = EXPLORERS[method]
    return Explorer(kind.policy(settings or kind.settings()), tables, config, importance, seed)


__all__ = ["EXPLORERS", "Explorer", "ExplorerConfig", "ExplorerKind", "Policy", "Revision", "make_explorer"]
