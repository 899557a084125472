"""Methods that train dense tables first and then prune them to the budget, after which the mask stands still.

"magnitude" keeps the largest |w| over all tables with their values, and training goes on with this mask. Source: Han et
al., "Learning both weights and connections for efficient neural networks" (arXiv 1506.02626); reported to be strong for
embedding tables in arXiv 2406.17335. Unlike the former it prunes once and not in rounds.

"pep" learns a threshold for each row with the values, keeps what lies furthest above it, and trains that mask again
from the initial values. Source: Liu et al., "Learnable embedding sizes for recommender systems" (arXiv 2101.07577).
Unlike the original the number of parameters that stay is exact, and the search ends after a given share of the epochs
instead of when few enough are left.
"""

from __future__ import annotations

from sparserec.sparsity.explorers.base import ExplorerKind
from sparserec.sparsity.explorers.static import STATIC
from sparserec.sparsity.settings import PruningSettings

MAGNITUDE = ExplorerKind(
    policy=lambda settings: STATIC,
    settings=PruningSettings,
    pruned_from="dense",
    summary=(
        "dense tables for `dense_share` of the epochs, cut to the largest magnitudes, then trained on with that mask"
    ),
    source="[arXiv 1506.02626](https://arxiv.org/abs/1506.02626)",
    differs="pruned once",
)
PEP = ExplorerKind(
    policy=lambda settings: STATIC,
    settings=PruningSettings,
    pruned_from="threshold",
    summary=(
        "dense tables with a learned threshold for each row, cut to what lies furthest above it, then trained again "
        "from the initial values with that mask"
    ),
    source="[arXiv 2101.07577](https://arxiv.org/abs/2101.07577)",
    differs="exact count; the search ends after `dense_share` of the epochs",
)
