"""Explorers: which parameters are active, and when that changes. A new one is a file and a line here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sparserec.errors import SparserecError
from sparserec.sparsity.explorers.base import Explorer, ExplorerConfig, Policy, Revision
from sparserec.sparsity.explorers.dsl import DSL
from sparserec.sparsity.explorers.rigl import RIGL
from sparserec.sparsity.explorers.set import SET
from sparserec.sparsity.explorers.sparserec import SPARSEREC
from sparserec.sparsity.explorers.static import STATIC
from sparserec.sparsity.seam import Revisable

EXPLORERS: dict[str, Policy] = {"static": STATIC, "set": SET, "rigl": RIGL, "dsl": DSL, "sparserec": SPARSEREC}


def make_explorer(
    kind: str, tables: Sequence[Revisable], config: ExplorerConfig, importance: Sequence[np.ndarray], seed: int
) -> Explorer:
    """The explorer of this name; see `Explorer` for the arguments. Raises SparserecError for an unknown name."""
    if kind not in EXPLORERS:
        raise SparserecError(f"unknown explorer {kind!r}; there are: {', '.join(EXPLORERS)}")
    return Explorer(EXPLORERS[kind], tables, config, importance, seed)


__all__ = ["EXPLORERS", "Explorer", "ExplorerConfig", "Policy", "Revision", "make_explorer"]
