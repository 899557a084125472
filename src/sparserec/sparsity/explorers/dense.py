"""Dense tables: every parameter exists, and nothing is to be explored."""

from __future__ import annotations

from sparserec.sparsity.explorers.base import ExplorerKind
from sparserec.sparsity.explorers.static import STATIC

KIND = ExplorerKind(policy=lambda settings: STATIC, table="dense", summary="every parameter exists")
